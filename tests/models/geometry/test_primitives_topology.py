"""Areas, volumes and Euler characteristics that are known without a fixture."""

import math

import pytest
import torch

from models.geometry.mesh import Mesh
from models.geometry.normals import face_area_vectors
from models.geometry.primitives import cube, icosphere, quad_grid, torus, uv_sphere
from models.geometry.topology import (
    boundary_edges,
    boundary_loops,
    euler_characteristic,
    is_watertight,
    unique_edges,
    vertex_neighbours,
)


def area(mesh: Mesh) -> float:
    return float(face_area_vectors(mesh.vertices[None].double(), mesh.faces)[0].norm(dim=1).sum() / 2)


def signed_volume(mesh: Mesh) -> float:
    a, b, c = mesh.vertices.double()[mesh.faces].unbind(1)
    return float((a * torch.linalg.cross(b, c)).sum() / 6)


@pytest.mark.parametrize(
    ("mesh", "true_area", "true_volume", "tolerance"),
    [
        (icosphere(4), 4 * math.pi, 4 / 3 * math.pi, 4e-3),
        (uv_sphere(64, 128), 4 * math.pi, 4 / 3 * math.pi, 2e-3),
        (torus(96, 192, 0.3), 4 * math.pi**2 * 0.3, 2 * math.pi**2 * 0.09, 2e-3),
        (cube(), 24.0, 8.0, 1e-7),
    ],
    ids=["icosphere", "uv_sphere", "torus", "cube"],
)
def test_closed_shapes_have_their_area_and_a_positive_volume(
    mesh: Mesh, true_area: float, true_volume: float, tolerance: float
) -> None:
    assert area(mesh) == pytest.approx(true_area, rel=tolerance)
    assert signed_volume(mesh) == pytest.approx(true_volume, rel=tolerance)
    assert is_watertight(mesh.faces)
    assert boundary_loops(mesh.faces) == []


def test_the_error_of_the_sphere_falls_with_the_square_of_the_edge() -> None:
    errors = [4 * math.pi - area(icosphere(n)) for n in (2, 3, 4)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize(
    ("mesh", "characteristic", "vertices", "faces"),
    [
        (icosphere(0), 2, 12, 20),
        (icosphere(3), 2, 642, 1280),
        (cube(), 2, 8, 12),
        (uv_sphere(5, 7), 2, 30, 56),
        (torus(4, 6), 0, 24, 48),
        (quad_grid(3, 5), 1, 15, 16),
    ],
)
def test_counts(mesh: Mesh, characteristic: int, vertices: int, faces: int) -> None:
    assert euler_characteristic(mesh.faces) == characteristic
    assert (mesh.number_of_vertices, mesh.number_of_faces) == (vertices, faces)


@pytest.mark.parametrize("mesh", [cube(), quad_grid(3, 4), uv_sphere(6, 8), torus(5, 7)])
def test_uv_lies_in_the_unit_square_and_is_not_mirrored(mesh: Mesh) -> None:
    assert mesh.uv is not None
    assert mesh.face_uv is not None
    assert float(mesh.uv.min()) >= 0
    assert float(mesh.uv.max()) <= 1
    a, b, c = mesh.uv[mesh.face_uv].unbind(1)
    (x1, y1), (x2, y2) = (b - a).unbind(1), (c - a).unbind(1)
    assert float((x1 * y2 - x2 * y1).min()) > 0


def test_the_middle_of_the_sphere_s_chart_looks_at_the_viewer() -> None:
    sphere = uv_sphere(8, 8)
    assert sphere.uv is not None
    assert sphere.face_uv is not None
    middle = (sphere.uv - 0.5).norm(dim=1).argmin()
    vertex = sphere.faces[sphere.face_uv == middle][0]
    torch.testing.assert_close(sphere.vertices[vertex], torch.tensor([0.0, 0.0, 1.0]), rtol=0, atol=1e-6)


def test_edges_know_their_faces() -> None:
    faces = icosphere(1).faces
    topology = unique_edges(faces)
    assert len(topology.edges) == 3 * len(faces) // 2
    assert bool((topology.edges[:, 0] < topology.edges[:, 1]).all())
    for edge, sides in zip(topology.edges.tolist(), topology.edge_faces.tolist()):
        assert sides[0] != sides[1]
        assert all(set(edge) <= set(faces[face].tolist()) for face in sides)
    corners = torch.stack([faces, faces.roll(-1, 1)], -1).sort(-1).values
    assert torch.equal(topology.edges[topology.face_edges], corners)


def test_boundaries_and_branches_are_counted() -> None:
    one = torch.tensor([[0, 1, 2]])
    assert unique_edges(one).edge_faces.tolist() == [[0, -1]] * 3
    fan = torch.tensor([[0, 1, 2], [1, 0, 3], [0, 1, 4]])
    topology = unique_edges(fan)
    assert topology.face_count.tolist() == [3, 1, 1, 1, 1, 1, 1]
    assert not is_watertight(fan)
    assert not is_watertight(torch.zeros(0, 3, dtype=torch.long))


def test_a_flipped_face_is_not_watertight() -> None:
    faces = icosphere(0).faces.clone()
    faces[3] = faces[3].flip(0)
    assert not is_watertight(faces)


def test_the_boundary_of_a_grid_runs_counter_clockwise() -> None:
    grid = quad_grid(4, 6)
    (loop,) = boundary_loops(grid.faces)
    assert len(loop) == len(boundary_edges(grid.faces)) == 2 * (4 + 6) - 4
    x, y = grid.vertices[loop, :2].T
    assert float((x * y.roll(-1) - x.roll(-1) * y).sum() / 2) == pytest.approx(4)


def test_a_sphere_without_two_faces_has_two_loops() -> None:
    faces = icosphere(2).faces
    loops = boundary_loops(torch.cat([faces[1:200], faces[201:]]))
    assert [len(loop) for loop in loops] == [3, 3]


def test_neighbours_are_symmetric_and_complete() -> None:
    faces = torch.cat([icosphere(1).faces, torch.tensor([[42, 43, 44]])])
    offsets, indices = vertex_neighbours(faces, 46)
    rings = [set(indices[offsets[i] : offsets[i + 1]].tolist()) for i in range(46)]
    assert rings[43] == {42, 44}
    assert rings[45] == set()
    assert sorted(len(ring) for ring in rings[:42]) == [5] * 12 + [6] * 30
    assert all(i in rings[j] for i in range(46) for j in rings[i])
