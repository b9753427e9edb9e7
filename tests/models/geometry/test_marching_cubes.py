"""The triangles of crossed cells against PyMCubes on the whole volume."""

import mcubes
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree
from torch import Tensor

from models.geometry.components import signed_volume
from models.geometry.grids import Bounds, dense_field, grid_over, grid_to_world
from models.geometry.marching_cubes import CORNERS, CrossedCells, crossed, marching_cubes
from models.geometry.topology import is_watertight
from tests.models.geometry.solids import BODY, capsules

BOX = Bounds((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))


def crossed_cells(volume: Tensor) -> CrossedCells:
    cells = torch.cartesian_prod(*(torch.arange(side - 1) for side in volume.shape))
    values = volume[(cells[:, None] + torch.tensor(CORNERS)).unbind(-1)]
    return CrossedCells(cells[crossed(values)], values[crossed(values)])


def directed_triangles(faces: np.ndarray) -> set[tuple[int, ...]]:
    """Each triangle from its smallest vertex on: its direction stays."""
    turned = [np.roll(face, -int(face.argmin())) for face in faces]
    return {tuple(int(vertex) for vertex in face) for face in turned}


def assert_as_pymcubes(volume: Tensor) -> None:
    surface = marching_cubes(crossed_cells(volume))
    vertices, faces = mcubes.marching_cubes(volume.double().numpy(), 0.0)
    assert len(surface.positions) == len(vertices)
    nearest = KDTree(surface.positions.numpy()).query(vertices)
    distance, number = np.asarray(nearest[0]), np.asarray(nearest[1])
    assert distance.max() < 2e-4
    assert len(set(number.tolist())) == len(vertices)
    assert directed_triangles(number[faces.astype(np.int64)]) == directed_triangles(surface.faces.numpy())


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_the_triangles_of_pymcubes(seed: int) -> None:
    volume = torch.randn(9, 7, 8, generator=torch.Generator().manual_seed(seed))
    assert_as_pymcubes(volume)


def test_a_body_has_the_triangles_of_pymcubes() -> None:
    assert_as_pymcubes(dense_field(capsules(BODY), Bounds((-1.01, -1.02, -1.03), (1.0, 1.0, 1.0)), 40))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 2**31))
def test_any_signs_closed_at_the_border_give_a_watertight_outward_surface(seed: int) -> None:
    volume = torch.full((8, 8, 8), -1.0)
    volume[1:-1, 1:-1, 1:-1] = torch.randn(6, 6, 6, generator=torch.Generator().manual_seed(seed)) + 0.3
    surface = marching_cubes(crossed_cells(volume))
    assert is_watertight(surface.faces)
    assert float(signed_volume(surface.positions, surface.faces)) > 0
    assert len(torch.unique(surface.positions, dim=0)) == len(surface.positions)


def test_one_corner_is_one_triangle_that_looks_away_from_it() -> None:
    values = torch.full((1, 8), -1.0)
    values[0, 0] = 3.0
    surface = marching_cubes(CrossedCells(torch.tensor([[5, 0, -2]]), values))
    a, b, c = surface.positions[surface.faces[0]]
    assert bool((torch.linalg.cross(b - a, c - a) > 0).all())
    expected = torch.tensor([5.0, 0.0, -2.0]) + 0.75 * torch.eye(3)
    torch.testing.assert_close(surface.positions.sum(0).float(), expected.sum(0))


def test_no_cells_give_no_surface() -> None:
    surface = marching_cubes(CrossedCells(torch.zeros(0, 3, dtype=torch.int64), torch.zeros(0, 8)))
    assert surface.positions.shape == (0, 3)
    assert surface.faces.shape == (0, 3)


def test_the_first_and_last_nodes_lie_on_the_ends_of_the_box() -> None:
    grid = grid_over(Bounds((-1.0, 0.0, 3.0), (1.0, 0.9, 3.25)), 4)
    assert grid.cells == (4, 2, 1)
    ends = grid_to_world(grid, torch.tensor([[0, 0, 0], [4, 2, 1]]))
    assert ends.tolist() == [[-1.0, 0.0, 3.0], [1.0, 1.0, 3.5]]


@pytest.mark.parametrize(
    ("bounds", "resolution", "message"),
    [
        (Bounds((0, 0, 0), (1, 0, 1)), 4, "is empty"),
        (Bounds((0, 0, 0), (1, float("nan"), 1)), 4, "is empty"),
        (BOX, 0, "give 1 or more"),
    ],
)
def test_impossible_grids_are_refused(bounds: Bounds, resolution: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grid_over(bounds, resolution)
