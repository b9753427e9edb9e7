"""Known motions, distances to a sphere, and even samples."""

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from models.geometry.alignment import Alignment, iterative_closest_point, similarity_alignment
from models.geometry.distances import SurfaceTree, point_to_mesh_distance
from models.geometry.normals import face_area_vectors
from models.geometry.primitives import cube, icosphere, quad_grid, torus
from models.geometry.rotations import rotation_difference, rotation_from_axis_angle
from models.geometry.sampling import sample_surface


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.manual_seed(seed), dtype=torch.float64)


def motion(batch: int, turn: float = 1.0) -> Alignment:
    return Alignment(
        rotation_from_axis_angle(turn * random(batch, 3)),
        1 + 0.3 * random(batch, seed=1).tanh(),
        random(batch, 3, seed=2),
    )


def assert_same(first: Alignment, second: Alignment, atol: float = 1e-10) -> None:
    for name, value in vars(first).items():
        torch.testing.assert_close(value, vars(second)[name], rtol=0, atol=atol)


def test_a_known_similarity_is_found() -> None:
    source, truth = random(4, 9, 3, seed=5), motion(4)
    assert_same(similarity_alignment(source, truth.apply(source)), truth)


def test_three_points_are_enough() -> None:
    source, truth = random(4, 3, 3, seed=5), motion(4)
    assert_same(similarity_alignment(source, truth.apply(source)), truth, atol=1e-8)


def test_without_scale_the_motion_is_rigid() -> None:
    source, truth = random(2, 9, 3, seed=5), motion(2)
    found = similarity_alignment(source, truth.apply(source), scale=False)
    assert found.scale.tolist() == [1, 1]
    torch.testing.assert_close(found.rotation, truth.rotation, rtol=0, atol=1e-10)


def test_a_mirror_image_is_matched_only_when_allowed() -> None:
    source = random(1, 9, 3, seed=5)
    mirrored = source * torch.tensor([-1.0, 1.0, 1.0])
    plain = similarity_alignment(source, mirrored)
    assert float(torch.linalg.det(plain.rotation)) == pytest.approx(1)
    assert float((plain.apply(source) - mirrored).norm()) > 0.1
    free = similarity_alignment(source, mirrored, allow_reflection=True)
    assert float(torch.linalg.det(free.rotation)) == pytest.approx(-1)
    torch.testing.assert_close(free.apply(source), mirrored, rtol=0, atol=1e-10)


def test_no_nearby_motion_is_better() -> None:
    source, target = random(1, 9, 3, seed=5), random(1, 9, 3, seed=6)
    weights = random(1, 9, seed=7).exp()
    best = similarity_alignment(source, target, weights=weights)

    def error(alignment: Alignment) -> float:
        return float((weights * (alignment.apply(source) - target).square().sum(-1)).sum())

    for seed in range(20):
        turn, grow, shift = (
            1e-3 * random(1, 3, seed=seed),
            1 + 1e-3 * random(1, seed=seed),
            1e-3 * random(1, 3, seed=seed + 50),
        )
        near = Alignment(rotation_from_axis_angle(turn) @ best.rotation, best.scale * grow, best.translation + shift)
        assert error(near) > error(best)


def test_a_point_of_weight_zero_does_not_count() -> None:
    source, truth = random(1, 9, 3, seed=5), motion(1)
    target = truth.apply(source).clone()
    target[0, 4] += 100
    weights = torch.ones(1, 9).double()
    weights[0, 4] = 0
    assert_same(similarity_alignment(source, target, weights=weights), truth)
    with pytest.raises(ValueError, match="only zeros"):
        similarity_alignment(source, target, weights=0 * weights)
    with pytest.raises(ValueError, match="at least 3"):
        similarity_alignment(source[:, :2], target[:, :2])


def test_inverse_and_composition() -> None:
    first, second, points = motion(3), motion(3, turn=-0.4), random(3, 5, 3, seed=9)
    torch.testing.assert_close(first.inverse().apply(first.apply(points)), points, rtol=0, atol=1e-10)
    torch.testing.assert_close(second.after(first).apply(points), second.apply(first.apply(points)), rtol=0, atol=1e-10)
    assert_same(first.after(Alignment.identity(3)), first)


def test_alignment_is_differentiable() -> None:
    target = random(1, 6, 3, seed=6)
    source = (target + 0.1 * random(1, 6, 3, seed=7)).requires_grad_()
    assert gradcheck(lambda x: similarity_alignment(x, target).apply(x), source)


@pytest.mark.parametrize("scale", [True, False])
def test_icp_brings_a_bumpy_shape_home(scale: bool) -> None:
    mesh = icosphere(4)
    x, y, z = mesh.vertices.double().T
    shape = mesh.vertices.double() * (1.3 + 0.2 * torch.sin(3 * x) * torch.cos(2 * y) + 0.15 * z)[:, None]
    truth = Alignment(
        rotation_from_axis_angle(torch.tensor([[0.1, -0.15, 0.05]], dtype=torch.float64)),
        torch.tensor([1.08 if scale else 1.0], dtype=torch.float64),
        torch.tensor([[0.05, -0.1, 0.08]], dtype=torch.float64),
    )
    points = truth.apply(sample_surface(shape, mesh.faces, 3000, torch.manual_seed(0)).points[None])[0]
    found = iterative_closest_point(shape, mesh.faces, points, scale=scale)
    assert found.converged
    assert found.steps < 30
    assert found.root_mean_square < 1e-6
    assert float(rotation_difference(found.alignment.rotation, truth.rotation)) < 1e-5
    torch.testing.assert_close(found.alignment.scale, truth.scale, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.alignment.translation, truth.translation, rtol=0, atol=1e-5)


def test_icp_reports_the_residual_of_an_inflated_surface() -> None:
    mesh = torus(24, 48)
    sampled = sample_surface(mesh.vertices.double(), mesh.faces, 2000, torch.manual_seed(0))
    outside = sampled.points + 0.01 * sampled.normals
    found = iterative_closest_point(mesh.vertices, mesh.faces, outside, scale=False)
    assert found.root_mean_square == pytest.approx(0.01, rel=0.02)


def test_distances_to_a_square() -> None:
    grid = quad_grid(3, 3)
    points = torch.tensor([[0.2, 0.1, 2.0], [0.5, -0.5, -0.25], [3.0, 0.0, 0.0], [4.0, 5.0, 0.0]], dtype=torch.float64)
    found = point_to_mesh_distance(points, grid.vertices, grid.faces)
    torch.testing.assert_close(found.distance, torch.tensor([2, 0.25, 2, 5], dtype=torch.float64))
    expected = torch.tensor([[0.2, 0.1, 0], [0.5, -0.5, 0], [1, 0, 0], [1, 1, 0]], dtype=torch.float64)
    torch.testing.assert_close(found.closest, expected)
    corners = grid.vertices.double()[grid.faces[found.face_index]]
    assert bool((found.closest >= corners.amin(1) - 1e-12).all())
    assert bool((found.closest <= corners.amax(1) + 1e-12).all())


def test_distances_to_a_sphere() -> None:
    sphere = icosphere(4)
    points = 1.7 * random(500, 3)
    distance = point_to_mesh_distance(points, sphere.vertices, sphere.faces).distance
    error = (distance - (points.norm(dim=1) - 1).abs()).abs()
    assert float(error.max()) < 2e-3  # the sagitta of a facet with edges of 0.07


def test_distances_say_what_they_cannot_do() -> None:
    mesh = cube()
    assert len(point_to_mesh_distance(torch.zeros(0, 3), mesh.vertices, mesh.faces).distance) == 0
    assert len(SurfaceTree(mesh.vertices, mesh.faces).closest(torch.zeros(1, 3)).distance) == 1
    with pytest.raises(ValueError, match="without faces"):
        point_to_mesh_distance(torch.zeros(1, 3), mesh.vertices, mesh.faces[:0])
    with pytest.raises(ValueError, match="vertices that are not finite"):
        point_to_mesh_distance(torch.zeros(1, 3), mesh.vertices / 0, mesh.faces)
    with pytest.raises(ValueError, match="points that are not finite"):
        point_to_mesh_distance(torch.full((1, 3), float("nan")), mesh.vertices, mesh.faces)


def test_samples_lie_on_the_surface_evenly_and_repeatably() -> None:
    mesh = torus(12, 24)
    count = 40_000
    samples = sample_surface(mesh.vertices.double(), mesh.faces, count, torch.Generator().manual_seed(3))
    assert float(point_to_mesh_distance(samples.points, mesh.vertices, mesh.faces).distance.max()) < 1e-7
    areas = face_area_vectors(mesh.vertices[None].double(), mesh.faces)[0].norm(dim=1)
    expected = count * areas / areas.sum()
    counted = torch.bincount(samples.face_index, minlength=len(areas))
    chi_square = float(((counted - expected) ** 2 / expected).sum())
    degrees = len(areas) - 1
    assert abs(chi_square - degrees) < 4 * math.sqrt(2 * degrees)
    again = sample_surface(mesh.vertices.double(), mesh.faces, count, torch.Generator().manual_seed(3))
    assert torch.equal(again.points, samples.points)


def test_samples_fill_a_triangle_evenly() -> None:
    vertices = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]], requires_grad=True)
    samples = sample_surface(vertices, torch.tensor([[0, 1, 2]]), 20_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(samples.points.mean(0), torch.tensor([1 / 3, 1 / 3, 0]), rtol=0, atol=0.01)
    torch.testing.assert_close(samples.normals[0], torch.tensor([0.0, 0.0, 1.0]))
    (gradient,) = torch.autograd.grad(samples.points.sum(), vertices)
    torch.testing.assert_close(gradient.sum(0), torch.full((3,), 20_000.0))
    with pytest.raises(ValueError, match="without area"):
        sample_surface(torch.zeros(3, 3), torch.tensor([[0, 1, 2]]), 4)
