"""Which pixels might a primitive touch: boxes on the screen, spread into (primitive, pixel) pairs."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

PAIRS_AT_ONCE = 1 << 20
"""Bounds the memory: about 200 bytes a pair in what the silhouettes compute from it."""


class Candidates(NamedTuple):
    """Pairs of a primitive and a pixel centre within its box."""

    primitive: Int[Tensor, " p"]
    """Position in the list of boxes."""
    pixel: Int[Tensor, " p"]
    """Flat index of the pixel in [b h w]."""
    x: Float[Tensor, " p"]
    """Screen position of the pixel's centre."""
    y: Float[Tensor, " p"]


def pixels_in_boxes(
    left: Float[Tensor, " p"],
    right: Float[Tensor, " p"],
    top: Float[Tensor, " p"],
    bottom: Float[Tensor, " p"],
    picture: Int[Tensor, " p"],
    size: tuple[int, int],
) -> Iterator[Candidates]:
    """All pixel centres within each box of screen positions, bounds included, a bounded number at a time.

    ``picture`` names the member of the batch that a box belongs to. Boxes with NaN or infinite bounds contain nothing.
    Pairs come in the order of the boxes.
    """
    h, w = size
    first_column, last_column = (left - 0.5).ceil().clamp(0, w), (right - 0.5).floor().clamp(-1, w - 1)
    first_row, last_row = (top - 0.5).ceil().clamp(0, h), (bottom - 0.5).floor().clamp(-1, h - 1)
    finite = (right - left).isfinite() & (bottom - top).isfinite()
    kept = ((last_column >= first_column) & (last_row >= first_row) & finite).nonzero().squeeze(1)
    if not kept.numel():
        return
    bounds = (t.index_select(0, kept).long() for t in (first_column, last_column, first_row, last_row))
    first_column, last_column, first_row, last_row = bounds
    width, height = last_column - first_column + 1, last_row - first_row + 1
    start_pixel = (picture.index_select(0, kept) * h + first_row) * w + first_column
    count = width * height
    total = count.cumsum(0)
    cuts = torch.arange(0, int(total[-1]), PAIRS_AT_ONCE, device=total.device)[1:]
    ends = [0, *torch.searchsorted(total, cuts).tolist(), len(total)]
    for begin, end in pairwise(ends):
        if begin == end:
            continue
        box = torch.repeat_interleave(torch.arange(begin, end, device=total.device), count[begin:end])
        before = total[begin] - count[begin]
        place = torch.arange(len(box), device=total.device) - (total - count - before).index_select(0, box)
        row = place // width.index_select(0, box)
        column = place - row * width.index_select(0, box)
        pixel = start_pixel.index_select(0, box) + row * w + column
        yield Candidates(
            kept.index_select(0, box),
            pixel,
            (column + first_column.index_select(0, box)).to(left.dtype) + 0.5,
            (row + first_row.index_select(0, box)).to(left.dtype) + 0.5,
        )


class NearestPoint(NamedTuple):
    """The point of a line segment nearest to a position: start + share (end - start)."""

    away_x: Float[Tensor, " p"]
    """From the nearest point to the position."""
    away_y: Float[Tensor, " p"]
    share: Float[Tensor, " p"]


def nearest_on_segment(
    x: Tensor, y: Tensor, start_x: Tensor, start_y: Tensor, end_x: Tensor, end_y: Tensor
) -> NearestPoint:
    """The nearest point of each segment to each position; a segment without length is its start."""
    along_x, along_y = end_x - start_x, end_y - start_y
    from_x, from_y = x - start_x, y - start_y
    squared_length = along_x * along_x + along_y * along_y
    share = (from_x * along_x + from_y * along_y) / squared_length.clamp(min=torch.finfo(x.dtype).tiny)
    share = share.clamp_(0, 1)
    return NearestPoint(from_x - share * along_x, from_y - share * along_y, share)
