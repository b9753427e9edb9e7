"""Triangles by the columns along z that they reach into, for counting what lies above a point."""

import numpy as np

PAIRS_AT_ONCE = 1 << 20
"""Of a point and a triangle; bounds the memory of one step to about 200 MB."""


class TriangleColumns:
    """Counts how often a ray upwards from a point leaves the surface, less how often it enters.

    Every number that decides between two triangles is computed from the edge that they share and comes out exactly
    opposite for the other one, so that no ray slips through an edge or counts it twice, whatever the rounding.

    vertices: [v, 3] float64; triangles: [f, 3]. low, widths: [f, 2] first column and number of columns of each
    triangle's box. shape: number of columns along x and y.
    """

    def __init__(
        self, vertices: np.ndarray, triangles: np.ndarray, low: np.ndarray, widths: np.ndarray, shape: tuple[int, int]
    ) -> None:
        self.vertices = vertices
        self.triangles = triangles.astype(np.int32)
        heights = vertices[:, 2].astype(np.float32)[triangles]  # a sieve before the exact test
        self.highest = np.nextafter(heights.max(1), np.float32(np.inf))
        self.lowest = np.nextafter(heights.min(1), np.float32(-np.inf))
        number = widths.prod(1)
        face = np.repeat(np.arange(len(triangles), dtype=np.int32), number)
        place = np.arange(len(face)) - np.repeat(number.cumsum() - number, number)
        x, y = place // widths[face, 1], place % widths[face, 1]
        column = (low[face, 0] + x) * shape[1] + low[face, 1] + y
        self.faces = face[np.argsort(column, kind="stable")]
        self.starts = np.concatenate([[0], np.bincount(column, minlength=shape[0] * shape[1]).cumsum()])

    def crossings(self, points: np.ndarray, ceiling: np.ndarray, column: np.ndarray) -> np.ndarray:
        """[p] int64: upward-facing less downward-facing triangles between z and `ceiling` [p] above points [p, 3], each
        in its `column` [p]."""
        counts = self.starts[column + 1] - self.starts[column]
        found = np.zeros(len(points), np.int64)
        ends = counts.cumsum()
        begin = 0
        while begin < len(points):
            done = ends[begin - 1] if begin else 0
            end = max(begin + 1, int(np.searchsorted(ends, done + PAIRS_AT_ONCE, side="right")))
            part = slice(begin, end)
            found[part] = self._crossings(points[part], ceiling[part], self.starts[column[part]], counts[part])
            begin = end
        return found

    def _crossings(self, points: np.ndarray, ceiling: np.ndarray, starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
        point = np.repeat(np.arange(len(points)), counts)
        face = self.faces[np.arange(len(point)) + np.repeat(starts - counts.cumsum() + counts, counts)]
        near = (self.highest[face] > points[point, 2]) & (self.lowest[face] < ceiling[point])
        point, face = point[near], face[near]
        corners = self.vertices[self.triangles[face]]
        x, y = (corners[:, :, axis] - points[point, axis, None] for axis in (0, 1))
        # winding number of the projected triangle around the point: edges that pass it to the right, up less down
        next_x, next_y = x[:, [1, 2, 0]], y[:, [1, 2, 0]]
        area = x * next_y - y * next_x
        upward, downward = (y <= 0) & (next_y > 0) & (area > 0), (y > 0) & (next_y <= 0) & (area < 0)
        turns = upward.sum(1) - downward.sum(1)
        hit = np.flatnonzero(turns)
        weights = area[hit][:, [1, 2, 0]]
        height = (weights * corners[hit, :, 2]).sum(1) / weights.sum(1)
        between = (height > points[point[hit], 2]) & (height < ceiling[point[hit]])
        return np.bincount(point[hit], weights=np.where(between, turns[hit], 0), minlength=len(points)).astype(np.int64)
