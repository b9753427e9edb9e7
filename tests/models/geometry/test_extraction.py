"""Coarse-to-fine extraction: the dense mesh, fewer queries, closed and outward, and what it refuses."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.geometry.components import connected_components, signed_volume
from models.geometry.extraction import (
    EmptySurfaceError,
    extract,
    extract_mesh,
    extract_mesh_dense,
    with_vertex_colors,
)
from models.geometry.grids import Bounds
from models.geometry.mesh import Mesh
from models.geometry.topology import euler_characteristic, is_watertight
from tests.models.geometry.solids import BODY, Capsule, CountingQuery, capsules

BOX = Bounds((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
SPHERE: Capsule = ((0.1, 0.02, -0.05), (0.1, 0.02, -0.05), 0.6)
COARSE = 8
COARSE_CELL = 2 / COARSE


def assert_same(mesh: Mesh, expected: Mesh) -> None:
    assert torch.equal(mesh.faces, expected.faces)
    assert torch.equal(mesh.vertices, expected.vertices)


# ends at least a coarse cell's diagonal from the border, radii above half of one: no piece hides between coarse nodes
position = st.floats(-1 + 2 * COARSE_CELL, 1 - 2 * COARSE_CELL)
thick_capsule = st.tuples(
    st.tuples(position, position, position), st.tuples(position, position, position), st.floats(0.9 * COARSE_CELL, 0.5)
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(thick_capsule, min_size=1, max_size=3), st.sampled_from([16, 32, 40]))
def test_same_mesh_as_dense_evaluation_on_thick_solids(parts: list[Capsule], resolution: int) -> None:
    query = capsules(parts)
    mesh = extract_mesh(query, BOX, resolution, coarse=COARSE)
    assert_same(mesh, extract_mesh_dense(query, BOX, resolution))
    assert is_watertight(mesh.faces)
    assert float(signed_volume(mesh.vertices, mesh.faces)) > 0


@pytest.mark.parametrize(("resolution", "coarse"), [(64, 16), (100, 16), (128, 32)])
def test_a_body_with_thin_limbs_is_found_whole(resolution: int, coarse: int) -> None:
    query = CountingQuery(capsules(BODY))
    found = extract(query, BOX, resolution, coarse=coarse)
    assert query.points == found.queries
    assert_same(found.mesh, extract_mesh_dense(capsules(BODY), BOX, resolution))
    assert is_watertight(found.mesh.faces)


def test_the_share_of_queries_halves_when_the_resolution_doubles() -> None:
    coarser = extract(capsules(BODY), BOX, 96, coarse=24)
    found = extract(capsules(BODY), BOX, 192, coarse=24)
    assert found.dense_queries == 193**3
    assert found.queries < 0.02 * found.dense_queries
    assert found.queries / found.dense_queries < 0.6 * coarser.queries / coarser.dense_queries
    assert is_watertight(found.mesh.faces)
    assert euler_characteristic(found.mesh.faces) == 2


def test_a_finger_that_passes_between_coarse_nodes_is_followed_to_its_end() -> None:
    finger: Capsule = ((0.0, 0.0, 0.0), (0.9, 0.1, 0.11), 0.02)
    query = capsules([((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.4), finger])
    mesh = extract_mesh(query, BOX, 128, coarse=8)
    assert float(mesh.vertices[:, 0].max()) == pytest.approx(0.92, abs=2 / 128)
    assert_same(mesh, extract_mesh_dense(query, BOX, 128))


def test_a_piece_smaller_than_a_coarse_cell_is_missed_until_the_first_grid_is_finer() -> None:
    pebble: Capsule = ((0.62, 0.62, 0.62), (0.62, 0.62, 0.62), 0.08)  # between the nodes at 0.5 and 0.75
    query = capsules([((-0.2, 0.0, 0.0), (-0.2, 0.0, 0.0), 0.5), pebble])
    assert len(connected_components(extract_mesh(query, BOX, 64, coarse=8)).volume) == 1
    fine = extract_mesh(query, BOX, 64, coarse=32)
    assert len(connected_components(fine).volume) == 2
    assert_same(fine, extract_mesh_dense(query, BOX, 64))


def test_volume_and_position_of_a_sphere() -> None:
    mesh = extract_mesh(capsules([SPHERE]), BOX, 96, coarse=16)
    volume = float(signed_volume(mesh.vertices, mesh.faces))
    assert volume == pytest.approx(4 / 3 * math.pi * 0.6**3, rel=1e-3)
    radius = (mesh.vertices - torch.tensor(SPHERE[0])).norm(dim=1)
    torch.testing.assert_close(radius, torch.full_like(radius, 0.6), atol=2e-4, rtol=0)
    assert len(torch.unique(mesh.vertices, dim=0)) == mesh.number_of_vertices  # nothing doubled


def test_a_box_that_is_no_cube_has_cubic_cells() -> None:
    bounds = Bounds((-0.7, -1.0, -0.75), (0.8, 1.0, 0.6))
    mesh = extract_mesh(capsules([SPHERE]), bounds, 50, coarse=8)
    assert_same(mesh, extract_mesh_dense(capsules([SPHERE]), bounds, 50))
    radius = (mesh.vertices - torch.tensor(SPHERE[0])).norm(dim=1)
    torch.testing.assert_close(radius, torch.full_like(radius, 0.6), atol=1e-3, rtol=0)


def test_a_solid_that_leaves_the_box_is_cut_at_its_border_and_closed() -> None:
    query = capsules([((0.9, 0.0, 0.0), (0.9, 0.0, 0.0), 0.6)])
    mesh = extract_mesh(query, BOX, 64, coarse=8)
    assert is_watertight(mesh.faces)
    assert float(mesh.vertices[:, 0].max()) == pytest.approx(1.0, abs=1e-4)
    height = 0.6 + 0.1
    cap = math.pi * height**2 * (3 * 0.6 - height) / 3
    assert float(signed_volume(mesh.vertices, mesh.faces)) == pytest.approx(cap, rel=3e-3)


def test_a_field_that_is_inside_everywhere_gives_the_box() -> None:
    mesh = extract_mesh(lambda points: torch.ones(len(points)), BOX, 16, coarse=8)
    assert is_watertight(mesh.faces)
    assert float(signed_volume(mesh.vertices, mesh.faces)) == pytest.approx(
        8, rel=3e-2
    )  # edges and corners are bevelled within a cell


def test_infinite_logits_and_zeros_at_nodes_are_a_surface_too() -> None:
    def field(points: Tensor) -> Tensor:
        distance = 0.5 - points.abs().amax(1)  # exactly 0 at the nodes of a side
        return torch.where(distance > 0, torch.inf, torch.where(distance < -1e-6, -torch.inf, 0.0))

    mesh = extract_mesh(field, BOX, 16, coarse=8)
    assert bool(mesh.vertices.isfinite().all())
    assert is_watertight(mesh.faces)
    assert len(torch.unique(mesh.vertices, dim=0)) == mesh.number_of_vertices
    assert_same(mesh, extract_mesh_dense(field, BOX, 16))


def test_batches_have_at_most_chunk_points_and_do_not_change_the_mesh() -> None:
    query = CountingQuery(capsules(BODY))
    mesh = extract_mesh(query, BOX, 64, coarse=16, chunk=1000)
    assert query.largest_batch == 1000
    assert_same(mesh, extract_mesh(capsules(BODY), BOX, 64, coarse=16))


def test_queries_run_without_gradients_and_keep_the_modules_own() -> None:
    weight = torch.nn.Parameter(torch.tensor(0.5))
    seen: list[bool] = []

    def field(points: Tensor) -> Tensor:
        value = weight - points.norm(dim=1)
        seen.append(value.requires_grad)
        return value

    mesh = extract_mesh(field, BOX, 16, coarse=8)
    assert not any(seen)
    assert not mesh.vertices.requires_grad


def test_an_empty_field_is_explained() -> None:
    with pytest.raises(
        EmptySurfaceError, match=r"no surface in the box from .* largest value at 729 points is -1.*sign"
    ):
        extract_mesh(lambda points: -torch.ones(len(points)), BOX, 64, coarse=8)
    with pytest.raises(EmptySurfaceError, match="35937 points"):
        extract_mesh_dense(lambda points: -torch.ones(len(points)), BOX, 32)


def test_nan_is_refused_with_a_count() -> None:
    def field(points: Tensor) -> Tensor:
        return torch.where(points[:, 0] > 0.9, torch.nan, 0.5 - points.norm(dim=1))

    with pytest.raises(ValueError, match="NaN at 81 of 729 points"):
        extract_mesh(field, BOX, 64, coarse=8)


def test_a_field_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(729, 1\) for 729 points"):
        extract_mesh(lambda points: torch.zeros(len(points), 1), BOX, 64, coarse=8)


def test_a_resolution_too_large_for_the_memory_says_what_fits() -> None:
    query = CountingQuery(capsules([SPHERE]))
    with pytest.raises(
        ValueError, match=r"resolution 4096 would take .* GB of memory, 2\.0 GB .* at most (\d+)"
    ) as error:
        extract_mesh(query, BOX, 4096, coarse=16, memory_bytes=2_000_000_000)
    assert query.points < 20_000  # refused after the first grid
    fitting = int(str(error.value).rstrip(".").split()[-1])
    assert 256 < fitting < 4096
    with pytest.raises(ValueError, match="A first grid of 4096 x 4096 x 4096 cells would take"):
        extract_mesh(query, BOX, 4096, coarse=4096, memory_bytes=2_000_000_000)


def test_the_resolution_that_is_offered_is_accepted() -> None:
    query, limit = capsules([SPHERE]), 20_000_000
    with pytest.raises(ValueError, match="at most") as error:
        extract_mesh(query, BOX, 1024, coarse=8, memory_bytes=limit)
    fitting = int(str(error.value).rstrip(".").split()[-1])
    assert is_watertight(extract_mesh(query, BOX, fitting, coarse=8, memory_bytes=limit).faces)


def test_vertex_colors_come_from_points_in_batches() -> None:
    mesh = extract_mesh(capsules([SPHERE]), BOX, 24, coarse=8)
    colored = with_vertex_colors(mesh, lambda points: points + 0.5, chunk=100)
    assert colored.vertex_colors is not None
    torch.testing.assert_close(colored.vertex_colors, (mesh.vertices + 0.5).clamp(0, 1))
    with pytest.raises(ValueError, match="one RGB row for each"):
        with_vertex_colors(mesh, lambda points: points[:, :2])
    with pytest.raises(ValueError, match="NaN"):
        with_vertex_colors(mesh, lambda points: points * torch.nan)
