"""What four cameras see of meshes whose normals are known."""

import math

import pytest
import torch

from metrics.normal_reprojection import normal_pictures, normal_reprojection
from models.geometry.mesh import Mesh
from models.geometry.primitives import cube, icosphere


def ball(radius: float) -> Mesh:
    sphere = icosphere(4)
    return sphere.with_vertices(radius * sphere.vertices)


def slabs_with_own_vertices(size: tuple[float, float, float]) -> Mesh:
    """A box whose corners are not shared between sides, so that vertex normals are those of the sides."""
    box = cube()
    corners = box.vertices[box.faces].reshape(-1, 3) * torch.tensor(size)
    return Mesh(corners, torch.arange(len(corners)).reshape(-1, 3))


def test_normals_of_a_sphere_are_its_points() -> None:
    pictures = normal_pictures(ball(60.0), size=64)
    centre = (torch.arange(64) + 0.5) / 32 - 1
    x, y = centre[None, :] * 102.4 / 60, -centre[:, None] * 102.4 / 60
    inside = x**2 + y**2 < 0.9
    wanted = torch.stack(torch.broadcast_tensors(x, y, (1 - x**2 - y**2).clamp_min(0).sqrt()))
    for view in pictures.normals:
        assert float((view - wanted)[:, inside].abs().max()) < 0.1
    covered = pictures.covered.double().mean((1, 2)) * (2 * 102.4) ** 2
    torch.testing.assert_close(covered, torch.full((4,), math.pi * 3600, dtype=torch.float64), rtol=0.02, atol=0)


def test_cameras_go_around_from_the_front() -> None:
    """A bump on the subject's left (+x) is seen by the camera of that side, and at the edge of the front picture."""
    box = slabs_with_own_vertices((10.0, 80.0, 10.0))
    bump = slabs_with_own_vertices((5.0, 5.0, 5.0))
    bump = bump.with_vertices(bump.vertices + torch.tensor([40.0, 60.0, 0.0]))
    mesh = Mesh(torch.cat([box.vertices, bump.vertices]), torch.cat([box.faces, bump.faces + len(box.vertices)]))
    front, right, back, left = normal_pictures(mesh, size=128).covered
    at_bump = slice(int((1 - 62 / 102.4) * 64), int((1 - 58 / 102.4) * 64))
    assert bool(front[at_bump, 85:92].any())
    assert not bool(front[at_bump, 30:50].any())
    assert bool(back[at_bump, 36:43].any())
    assert not bool(right[at_bump, 85:].any())
    assert not bool(left[at_bump, 85:].any())
    assert normal_reprojection(mesh, box).normal_error_front_degrees > 0


def test_the_side_that_differs_is_the_side_that_errs() -> None:
    """Where the front is a slanted roof in place of a flat side, only the front camera sees an error."""
    flat = slabs_with_own_vertices((30.0, 80.0, 30.0))
    tilted = flat.vertices.clone()
    ridge = (tilted[:, 2] > 0) & (tilted[:, 1] > 0)
    tilted[ridge, 2] -= 20.0
    found = normal_reprojection(Mesh(tilted, flat.faces), flat, size=128)
    angle = math.degrees(math.atan2(20, 160))
    assert found.normal_error_front_degrees == pytest.approx(angle, abs=0.1)
    assert found.normal_error_back_degrees == pytest.approx(0, abs=1e-3)
    assert found.normal_error_left_degrees == pytest.approx(found.normal_error_right_degrees, rel=0.02)
    assert 0 < found.normal_error_left_degrees < 90 * 0.2  # the wedge that is missing in profile


def test_the_published_number_by_hand() -> None:
    """A quarter of the width and half of the height covered by a side that looks at the camera, nothing predicted."""
    flat = slabs_with_own_vertices((25.6, 51.2, 25.6))
    found = normal_reprojection(None, flat, size=64)
    share = 1 / 8
    square = 0.5**2 + 0.5**2 + 1.0**2  # the colour of a side that looks at the camera, against black
    assert found.normal_error_pifuhd == pytest.approx(4 * square * share, rel=1e-4)
    assert found.normal_error_pifuhd_covered == pytest.approx(4 * square, rel=1e-4)
    assert found.normal_error_degrees == pytest.approx(90)


def test_the_published_number_depends_on_the_frame_and_the_covered_one_does_not() -> None:
    first, second = ball(60.0), ball(63.0)
    near = normal_reprojection(second, first, size=256, half_extent_cm=80)
    far = normal_reprojection(second, first, size=256, half_extent_cm=160)
    assert near.normal_error_pifuhd > 3 * far.normal_error_pifuhd
    assert near.normal_error_pifuhd_covered == pytest.approx(far.normal_error_pifuhd_covered, rel=0.15)


def test_no_error_against_itself() -> None:
    found = normal_reprojection(ball(50.0), ball(50.0), size=64)
    assert found[:-1] == pytest.approx([0.0] * 7, abs=1e-4)


def test_a_truth_out_of_sight_is_refused() -> None:
    far = ball(0.5).with_vertices(ball(0.5).vertices + 300)
    with pytest.raises(ValueError, match="centimetres"):
        normal_reprojection(None, far, size=64)
