"""Every triangle near every pixel, with the nearest point of its rim: what the soft silhouettes add up."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.rendering.barycentrics import MINIMUM_DOUBLED_AREA
from models.rendering.candidates import nearest_on_segment, pixels_in_boxes


class Fringe(NamedTuple):
    """Pairs of a triangle and a pixel near it. Distances are in units of the sigma of each axis."""

    triangle: Int[Tensor, " p"]
    """Counted through the batch: picture * f + face."""
    pixel: Int[Tensor, " p"]
    """Flat index in [b h w]."""
    inside: Bool[Tensor, " p"]
    """The pixel's centre lies within the triangle."""
    away_x: Float[Tensor, " p"]
    """From the nearest point of the triangle's rim to the pixel's centre."""
    away_y: Float[Tensor, " p"]
    start: Int[Tensor, " p"]
    """Corners (picture * v + vertex) of the rim's edge with the nearest point,"""
    end: Int[Tensor, " p"]
    share: Float[Tensor, " p"]
    """which is start + share (end - start)."""

    @property
    def squared_distance(self) -> Float[Tensor, " p"]:
        return self.away_x * self.away_x + self.away_y * self.away_y

    def gradient_of_vertices(
        self, gradient: Float[Tensor, " p"], sigma_px: tuple[float, float], like: Float[Tensor, "b v 3"]
    ) -> Float[Tensor, "b v 3"]:
        """From the gradient to `squared_distance` of each pair to the vertices on the screen."""
        b, v, _ = like.shape
        ends, shares = torch.cat((self.start, self.end)), torch.cat((1 - self.share, self.share))
        planes = []
        for away, sigma in ((self.away_x, sigma_px[0]), (self.away_y, sigma_px[1])):
            pull = (gradient * away * (-2 / sigma)).repeat(2) * shares
            planes.append(like.new_zeros(b * v).index_add_(0, ends, pull))
        return torch.stack((*planes, torch.zeros_like(planes[0])), -1).view(b, v, 3)


def triangle_fringe(
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    size: tuple[int, int],
    sigma_px: tuple[float, float],
    reach: float,
    wanted: Bool[Tensor, "b h w"] | None = None,
    *,
    near: float = 1e-2,
) -> Iterator[Fringe]:
    """All pairs with the pixel's centre in the triangle's box widened by ``reach`` sigmas, a bounded number at a time.

    With ``wanted`` only the pairs of those pixels. Left out are degenerate triangles, those with a NaN, and those
    with a corner nearer than ``near``.
    """
    (b, v, _), f = vertices_screen.shape, len(faces)
    sx, sy = sigma_px
    corner = [
        (faces[:, k] + v * torch.arange(b, device=faces.device)[:, None]).reshape(-1) for k in range(3)
    ]  # of every triangle of the batch
    x, y, z = (coordinate.reshape(-1) for coordinate in vertices_screen.unbind(-1))
    xs, ys, zs = ([c.index_select(0, i) for i in corner] for c in (x, y, z))
    left, right = torch.minimum(torch.minimum(*xs[:2]), xs[2]), torch.maximum(torch.maximum(*xs[:2]), xs[2])
    top, bottom = torch.minimum(torch.minimum(*ys[:2]), ys[2]), torch.maximum(torch.maximum(*ys[:2]), ys[2])
    left, right, top, bottom = left - reach * sx, right + reach * sx, top - reach * sy, bottom + reach * sy
    area = (xs[1] - xs[0]) * (ys[2] - ys[0]) - (xs[2] - xs[0]) * (ys[1] - ys[0])
    drawn = (area.abs() > MINIMUM_DOUBLED_AREA) & (torch.minimum(torch.minimum(*zs[:2]), zs[2]) >= near)
    picture = torch.arange(b, device=faces.device).repeat_interleave(f)
    if wanted is not None:
        drawn &= _any_in_boxes(wanted, left, right, top, bottom, picture)
    kept = drawn.nonzero().squeeze(1)
    left, right, top, bottom, picture = (t.index_select(0, kept) for t in (left, right, top, bottom, picture))
    for primitive, pixel, px, py in pixels_in_boxes(left, right, top, bottom, picture, size):
        if wanted is not None:
            chosen = wanted.reshape(-1).index_select(0, pixel).nonzero().squeeze(1)
            primitive, pixel, px, py = (t.index_select(0, chosen) for t in (primitive, pixel, px, py))
        yield _nearest_rim(kept.index_select(0, primitive), pixel, px, py, corner, x, y, sx, sy)


def _nearest_rim(triangle, pixel, px, py, corner, x, y, sx, sy) -> Fringe:
    ids = [i.index_select(0, triangle) for i in corner]
    xs, ys = ([c.index_select(0, i) / s for i in ids] for c, s in ((x, sx), (y, sy)))
    px, py = px / sx, py / sy
    best = None
    for i, j in ((0, 1), (1, 2), (2, 0)):
        away_x, away_y, share = nearest_on_segment(px, py, xs[i], ys[i], xs[j], ys[j])
        found = (away_x * away_x + away_y * away_y, away_x, away_y, ids[i], ids[j], share)
        if best is None:
            best = found
        else:
            closer = found[0] < best[0]
            best = tuple(torch.where(closer, new, old) for new, old in zip(found, best))
    assert best is not None
    rx, ry = [px - c for c in xs], [py - c for c in ys]
    e0, e1, e2 = (rx[i] * ry[j] - rx[j] * ry[i] for i, j in ((1, 2), (2, 0), (0, 1)))
    inside = ((e0 >= 0) & (e1 >= 0) & (e2 >= 0)) | ((e0 <= 0) & (e1 <= 0) & (e2 <= 0))
    return Fringe(triangle, pixel, inside, *best[1:])


def _any_in_boxes(wanted, left, right, top, bottom, picture):
    """Whether a box of screen positions contains the centre of a wanted pixel, by a table of sums."""
    b, h, w = wanted.shape
    sums = torch.zeros(b, h + 1, w + 1, dtype=torch.int32, device=wanted.device)
    sums[:, 1:, 1:] = wanted.int().cumsum(1, dtype=torch.int32).cumsum(2, dtype=torch.int32)
    columns = [(left - 0.5).ceil().clamp(0, w), (right + 0.5).floor().clamp(0, w)]
    rows = [(top - 0.5).ceil().clamp(0, h), (bottom + 0.5).floor().clamp(0, h)]
    c0, c1, r0, r1 = (t.nan_to_num(0.0).long() for t in (*columns, *rows))
    flat, base = sums.view(-1), picture * ((h + 1) * (w + 1))
    at = [flat.index_select(0, base + r * (w + 1) + c) for r, c in ((r1, c1), (r0, c1), (r1, c0), (r0, c0))]
    return (at[0] - at[1] - at[2] + at[3]) > 0
