"""Which triangle does each pixel see: the default backend, vectorised PyTorch for any device, without a compile step.

Triangles become (triangle, row) pairs, rows become candidate pixels, candidates that pass the edge test become 64-bit keys
(depth above, triangle below), and one integer minimum over the keys decides every pixel. Integer minima do not depend on
the order, so the same input gives the same picture on every run.

Edges are watertight by construction: the edge function is the cross product of the vectors from two corners to the
pixel's centre, and (a x b) = -(b x a) holds bit by bit when products and difference are rounded one by one. So two triangles
that share an edge disagree on its sign exactly, the test is inclusive, and no pixel falls between them; no fused operation
(addcmul, lerp) may be used there.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.rendering.barycentrics import MINIMUM_DOUBLED_AREA
from models.rendering.near_plane import visible_bounds

EMPTY = torch.iinfo(torch.int64).max
CANDIDATES_AT_ONCE = 1 << 20
"""Bounds the memory: about 100 bytes a candidate."""


def native_face_index(
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    size: tuple[int, int],
    *,
    perspective: bool,
    cull: str,
    near: float,
) -> Int[Tensor, "b h w"]:
    """Index of the nearest triangle under each pixel centre, -1 where there is none. See rasterize for the conventions."""
    (h, w), b, f = size, vertices_screen.shape[0], faces.shape[0]
    vertices_screen = vertices_screen.float()
    keys = torch.full((b * h * w,), EMPTY, dtype=torch.int64, device=vertices_screen.device)
    pictures_at_once = max(1, (CANDIDATES_AT_ONCE // 4) // max(1, f))
    for first in range(0, b, pictures_at_once):
        _draw(keys, first, vertices_screen[first : first + pictures_at_once], faces, size, perspective, cull, near)
    return torch.where(keys != EMPTY, keys & 0xFFFFFFFF, -1).view(b, h, w)


def _draw(keys, first_picture, vertices, faces, size, perspective, cull, near):
    (h, w), f = size, faces.shape[0]
    x, y, z = ([_corner(vertices[..., axis], faces[:, k]) for k in range(3)] for axis in range(3))
    z_low, z_high = torch.minimum(torch.minimum(z[0], z[1]), z[2]), torch.maximum(torch.maximum(z[0], z[1]), z[2])
    left, right = torch.minimum(torch.minimum(x[0], x[1]), x[2]), torch.maximum(torch.maximum(x[0], x[1]), x[2])
    top, bottom = torch.minimum(torch.minimum(y[0], y[1]), y[2]), torch.maximum(torch.maximum(y[0], y[1]), y[2])
    if perspective:
        crossing = ((z_low < near) & (z_high >= near)).nonzero().squeeze(1)
        if crossing.numel():
            chosen = [torch.stack([c.index_select(0, crossing) for c in corner]) for corner in (x, y, z)]
            for bound, visible in zip((left, right, top, bottom), visible_bounds(*chosen, near)):
                bound[crossing] = visible
    # rounding is monotone, so a centre that lies within the bounds is never lost here
    left, right = (left - 0.5).ceil_().clamp_(0, w), (right - 0.5).floor_().clamp_(-1, w - 1)
    top, bottom = (top - 0.5).ceil_().clamp_(0, h), (bottom - 0.5).floor_().clamp_(-1, h - 1)
    doubled_area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    drawn = (right >= left) & (bottom >= top) & (z_high >= near) & (z_high < torch.inf)  # False for NaN
    drawn &= (doubled_area.abs() > MINIMUM_DOUBLED_AREA) & (doubled_area.abs() < torch.inf)
    if cull == "back":  # counter-clockwise seen from outside is negative where y points down
        facing = doubled_area * z[0].sign() * z[1].sign() * z[2].sign() if perspective else doubled_area
        drawn &= facing < 0
    drawn = drawn.nonzero().squeeze(1)
    if not drawn.numel():
        return
    x, y, z = ([c.index_select(0, drawn) for c in corner] for corner in (x, y, z))
    left, right, top, bottom = (t.index_select(0, drawn).long() for t in (left, right, top, bottom))
    picture = drawn // f
    face = drawn - picture * f
    base = (picture + first_picture) * (h * w)
    signs = [c.sign() for c in z] if perspective and bool((z_low < near).any()) else None
    height, width = bottom - top + 1, right - left + 1
    total = (height * width).cumsum(0)
    chunks = torch.arange(0, int(total[-1]), CANDIDATES_AT_ONCE, device=total.device)[1:]
    ends = [0, *torch.searchsorted(total, chunks).tolist(), len(total)]
    for start, stop in zip(ends[:-1], ends[1:]):
        if stop == start:
            continue
        rows = height[start:stop]
        of_row = torch.repeat_interleave(torch.arange(start, stop, device=rows.device), rows)
        row = torch.arange(len(of_row), device=rows.device) - (rows.cumsum(0) - rows - top[start:stop]).index_select(
            0, of_row - start
        )
        widths = width.index_select(0, of_row)
        row_of_candidate = torch.repeat_interleave(torch.arange(len(of_row), device=rows.device), widths)
        triangle = of_row.index_select(0, row_of_candidate)
        column = torch.arange(len(triangle), device=rows.device) - (
            widths.cumsum(0) - widths - left.index_select(0, of_row)
        ).index_select(0, row_of_candidate)
        row = row.index_select(0, row_of_candidate)
        centre_x, centre_y = column.float() + 0.5, row.float() + 0.5
        rx = [centre_x - c.index_select(0, triangle) for c in x]
        ry = [centre_y - c.index_select(0, triangle) for c in y]
        e = [rx[1] * ry[2] - rx[2] * ry[1], rx[2] * ry[0] - rx[0] * ry[2], rx[0] * ry[1] - rx[1] * ry[0]]
        s = e if signs is None else [a * t.index_select(0, triangle) for a, t in zip(e, signs)]
        low, high = torch.minimum(torch.minimum(s[0], s[1]), s[2]), torch.maximum(torch.maximum(s[0], s[1]), s[2])
        inside = ((low >= 0) | (high <= 0)).nonzero().squeeze(1)
        triangle = triangle.index_select(0, inside)
        e = [a.index_select(0, inside) for a in e]
        zs = [c.index_select(0, triangle) for c in z]
        area = e[0] + e[1] + e[2]
        if perspective:
            depth = area / (e[0] / zs[0] + e[1] / zs[1] + e[2] / zs[2])
        else:
            depth = (e[0] * zs[0] + e[1] * zs[1] + e[2] * zs[2]) / area
        key = (depth.view(torch.int32).long() << 32) | face.index_select(0, triangle)
        key = torch.where(depth >= near, key, EMPTY)
        pixel = base.index_select(0, triangle) + row.index_select(0, inside) * w + column.index_select(0, inside)
        keys.scatter_reduce_(0, pixel, key, "amin")


def _corner(coordinate, corner):
    return coordinate.index_select(1, corner).reshape(-1)
