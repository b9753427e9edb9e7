"""Space around a closed surface in cells: those that no triangle touches wind equally often everywhere."""

from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

from models.geometry.triangle_columns import TriangleColumns

FEWEST_CELLS, MOST_CELLS = 32, 256
"""Along the longest side of the mesh; between them the square root of the number of faces."""


class CellGrid(NamedTuple):
    """Cubic cells over a mesh and a border of empty ones around it."""

    lower: np.ndarray
    """[3] corner of cell (0, 0, 0)."""
    cell: float
    shape: tuple[int, int, int]

    @staticmethod
    def around(corners: np.ndarray) -> "CellGrid":
        """For triangles [f, 3, 3]."""
        lower, upper = corners.min((0, 1)), corners.max((0, 1))
        number = int(np.clip(round(len(corners) ** 0.5), FEWEST_CELLS, MOST_CELLS))
        cell = max(float((upper - lower).max()), 1e-30) / number
        lower = lower - 1.5 * cell
        x, y, z = (np.floor((upper - lower) / cell) + 3).astype(int).tolist()
        return CellGrid(lower, cell, (x, y, z))

    def boxes(self, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First cell and number of cells along each axis [f, 3] of each triangle's box, widened against rounding."""
        low = np.floor((corners.min(1) - self.lower) / self.cell - 1e-6).astype(np.int32)
        high = np.floor((corners.max(1) - self.lower) / self.cell + 1e-6).astype(np.int32)
        return low, high - low + 1


class FreeCells:
    """Winding numbers of a closed mesh at any point, most of them by looking up a cell.

    A free cell takes its number from its connected region, which is measured once; a point in a touched cell takes the
    number of the free cell above it in its column and the triangles in between (`TriangleColumns`).

    vertices: [v, 3] float64; faces: [f, 3] without a boundary.
    """

    TOUCHED = -128

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        corners = vertices[faces]
        self.grid = CellGrid.around(corners)
        low, widths = self.grid.boxes(corners)
        self.columns = TriangleColumns(vertices, faces, low[:, :2], widths[:, :2], self.grid.shape[:2])
        free = np.ones(self.grid.shape, bool)
        free.reshape(-1)[_cells_of_boxes(low, widths, self.grid.shape)] = False
        labelled: Any = ndimage.label(free)
        regions: np.ndarray = labelled[0]
        count = int(labelled[1])
        first = np.zeros(count + 1, np.int64)
        first[regions.reshape(-1)] = np.arange(regions.size)  # any cell of a region will do
        cells = np.stack(np.unravel_index(first[1:], self.grid.shape), 1)
        middles = self.grid.lower + (cells + 0.5) * self.grid.cell
        above = np.full(count, np.inf)
        windings = self.columns.crossings(middles, above, cells[:, 0] * self.grid.shape[1] + cells[:, 1])
        of_region = np.concatenate([[self.TOUCHED], windings.clip(-127, 127)]).astype(np.int8)
        self.windings = of_region[regions]
        """[x, y, z] int8, TOUCHED where a triangle's box reaches."""

    def winding_numbers(self, positions: np.ndarray) -> np.ndarray:
        """[p] integers for [p, 3] float64; 0 for NaN."""
        x, y, z, windings = self.look_up(positions)
        asked = np.flatnonzero(windings == self.TOUCHED)
        if len(asked):
            x, y, z = x[asked], y[asked], z[asked]
            column = x * self.grid.shape[1] + y
            flat = self.windings.reshape(-1)
            free = np.full(len(asked), self.TOUCHED, np.int8)
            waiting = np.arange(len(asked))
            while len(waiting):  # one cell up at a time; the border above the mesh is free
                z[waiting] += 1
                free[waiting] = flat[column[waiting] * self.grid.shape[2] + z[waiting]]
                waiting = waiting[free[waiting] == self.TOUCHED]
            ceiling = self.grid.lower[2] + (z + 0.5) * self.grid.cell
            windings[asked] = free + self.columns.crossings(positions[asked], ceiling, column)
        return windings

    def look_up(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Cells x, y, z of the points and their winding numbers [p], TOUCHED where the cell does not know."""
        with np.errstate(invalid="ignore"):
            cells = np.floor((positions - self.grid.lower) / self.grid.cell)
            in_grid = np.all((cells >= 0) & (cells < self.grid.shape), axis=1)
        x, y, z = np.where(in_grid[:, None], cells, 0).astype(np.int64).T  # the cell 0, 0, 0 is outside
        flat = (x * self.grid.shape[1] + y) * self.grid.shape[2] + z
        return x, y, z, self.windings.reshape(-1)[flat].astype(np.int64)


def _cells_of_boxes(low: np.ndarray, widths: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Flat indices of all cells in boxes that begin at `low` [f, 3] and have `widths` [f, 3] cells."""
    flat_low = (low[:, 0].astype(np.int64) * shape[1] + low[:, 1]) * shape[2] + low[:, 2]
    # the boxes of a fine mesh have few shapes: one vectorised step for each
    codes = (widths[:, 0].astype(np.int64) << 40) + (widths[:, 1].astype(np.int64) << 20) + widths[:, 2]
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    cells = []
    for members in np.split(order, starts[1:]):
        x, y, z = (np.arange(width) for width in widths[members[0]])
        box = ((x[:, None, None] * shape[1] + y[:, None]) * shape[2] + z).reshape(-1)
        cells.append((flat_low[members, None] + box).reshape(-1))
    return np.concatenate(cells)
