"""Triangles, texture coordinates and landmarks of the procedural face."""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from models.morphable.procedural_surface import LIP_LINE_Y, column_of, inside_face, mean_surface, row_of_height

Level = Literal["tiny", "default", "fine", "bfm_like"]
GRID_SIZE: dict[Level, tuple[int, int]] = {
    "tiny": (65, 69),
    "default": (97, 105),
    "fine": (129, 137),
    "bfm_like": (225, 241),
}
"""Columns and rows; odd, so that one column runs down the mid-line."""
SLIT_HALF_WIDTH = 25.0


class FaceGrid(NamedTuple):
    """A mesh over the (u, v) square with a slit between the lips: one outer boundary, one mouth boundary."""

    uv: Float[ndarray, "v 2"]
    faces: Int[ndarray, "f 3"]
    upper_lip: ndarray
    """[v] bool: the copies of the slit's vertices that belong to the upper lip (the originals: to the lower)."""
    mirror: Int[ndarray, " v"]
    """The vertex in the mirror place."""
    vertex_of_cell: Int[ndarray, "r c"]
    """-1 outside the face; on the slit the lower lip's vertex."""
    upper_vertex_of_cell: Int[ndarray, "r c"]


def face_grid(level: Level) -> FaceGrid:
    """The grid of a level. A row lies exactly on the line between the lips; triangles are mirror-symmetric."""
    columns, rows = GRID_SIZE[level]
    lip_v = float(row_of_height(np.array([LIP_LINE_Y]))[0])
    lip_row = int(np.floor(lip_v * rows))
    u, v = np.meshgrid((np.arange(columns) + 0.5) / columns, lip_v + (np.arange(rows) - lip_row) / rows)
    inside = inside_face(u, v)
    quads = inside[:-1, :-1] & inside[1:, :-1] & inside[:-1, 1:] & inside[1:, 1:]
    used = np.zeros_like(inside)
    for row, column in ((slice(None, -1), slice(None, -1)), (slice(1, None), slice(None, -1)),
                        (slice(None, -1), slice(1, None)), (slice(1, None), slice(1, None))):  # fmt: skip
        used[row, column] |= quads
    ids = np.full(inside.shape, -1)
    ids[used] = np.arange(used.sum())

    across = np.abs(mean_surface(u[lip_row], v[lip_row]).x) < SLIT_HALF_WIDTH
    slit = np.flatnonzero(across)[1:-1]
    upper_ids = ids.copy()
    upper_ids[lip_row, slit] = used.sum() + np.arange(len(slit))

    below = np.where((np.arange(rows - 1) == lip_row)[:, None], upper_ids[:-1], ids[:-1])
    a, b, c, d = below[:, :-1], below[:, 1:], ids[1:, 1:], ids[1:, :-1]
    left = np.broadcast_to(np.arange(columns - 1) < columns // 2, quads.shape)
    leaning_right = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], 2)
    leaning_left = np.stack([np.stack([a, b, d], -1), np.stack([b, c, d], -1)], 2)
    faces = np.where(left[..., None, None], leaning_right, leaning_left)[quads].reshape(-1, 3)

    uv = np.concatenate([np.stack([u[used], v[used]], -1), np.stack([u[lip_row, slit], v[lip_row, slit]], -1)])
    upper_lip = np.arange(len(uv)) >= used.sum()
    mirror = np.concatenate([ids[:, ::-1][used], upper_ids[lip_row, ::-1][slit]])
    return FaceGrid(uv, faces, upper_lip, mirror, ids, upper_ids)


def locate(grid: FaceGrid, uv: Float[ndarray, "p 2"], on_upper_lip: ndarray) -> tuple[ndarray, ndarray]:
    """The triangle (three vertex ids) and the barycentrics of each texture coordinate; both `[p 3]`.

    `on_upper_lip` chooses the side of the slit for points that lie on it. A point outside the mesh goes to the
    nearest vertex.
    """
    corner_uv = grid.uv[grid.faces]
    edge_1, edge_2 = corner_uv[:, 1] - corner_uv[:, 0], corner_uv[:, 2] - corner_uv[:, 0]
    twice_area = edge_1[:, 0] * edge_2[:, 1] - edge_1[:, 1] * edge_2[:, 0]
    offset = uv[:, None] - corner_uv[None, :, 0]
    second = (offset[..., 0] * edge_2[:, 1] - offset[..., 1] * edge_2[:, 0]) / twice_area
    third = (edge_1[:, 0] * offset[..., 1] - edge_1[:, 1] * offset[..., 0]) / twice_area
    weights = np.stack([1.0 - second - third, second, third], -1)
    # among the triangles that hold a point on the slit, prefer the one above it or the one below it
    centre_v = corner_uv[..., 1].mean(1)
    rank = weights.min(-1) >= -1e-9
    preference = np.where(on_upper_lip[:, None], centre_v, -centre_v)
    chosen = np.where(rank, preference, -np.inf).argmax(1)
    point = np.arange(len(uv))
    ids, barycentrics = grid.faces[chosen], np.clip(weights[point, chosen], 0.0, 1.0)
    outside = ~rank.any(1)
    if outside.any():
        nearest = ((uv[outside, None] - grid.uv[None]) ** 2).sum(-1).argmin(1)
        ids[outside], barycentrics[outside] = nearest[:, None], [1.0, 0.0, 0.0]
    return ids, barycentrics / barycentrics.sum(1, keepdims=True)


def landmark_uv() -> tuple[Float[ndarray, "68 2"], ndarray]:
    """Texture coordinates of the 68 points and, for each, whether it belongs to the upper lip's side of the slit."""
    half_azimuth = np.array([-83, -81, -77, -72, -63, -50, -34, -17.0])
    half_y = np.array([28, 10, -10, -28, -45, -59.5, -70, -76.5])
    azimuth = np.concatenate([half_azimuth, [0.0], -half_azimuth[::-1]])
    jaw_y = np.concatenate([half_y, [-79.5], half_y[::-1]])
    jaw = np.stack([azimuth / 208.0 + 0.5, row_of_height(jaw_y)], -1)
    rest = np.array(_FRONT_LANDMARKS, dtype=np.float64)
    front = np.stack([column_of(rest[:, 0], rest[:, 1]), row_of_height(rest[:, 1])], -1)
    upper = np.zeros(68, dtype=bool)
    upper[[61, 62, 63]] = True
    return np.concatenate([jaw, front]), upper


_LEFT_BROW = [(-50, 44), (-43, 49.5), (-34, 51), (-24, 49.5), (-13, 46)]
_LEFT_EYE = [(-46, 30), (-36.5, 34.6), (-26.5, 34.6), (-17, 30), (-26.5, 26.3), (-36.5, 26.3)]
_INNER_LIP = [(x, LIP_LINE_Y) for x in (-23, -8, 0, 8, 23, 8, 0, -8)]
_FRONT_LANDMARKS = [
    *_LEFT_BROW,
    *((-x, y) for x, y in reversed(_LEFT_BROW)),
    *((0, 33), (0, 21), (0, 9), (0, -3)),
    *((-11, -12), (-5.5, -13.5), (0, -15), (5.5, -13.5), (11, -12)),
    *_LEFT_EYE,
    *((-_LEFT_EYE[i][0], _LEFT_EYE[i][1]) for i in (3, 2, 1, 0, 5, 4)),
    *((-26, -33.2), (-16, -28.6), (-6, -26.5), (0, -27.6), (6, -26.5), (16, -28.6), (26, -33.2)),
    *((15, -39.3), (6, -41.4), (0, -41.7), (-6, -41.4), (-15, -39.3)),
    *_INNER_LIP,
]
