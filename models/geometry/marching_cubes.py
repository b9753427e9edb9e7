"""The surface inside crossed cells of a grid.

A cell is one of 256 kinds, by the signs at its corners. PyMCubes is run once on each kind, and what it answers is laid
over all cells of that kind at once: the triangles are those of PyMCubes on the filled volume, without the volume. A
vertex is named by the edge of the grid that it lies on, so neighbouring cells share it and no two vertices coincide.
"""

from functools import cache
from typing import NamedTuple

import mcubes
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

CORNERS = tuple((i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1))
"""Corner c = 4i + 2j + k of a cell, in nodes from its lowest one."""
EDGES = tuple((a, b) for a in range(8) for b in range(a + 1, 8) if bin(a ^ b).count("1") == 1)
"""The twelve edges as pairs of corners, the lower first."""
NEAREST_TO_A_NODE = 1e-4
"""In cells: a surface through a node passes beside it, else vertices on its six edges would coincide."""


class CrossedCells(NamedTuple):
    """Cells that the surface passes through: not all corners on one side."""

    cells: Int[Tensor, "c 3"]
    """Their lowest nodes."""
    corner_values: Float[Tensor, "c 8"]
    """In the order of `CORNERS`; > 0 inside."""


class GridSurface(NamedTuple):
    """A surface in grid coordinates: cells from the first node."""

    positions: Float[Tensor, "v 3"]
    """float64."""
    faces: Int[Tensor, "f 3"]
    """Counter-clockwise seen from outside."""


def crossed(corner_values: Float[Tensor, "c 8"]) -> Bool[Tensor, " c"]:
    """Whether a cell's corners lie on both sides."""
    inside = corner_values > 0
    return inside.any(1) & ~inside.all(1)


def marching_cubes(crossed_cells: CrossedCells) -> GridSurface:
    """The triangles of all cells, in the order of the cells, with vertices where the field is 0 along grid edges
    (linear between the two nodes).

    Watertight when every cell that shares a crossed face with one of the cells is among them.
    """
    cells, values = crossed_cells
    kind = ((values > 0).long() << torch.arange(8)).sum(1)
    triangles, count = _triangles_of_kinds()
    cell_of_face = torch.repeat_interleave(torch.arange(len(cells)), count[kind])
    first = torch.cumsum(count[kind], 0) - count[kind]
    triangle_of_face = torch.arange(len(cell_of_face)) - first[cell_of_face]
    edge = triangles[kind[cell_of_face], triangle_of_face].reshape(-1)
    cell = cell_of_face.repeat_interleave(3)

    corners, ends = torch.tensor(CORNERS), torch.tensor(EDGES)
    axis = (corners[ends[:, 1]] - corners[ends[:, 0]]).argmax(1)
    lowest = cells.amin(0) if len(cells) else torch.zeros(3, dtype=torch.int64)
    sides = (cells - lowest).amax(0) + 2 if len(cells) else torch.ones(3, dtype=torch.int64)
    node = cells[cell] - lowest + corners[ends[edge, 0]]
    key = ((node[:, 0] * sides[1] + node[:, 1]) * sides[2] + node[:, 2]) * 3 + axis[edge]
    unique, vertex = torch.unique(key, return_inverse=True)

    start = torch.empty(len(unique), dtype=torch.float64)
    end = torch.empty_like(start)
    start[vertex] = values[cell, ends[edge, 0]].double()  # cells at one edge agree on the values at its ends
    end[vertex] = values[cell, ends[edge, 1]].double()
    share = (start / (start - end)).clamp(NEAREST_TO_A_NODE, 1 - NEAREST_TO_A_NODE)
    place = unique // 3
    lower_node = torch.stack([place // (sides[1] * sides[2]), place // sides[2] % sides[1], place % sides[2]], 1)
    along = torch.nn.functional.one_hot(unique % 3, 3) * share[:, None]
    return GridSurface((lower_node + lowest).double() + along, vertex.reshape(-1, 3))


@cache
def _triangles_of_kinds() -> tuple[Tensor, Tensor]:
    """Edges of the triangles of each kind [256 5 3], and their number [256]: PyMCubes on a volume of one cell."""
    corners = np.array(CORNERS)
    middles = np.array([(corners[a] + corners[b]) / 2 for a, b in EDGES])
    triangles = np.zeros((256, 5, 3), np.int64)
    count = np.zeros(256, np.int64)
    for kind in range(1, 255):
        volume = np.array([1.0 if kind >> corner & 1 else -1.0 for corner in range(8)]).reshape(2, 2, 2)
        vertices, faces = mcubes.marching_cubes(volume, 0.0)
        edge_of_vertex = np.abs(vertices[:, None] - middles).sum(2).argmin(1)
        count[kind] = len(faces)
        triangles[kind, : len(faces)] = edge_of_vertex[faces.astype(np.int64)]
    return torch.from_numpy(triangles), torch.from_numpy(count)
