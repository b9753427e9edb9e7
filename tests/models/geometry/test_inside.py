"""Inside or not: against the sphere, against the sum of solid angles, on surfaces that cut themselves or have holes."""

import math
import pickle

import pytest
import torch
from torch import Tensor

from models.geometry.free_cells import FreeCells
from models.geometry.inside import InsideTest, winding_numbers_reference
from models.geometry.mesh import Mesh
from models.geometry.primitives import cube, icosphere, torus


def points_around(count: int, half: float = 1.5, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(count, 3, generator=generator) - 1) * half


def two_meshes(first: Mesh, second: Mesh) -> tuple[Tensor, Tensor]:
    faces = torch.cat([first.faces, second.faces + first.number_of_vertices])
    return torch.cat([first.vertices, second.vertices]), faces


def test_sphere_labels_agree_with_the_formula_away_from_the_facets() -> None:
    sphere = icosphere(5)
    points = points_around(20_000)
    radius = points.norm(dim=1)
    sure = (radius - 1).abs() > 1e-3  # the facets lie up to 4e-4 below the sphere
    inside = InsideTest(sphere.vertices, sphere.faces).contains(points)
    assert bool((inside == (radius < 1))[sure].all())


@pytest.mark.parametrize("mesh", [icosphere(3), torus(16, 24), cube()], ids=["sphere", "torus", "cube"])
def test_labels_are_the_reference_s(mesh: Mesh) -> None:
    generator = torch.Generator().manual_seed(1)
    near = mesh.vertices[torch.randint(mesh.number_of_vertices, (2000,), generator=generator)]
    points = torch.cat([near + 0.05 * torch.randn(2000, 3, generator=generator), points_around(3000, 1.4)])
    winding = winding_numbers_reference(mesh.vertices, mesh.faces, points)
    assert float((winding - winding.round()).abs().max()) < 1e-6
    assert torch.equal(InsideTest(mesh.vertices, mesh.faces).contains(points), winding > 0.5)


def test_reference_knows_the_solid_angle_of_a_cube_s_side() -> None:
    box = cube()
    side = winding_numbers_reference(box.vertices, box.faces[:2], torch.zeros(1, 3))
    assert float(side) == pytest.approx(1 / 6, abs=1e-12)


def test_share_inside_is_the_volume() -> None:
    mesh = torus(80, 120)
    points = points_around(200_000)
    share = float(InsideTest(mesh.vertices, mesh.faces).contains(points).float().mean())
    corners = mesh.vertices[mesh.faces].double()
    volume = float(torch.linalg.det(corners).sum()) / 6
    assert share * 27 == pytest.approx(volume, rel=0.02)
    assert volume == pytest.approx(2 * math.pi**2 * 0.4**2, rel=0.01)


def test_overlap_of_a_surface_with_itself_is_inside() -> None:
    sphere = icosphere(2)
    vertices, faces = two_meshes(sphere, sphere.with_vertices(sphere.vertices + torch.tensor([0.8, 0.0, 0.0])))
    test = InsideTest(vertices, faces)
    points = points_around(5000, 2.0)
    assert test.closed
    assert torch.equal(test.contains(points), winding_numbers_reference(vertices, faces, points) > 0.5)
    assert bool(test.contains(torch.tensor([[0.4, 0.0, 0.0]])))  # parity would say outside


def test_hollow_and_inside_out() -> None:
    outer, inner = icosphere(3), icosphere(2)
    cavity = Mesh(inner.vertices * 0.5, inner.faces.flip(1))
    test = InsideTest(*two_meshes(outer, cavity))
    assert test.contains(torch.tensor([[0.0, 0.0, 0.0], [0.75, 0.0, 0.0], [1.5, 0.0, 0.0]])).tolist() == [
        False,
        True,
        False,
    ]
    assert not bool(InsideTest(outer.vertices, outer.faces.flip(1)).contains(points_around(500)).any())


def test_mesh_with_a_hole_is_labelled_by_its_winding_number() -> None:
    sphere = icosphere(4)
    faces = sphere.faces[sphere.vertices[sphere.faces].mean(1)[:, 1] < 0.95]
    test = InsideTest(sphere.vertices, faces)
    points = points_around(2000, 0.8)
    assert not test.closed
    assert float((test.contains(points) == (points.norm(dim=1) < 1)).float().mean()) > 0.99


def test_seams_do_not_open_a_surface() -> None:
    box = cube()
    split = Mesh(box.vertices[box.faces].reshape(-1, 3), torch.arange(36).reshape(-1, 3))
    assert InsideTest(split.vertices, split.faces).closed


def test_pickled_test_answers_alike_and_nan_is_outside() -> None:
    mesh = torus(30, 40)
    test = InsideTest(mesh.vertices, mesh.faces)
    points = points_around(1000)
    assert torch.equal(pickle.loads(pickle.dumps(test)).contains(points), test.contains(points))
    assert not bool(test.contains(torch.full((1, 3), math.nan)))
    assert test.contains(torch.zeros(0, 3)).shape == (0,)


def test_cells_answer_most_points_without_the_exact_test() -> None:
    sphere = icosphere(5)
    cells = FreeCells(sphere.vertices.double().numpy(), sphere.faces.numpy())
    windings = cells.look_up(points_around(10_000).double().numpy())[3]
    assert (windings == FreeCells.TOUCHED).mean() < 0.1
    assert 0.1 < (windings == 1).mean() < 0.2


def test_points_straight_below_edges_and_vertices_are_right() -> None:
    """A grid's vertices all lie above each other: rays pass exactly through them."""
    box = cube()
    steps = torch.linspace(-1.25, 1.25, 11)
    points = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    sure = (points.abs().amax(1) - 1).abs() > 1e-3
    inside = InsideTest(box.vertices, box.faces).contains(points)
    assert bool((inside == (points.abs().amax(1) < 1))[sure].all())


def test_windings_count_overlaps_and_turn_with_the_faces() -> None:
    ball = icosphere(2)
    vertices, faces = two_meshes(ball, ball.with_vertices(ball.vertices * 0.7))
    positions = points_around(3000).double()
    truth = winding_numbers_reference(vertices, faces, positions).round().numpy()
    assert (FreeCells(vertices.double().numpy(), faces.numpy()).winding_numbers(positions.numpy()) == truth).all()
    assert truth.max() == 2
    turned = FreeCells(vertices.double().numpy(), faces.flip(1).numpy()).winding_numbers(positions.numpy())
    assert (turned == -truth).all()


def test_bad_meshes_are_refused() -> None:
    sphere = icosphere(1)
    with pytest.raises(ValueError, match="without faces"):
        InsideTest(sphere.vertices, sphere.faces[:0])
    with pytest.raises(ValueError, match="not finite"):
        InsideTest(sphere.vertices * math.nan, sphere.faces)
