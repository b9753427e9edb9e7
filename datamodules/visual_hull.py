"""Points that no picture contradicts: uniform inside the visual hull of a body's masks.

They hold what a network can get wrong (ghost limbs between silhouettes) and little of the empty rest.
"""

import numpy as np

SIDE_CM = 204.8
"""Of the cube around the body's origin in which the hull is sought."""
COARSEST, HALVINGS = 12, 1
"""Cells along its side to begin with, and how often those that may touch the hull are split in eight."""


def hull_points(
    masks: np.ndarray, view_from_body: np.ndarray, count: int, generator: np.random.Generator
) -> np.ndarray:
    """[count, 3] points in centimetres, uniform in the part of the cube whose points lie in the mask of every view.

    masks: [n, h, w] bool. view_from_body: [n, 4, 4]. What lies outside of a picture lies outside of its mask.

    Cells that cannot touch the hull are left out first, so that about every third point that is drawn can be kept.

    Raises ValueError when the masks have no point in common.
    """
    corners, size = hull_cells(masks, view_from_body)
    points = np.zeros((0, 3))
    drawn = 0
    while len(points) < count:
        draws = 3 * (count - len(points)) + 64
        drawn += draws
        if not len(corners) or drawn > 1000 * (count + 1000):
            raise ValueError("the masks of its views have no point in common")
        candidates = corners[generator.integers(0, len(corners), draws)] + size * generator.random((draws, 3))
        points = np.concatenate([points, candidates[in_every_mask(masks, view_from_body, candidates)]])
    return points[:count]


def in_every_mask(masks: np.ndarray, view_from_body: np.ndarray, points: np.ndarray) -> np.ndarray:
    """[p] bool: whether a point's pixel belongs to the mask of every view."""
    height, width = masks.shape[1:]
    kept = np.arange(len(points))
    for mask, view in zip(masks, view_from_body.astype(np.float64)):
        h = points[kept] @ view[:, :3].T + view[:, 3]
        weight = np.maximum(h[:, 3], 1e-6)
        column, row = (h[:, 0] / weight + 1) * (width / 2), (h[:, 1] / weight + 1) * (height / 2)
        seen = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        kept, column, row = kept[seen], column[seen].astype(np.int64), row[seen].astype(np.int64)
        kept = kept[mask[row, column]]
    inside = np.zeros(len(points), bool)
    inside[kept] = True
    return inside


def hull_cells(masks: np.ndarray, view_from_body: np.ndarray) -> tuple[np.ndarray, float]:
    """Lower corners [c, 3] and side, in centimetres, of cells that together hold the whole hull."""
    sums = np.zeros((len(masks), masks.shape[1] + 1, masks.shape[2] + 1), np.int32)
    masks.cumsum(2, dtype=np.int32).cumsum(1, dtype=np.int32, out=sums[:, 1:, 1:])
    size = SIDE_CM / COARSEST
    steps = np.arange(COARSEST) * size - SIDE_CM / 2
    corners = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    corners = corners[_may_touch(sums, view_from_body, corners, size)]
    octants = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), -1).reshape(-1, 3)
    for _ in range(HALVINGS):
        size /= 2
        corners = (corners[:, None] + octants * size).reshape(-1, 3)
        corners = corners[_may_touch(sums, view_from_body, corners, size)]
    return corners, size


def _may_touch(sums: np.ndarray, view_from_body: np.ndarray, corners: np.ndarray, size: float) -> np.ndarray:
    """[c] bool: whether the rectangle around each cell's projection holds a pixel of the mask, in every view."""
    height, width = sums.shape[1] - 1, sums.shape[2] - 1
    middles = corners + size / 2
    kept = np.arange(len(corners))
    for view, table in zip(view_from_body.astype(np.float64), sums):
        h = middles[kept] @ view[:, :3].T + view[:, 3]
        reach = np.abs(view[:, :3]).sum(1) * (size / 2)
        nearest = np.maximum(h[:, 3] - reach[3], 1e-6)
        farthest = np.maximum(h[:, 3] + reach[3], 1e-6)
        left, right = _pixel_range(h[:, 0], reach[0], nearest, farthest, width)
        top, bottom = _pixel_range(h[:, 1], reach[1], nearest, farthest, height)
        pixels = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
        kept = kept[pixels > 0]
    touching = np.zeros(len(corners), bool)
    touching[kept] = True
    return touching


def _pixel_range(
    h: np.ndarray, reach: float, nearest: np.ndarray, farthest: np.ndarray, pixels: int
) -> tuple[np.ndarray, np.ndarray]:
    low, high = h - reach, h + reach
    low, high = low / np.where(low < 0, nearest, farthest), high / np.where(high > 0, nearest, farthest)
    first = np.floor((low + 1) * (pixels / 2)).clip(0, pixels).astype(np.int64)
    last = np.ceil((high + 1) * (pixels / 2)).clip(0, pixels).astype(np.int64)
    return first, last
