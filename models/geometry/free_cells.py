"""Regions of space that no triangle of a closed surface touches: inside or outside as a whole."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

FEWEST_CELLS, MOST_CELLS = 32, 256
"""Along the longest side of the mesh; between them the square root of the number of faces."""


class FreeCells:
    """A grid of cells over a closed mesh, each wholly inside, wholly outside or touched by a triangle.

    inside: positions [p, 3] -> [p] bool, the exact test. It is asked once for every connected region of free cells.
    """

    OUTSIDE, INSIDE, TOUCHED = 0, 1, 2

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, inside: Callable[[np.ndarray], np.ndarray]) -> None:
        corners = vertices[faces]
        lower, upper = corners.min((0, 1)), corners.max((0, 1))
        extent = float((upper - lower).max())
        number = int(np.clip(round(len(faces) ** 0.5), FEWEST_CELLS, MOST_CELLS))
        self.cell = max(extent, np.finfo(np.float32).tiny) / number
        self.lower = lower - 1.5 * self.cell  # a border of free cells, so that all of outside is one region
        self.shape = np.floor((upper - self.lower) / self.cell).astype(int) + 3
        states = np.zeros(self.shape, np.uint8)
        states.reshape(-1)[self._touched(corners)] = self.TOUCHED
        regions, count = ndimage.label(states == self.OUTSIDE)
        middles = 0.5 + np.stack(np.unravel_index(_first_of_each(regions, count), self.shape), 1)
        answers = np.concatenate([[False], inside(self.lower + middles * self.cell)])
        states[answers[regions]] = self.INSIDE
        self.states = states

    def look_up(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[p] bool, right for all points but those with the indices [u], which lie in touched cells."""
        with np.errstate(invalid="ignore"):
            cells = np.floor((positions - self.lower) / self.cell)
            in_grid = ((cells >= 0) & (cells < self.shape)).all(1)
        x, y, z = np.where(in_grid[:, None], cells, 0).astype(np.int64).T
        states = self.states.reshape(-1)[(x * self.shape[1] + y) * self.shape[2] + z]  # cell 0, 0, 0 is outside
        return states == self.INSIDE, np.flatnonzero(states == self.TOUCHED)

    def _touched(self, corners: np.ndarray) -> np.ndarray:
        """Flat indices of the cells that meet the bounding box of a triangle, widened against rounding."""
        low = np.floor((corners.min(1) - self.lower) / self.cell - 1e-6).astype(np.int64)
        high = np.floor((corners.max(1) - self.lower) / self.cell + 1e-6).astype(np.int64)
        widths = high - low + 1
        flat_low = (low[:, 0] * self.shape[1] + low[:, 1]) * self.shape[2] + low[:, 2]
        touched = []
        # the boxes of a fine mesh have few shapes: one vectorised step for each
        shapes, shape_of_face = np.unique(widths, axis=0, return_inverse=True)
        for index, (x, y, z) in enumerate(shapes):
            box = (np.arange(x)[:, None, None] * self.shape[1] + np.arange(y)[:, None]) * self.shape[2] + np.arange(z)
            touched.append((flat_low[shape_of_face.reshape(-1) == index][:, None] + box.reshape(-1)).reshape(-1))
        return np.concatenate(touched)


def _first_of_each(regions: np.ndarray, count: int) -> np.ndarray:
    """[count] flat index of a cell of the regions 1 to count."""
    first = np.zeros(count + 1, np.int64)
    first[regions.reshape(-1)] = np.arange(regions.size)  # any of them will do
    return first[1:]


def is_closed(vertices: np.ndarray, faces: np.ndarray) -> bool:
    """Whether the triangles bound a volume: every edge is run along equally often in both directions.

    Vertices at the same place count as one, as along the seams of a texture.
    """
    if _has_no_boundary(faces, len(vertices)):
        return True
    _, merged = np.unique(np.ascontiguousarray(vertices + 0.0), axis=0, return_inverse=True)  # + 0.0: no -0.0
    return _has_no_boundary(merged.reshape(-1)[faces], len(vertices))


def _has_no_boundary(faces: np.ndarray, number_of_vertices: int) -> bool:
    start, end = faces.reshape(-1), np.roll(faces, -1, 1).reshape(-1)
    forward, backward = start * number_of_vertices + end, end * number_of_vertices + start
    return bool((np.sort(forward) == np.sort(backward)).all())
