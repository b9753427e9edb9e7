"""Where on the picture a triangle can be: boxes of candidate pixels for the native backend."""

from typing import NamedTuple

import torch
from jaxtyping import Float32, Int32
from torch import Tensor

from models.rendering.near_plane import visible_bounds


class Corners(NamedTuple):
    """Triangles on the screen: three tensors for each coordinate, one number a triangle."""

    x: list[Float32[Tensor, " t"]]
    y: list[Float32[Tensor, " t"]]
    z: list[Float32[Tensor, " t"]]


class Boxes(NamedTuple):
    """Rectangles of pixels: first column, first row, number of columns and rows. Whole numbers, exact in float32."""

    left: Float32[Tensor, " t"]
    top: Float32[Tensor, " t"]
    width: Float32[Tensor, " t"]
    height: Float32[Tensor, " t"]


def candidate_boxes(
    corners: Corners, size: tuple[int, int], *, perspective: bool, near: float, in_front: bool
) -> Boxes:
    """The pixels whose centres lie in the bounds of each triangle; without width or height where it cannot be seen."""
    (h, w), (x, y, z) = size, corners
    left, right = _least(x), _greatest(x)
    top, bottom = _least(y), _greatest(y)
    if not in_front:
        crossing = (_least(z) < near).nonzero().squeeze(1)
        if perspective and crossing.numel():
            of_x, of_y, of_z = (torch.stack([c.index_select(0, crossing) for c in axis]) for axis in corners)
            for bound, visible in zip((left, right, top, bottom), visible_bounds(of_x, of_y, of_z, near)):
                bound[crossing] = visible
    # rounding is monotone, so a centre within the bounds is never lost; NaN ends in an empty box
    left, top = left.sub_(0.5).ceil_().nan_to_num_(w).clamp_(0, w), top.sub_(0.5).ceil_().nan_to_num_(h).clamp_(0, h)
    right = right.sub_(0.5).floor_().nan_to_num_(-1).clamp_(-1, w - 1)
    bottom = bottom.sub_(0.5).floor_().nan_to_num_(-1).clamp_(-1, h - 1)
    width, height = right.sub_(left).add_(1).clamp_(min=0), bottom.sub_(top).add_(1).clamp_(min=0)
    return Boxes(left, top, width, height)


def without_backs(corners: Corners, *, perspective: bool) -> Corners:
    """The same triangles, those seen from behind made NaN. Fronts have a negative area, since y points down."""
    x, y, z = corners
    doubled_area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    if perspective:  # an odd number of corners behind the camera mirrors the divided triangle
        doubled_area = doubled_area * z[0].sign() * z[1].sign() * z[2].sign()
    return Corners([torch.where(doubled_area < 0, x[0], torch.nan), *x[1:]], y, z)


def row_boxes(corners: Corners, boxes: Boxes, perspective: bool, near: float) -> tuple[Int32[Tensor, " n"], Boxes]:
    """Cut boxes into rows and narrow each row to the columns between the triangle's edges, with a margin for rounding.

    Returns the triangle of each row beside the rows.
    """
    height = boxes.height.int()
    before = height.cumsum(0, dtype=torch.int32) - height
    owner = torch.repeat_interleave(torch.arange(height.shape[0], dtype=torch.int32, device=height.device), height)
    row = torch.arange(owner.shape[0], dtype=torch.int32, device=height.device).sub_(before.index_select(0, owner))
    row = row.float().add_(boxes.top.index_select(0, owner))
    centre_y = row + 0.5
    left = boxes.left.index_select(0, owner)
    right = left + boxes.width.index_select(0, owner) - 1
    for x, y, slope, lower, upper in _edge_lines(corners, perspective, near):
        crossing = (centre_y - y.index_select(0, owner)).mul_(slope.index_select(0, owner))
        crossing.add_(x.index_select(0, owner))
        left = torch.maximum(left, crossing.sub(0.5).sub_(lower.index_select(0, owner)).ceil_())
        right = torch.minimum(right, crossing.sub_(0.5).add_(upper.index_select(0, owner)).floor_())
    width = right.sub_(left).add_(1).clamp_(min=0)
    return owner, Boxes(left, row, width, torch.ones_like(row))


def _edge_lines(corners: Corners, perspective: bool, near: float):
    """For each edge: a point, dx/dy, how far to the left and right of it the triangle may reach."""
    x, y, z = corners
    no_limit = 1e30
    doubled_area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    extent = (_greatest(x) - _least(x)) * (_greatest(y) - _least(y))
    crossing = (_least(z) < near) if perspective else torch.zeros_like(extent, dtype=torch.bool)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        rise = y[j] - y[i]
        slope = (x[j] - x[i]) / rise
        # the edge function is rounded at 1e-7 of the extent's area: the margin in x grows as the edge lies down
        margin = 0.01 + 1e-6 * extent / rise.abs()
        unlimited = crossing | ~(margin < 1e6)
        rightward = (rise > 0) != (doubled_area > 0)  # the triangle lies to the right of this edge
        lower = torch.where(unlimited | ~rightward, no_limit, margin)
        upper = torch.where(unlimited | rightward, no_limit, margin)
        yield x[i], y[i], torch.where(unlimited, 0.0, slope), lower, upper


def _least(corner: list[Tensor]) -> Tensor:
    return torch.minimum(torch.minimum(corner[0], corner[1]), corner[2])


def _greatest(corner: list[Tensor]) -> Tensor:
    return torch.maximum(torch.maximum(corner[0], corner[1]), corner[2])
