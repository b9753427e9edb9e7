"""Which triangle does each pixel see: the default backend, vectorised PyTorch for any device, without a compile step.

Every triangle gets a box of candidate pixels (a large one gets a box for each of its rows). Every candidate is tested
against the three edges and becomes a 64-bit key, depth above and triangle below; one integer minimum over the keys
decides each pixel. Integer minima do not depend on the order: the same input gives the same picture on every run.

Edges are watertight by construction: the edge function is the cross product of the vectors from two corners to the
pixel's centre, and a x b = -(b x a) holds bit by bit when the products and the difference are rounded one by one. Two
triangles that share an edge thus disagree exactly on the side, the test is inclusive, and no pixel falls between them.
No fused operation (addcmul, lerp) may be used there.

On the CPU the time goes into memory traffic and mispredicted branches. Hence one tensor per coordinate, 32-bit
indices, and masks made of sign bits: where, masked_fill and nonzero cost 10 to 50 times an addition when their mask
is irregular.
"""

import itertools
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Int32, Int64
from torch import Tensor

from models.rendering.barycentrics import MINIMUM_DOUBLED_AREA
from models.rendering.boxes import Boxes, Corners, candidate_boxes, row_boxes, without_backs

CANDIDATES_AT_ONCE = 1 << 18
"""Bounds the memory: about 100 bytes a candidate."""
PIXELS_OF_A_SMALL_BOX = 16
"""A triangle whose box holds more is cut into rows, each narrowed to what the triangle covers there."""

# Linux gives a large freed block back to the system, and every new one then costs a page fault for each 4 kB: half of
# the time of this backend. Freeing one block of just under 32 MB, which is never touched, teaches glibc to keep what
# follows.
torch.empty((32 << 20) - (1 << 16), dtype=torch.uint8)

_EMPTY = 0x7FFFFFFF
"""The upper half of a key that wins against none: as depth, its bits are those of a NaN."""
_INFINITE_DEPTH = 0x7F800000 << 32


class _Rules(NamedTuple):
    perspective: bool
    near: float
    in_front: bool
    """Every vertex is beyond the near plane."""
    width: int


def native_face_index(
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    size: tuple[int, int],
    *,
    perspective: bool,
    cull: str,
    near: float,
) -> Int64[Tensor, "b h w"]:
    """Index of the nearest triangle under each pixel centre, -1 where there is none. Conventions: see rasterize."""
    (h, w), (b, v, _), f = size, vertices_screen.shape, faces.shape[0]
    if not (b and v and f):
        return torch.full((b, h, w), -1, dtype=torch.int64, device=vertices_screen.device)
    vertices = vertices_screen.float()
    if not bool(vertices.sum().isfinite()):  # a broken vertex becomes NaN in all coordinates, which no box survives
        vertices = torch.where(vertices.isfinite().all(-1, keepdim=True), vertices, torch.nan)
    coordinates = [c.contiguous() for c in vertices.unbind(-1)]
    corner_of_face = [c.contiguous() for c in faces.unbind(-1)]
    pictures_at_once = max(1, CANDIDATES_AT_ONCE // (2 * f))
    keys = torch.full((b, h * w), _EMPTY << 32, dtype=torch.int64, device=vertices.device)
    for first in range(0, b, pictures_at_once):
        group = [c[first : first + pictures_at_once] for c in coordinates]
        corners = Corners(*([c.index_select(1, vertex).view(-1) for vertex in corner_of_face] for c in group))
        if cull == "back":
            corners = without_backs(corners, perspective=perspective)
        in_front = bool(group[2].amin() >= near)  # False for NaN
        boxes = candidate_boxes(corners, size, perspective=perspective, near=near, in_front=in_front)
        _draw(keys[first : first + pictures_at_once], corners, boxes, _Rules(perspective, near, in_front, w))
    triangles_before = torch.arange(b, device=keys.device)[:, None] % pictures_at_once * f  # numbered within a group
    face_index = (keys & 0xFFFFFFFF).sub_(triangles_before)
    return torch.where(keys < _INFINITE_DEPTH, face_index, -1).view(b, h, w)


def _draw(keys: Int64[Tensor, "b p"], corners: Corners, boxes: Boxes, rules: _Rules) -> None:
    b, pixels = keys.shape
    number = torch.arange(boxes.left.shape[0], dtype=torch.int32, device=keys.device)
    first_pixel = torch.arange(0, b * pixels, pixels, dtype=torch.int32, device=keys.device)
    first_pixel = first_pixel[:, None].expand(-1, number.shape[0] // b).reshape(-1)
    keys = keys.view(-1)
    # the first pixel of every box needs no gathering, and a mesh finer than the pixels has few others
    column, row = boxes.left.clamp(max=rules.width - 1), boxes.top.clamp(max=pixels // rules.width - 1)
    pixel = (row.int() * rules.width).add_(column.int()).add_(first_pixel)
    _submit(keys, corners, number, column, row, pixel, rules)
    area = boxes.width * boxes.height
    small = (area <= PIXELS_OF_A_SMALL_BOX).float()
    _draw_boxes(keys, corners, None, boxes, (area * small).int(), pixel, rules, skip=1)
    large = (area > PIXELS_OF_A_SMALL_BOX).nonzero().squeeze(1).int()
    if large.numel():
        chosen = Corners(*([c.index_select(0, large) for c in coordinate] for coordinate in corners))
        chosen_boxes = Boxes(*(edge.index_select(0, large) for edge in boxes))
        _draw_large(keys, chosen, chosen_boxes, large, first_pixel.index_select(0, large), rules)


def _submit(keys, corners, number, column, row, pixel, rules) -> None:
    """Test candidates, one triangle and one pixel each, and keep the least key of every pixel."""
    (x, y, z), centre_x, centre_y = corners, column + 0.5, row + 0.5
    rx, ry = [centre_x - c for c in x], [centre_y - c for c in y]
    e0 = (rx[1] * ry[2]).sub_(rx[2] * ry[1])
    e1 = (rx[2] * ry[0]).sub_(rx[0] * ry[2])
    e2 = (rx[0] * ry[1]).sub_(rx[1] * ry[0])
    doubled_area = e0 + e1
    doubled_area.add_(e2)
    if rules.perspective:
        w0, w1, w2 = e0.div_(z[0]), e1.div_(z[1]), e2.div_(z[2])
        depth = (w0 + w1).add_(w2)
        torch.div(doubled_area, depth, out=depth)
    else:
        w0, w1, w2 = e0, e1, e2
        depth = (w0 * z[0]).add_(w1 * z[1]).add_(w2 * z[2]).div_(doubled_area)
    lowest, highest = torch.minimum(torch.minimum(w0, w1), w2), torch.maximum(torch.maximum(w0, w1), w2)
    # outside = weights of both signs, a degenerate triangle, or before the near plane: the sign bit of any of the three
    mixed = lowest.mul_(highest).add_(0.0)  # adding 0 turns -0 into 0
    degenerate = doubled_area.abs_().sub_(MINIMUM_DOUBLED_AREA)
    outside = mixed.view(torch.int32) | degenerate.view(torch.int32)
    if not rules.in_front:
        outside.bitwise_or_((depth - rules.near).view(torch.int32))
    key = (
        outside.bitwise_right_shift_(31)
        .bitwise_or_(depth.view(torch.int32))
        .bitwise_and_(_EMPTY)
        .long()
        .bitwise_left_shift_(32)
    )
    keys.scatter_reduce_(0, pixel.long(), key.bitwise_or_(number), "amin")


def _draw_boxes(keys, corners, owner, boxes, count, start, rules, skip=0, number=None):
    """Submit every pixel of the boxes. ``owner``: the triangle of each box (None: box i belongs to triangle i)."""
    if skip:
        count = (count - skip).clamp_(min=0)
    cumulated = count.cumsum(0)
    total = int(cumulated[-1])
    if not total:
        return
    inverse_width = boxes.width.reciprocal()
    at_once = torch.arange(0, total, CANDIDATES_AT_ONCE, device=count.device)[1:]
    ends = [0, *torch.searchsorted(cumulated, at_once).tolist(), count.shape[0]]
    before = (cumulated - count).int()
    for first, stop in itertools.pairwise(ends):
        if first == stop:
            continue
        offset, number_of_candidates = int(before[first]), int(cumulated[stop - 1] - before[first])
        box = _expand(before[first:stop] - offset, number_of_candidates).add_(first)
        k = torch.arange(offset + skip, offset + skip + number_of_candidates, dtype=torch.int32, device=count.device)
        k = k.sub_(before.index_select(0, box)).float()
        # k // width in floating point: half a pixel away from where it could go wrong
        row = (k + 0.5).mul_(inverse_width.index_select(0, box)).floor_()
        column = k.sub_(row * boxes.width.index_select(0, box))
        pixel = (row.int() * rules.width).add_(column.int()).add_(start.index_select(0, box))
        column.add_(boxes.left.index_select(0, box))
        row.add_(boxes.top.index_select(0, box))
        triangle = box if owner is None else owner.index_select(0, box)
        chosen = Corners(*([c.index_select(0, triangle) for c in coordinate] for coordinate in corners))
        _submit(
            keys, chosen, triangle if number is None else number.index_select(0, triangle), column, row, pixel, rules
        )


def _draw_large(keys, corners, boxes, number, first_pixel, rules):
    heights = boxes.height.int().cumsum(0)
    total = int(heights[-1])
    at_once = torch.arange(0, total, CANDIDATES_AT_ONCE, device=heights.device)[1:]
    ends = [0, *torch.searchsorted(heights, at_once).tolist(), heights.shape[0]]
    for first, stop in itertools.pairwise(ends):
        if first == stop:
            continue
        part = Corners(*([c[first:stop] for c in coordinate] for coordinate in corners))
        owner, rows = row_boxes(part, Boxes(*(edge[first:stop] for edge in boxes)), rules.perspective, rules.near)
        start = (rows.top.int() * rules.width).add_(rows.left.int())
        start.add_(first_pixel[first:stop].index_select(0, owner))
        _draw_boxes(keys, part, owner, rows, rows.width.int(), start, rules, number=number[first:stop])


def _expand(before: Int32[Tensor, " n"], total: int) -> Int32[Tensor, " p"]:
    """[0, 0, 1, 3, 3, 3, …]: repeat_interleave of arange, from where each run begins; a quarter of its time."""
    marks = torch.zeros(total + 1, dtype=torch.int32, device=before.device)
    marks.index_add_(0, before, torch.ones_like(before))
    return marks[:total].cumsum(0, dtype=torch.int32).sub_(1)
