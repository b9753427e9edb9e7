"""The silhouette from the distance to the true outline: as exact as `edge`, smooth, and felt some pixels away."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.geometry.topology import EdgeTopology, unique_edges
from models.rendering.candidates import nearest_on_segment, pixels_in_boxes

REACH = 3.0
"""Sigmas from the outline beyond which a pixel is wholly inside or outside (0.13 % are cut off)."""
_NOWHERE = torch.iinfo(torch.int64).max


def contour_silhouette(
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    covered: Bool[Tensor, "b h w"],
    sigma_px: float,
    *,
    topology: EdgeTopology | None = None,
    near: float = 1e-2,
) -> Float[Tensor, "b h w"]:
    """Φ(±d / sigma), d the distance of a pixel's centre to the outline, + on covered pixels and - on others.

    Φ is the normal distribution function: along a straight outline this is the exact coverage blurred by a Gaussian of
    ``sigma_px``; 0.3 resembles the coverage of a pixel's square. The outline consists of the edges where front and
    back meet or the surface ends, at points where an uncovered pixel lies beside. Differentiable to x and y of the
    vertices. ``covered`` is the hard mask of the same vertices; ``topology`` of the faces saves finding the edges
    again. Edges with an end nearer than ``near`` are left out.
    """
    topology = unique_edges(faces) if topology is None else topology
    return _ContourSilhouette.apply(vertices_screen, faces, covered, sigma_px, topology, near)  # type: ignore


class _ContourSilhouette(torch.autograd.Function):
    @staticmethod
    def forward(ctx, vertices_screen, faces, covered, sigma_px, topology, near):
        b, h, w = covered.shape
        start, end, picture = _turning_edges(vertices_screen, faces, topology, near)
        x, y, _ = (coordinate.reshape(-1) for coordinate in vertices_screen.unbind(-1))
        nearest = torch.full((b * h * w,), _NOWHERE, dtype=torch.int64, device=faces.device)
        ax, ay, bx, by = x[start], y[start], x[end], y[end]
        reach = REACH * sigma_px
        left, right = torch.minimum(ax, bx) - reach, torch.maximum(ax, bx) + reach
        top, bottom = torch.minimum(ay, by) - reach, torch.maximum(ay, by) + reach
        for edge, pixel, px, py in pixels_in_boxes(left, right, top, bottom, picture, (h, w)):
            ends = [t.index_select(0, edge) for t in (ax, ay, bx, by)]
            away_x, away_y, _ = nearest_on_segment(px, py, *ends)
            squared = (away_x * away_x + away_y * away_y).float()
            kept = (squared < reach * reach).nonzero().squeeze(1)
            edge, pixel, squared = (t.index_select(0, kept) for t in (edge, pixel, squared))
            at_x, at_y = (px - away_x).index_select(0, kept), (py - away_y).index_select(0, kept)
            along_x, along_y = ((ends[i] - ends[j]).index_select(0, kept) for i, j in ((2, 0), (3, 1)))
            beside = _beside_uncovered(covered, pixel // (h * w), at_x, at_y, along_x, along_y)
            key = torch.where(beside, (squared.view(torch.int32).long() << 32) | edge, _NOWHERE)
            nearest.scatter_reduce_(0, pixel, key, "amin")
        pixel = (nearest != _NOWHERE).nonzero().squeeze(1)
        edge = nearest.index_select(0, pixel) & 0xFFFFFFFF
        start, end = start.index_select(0, edge), end.index_select(0, edge)
        row = pixel // w
        px, py = (pixel - row * w).to(x.dtype) + 0.5, (row % h).to(x.dtype) + 0.5
        away_x, away_y, share = nearest_on_segment(px, py, x[start], y[start], x[end], y[end])
        side = torch.where(covered.reshape(-1).index_select(0, pixel), 1.0, -1.0).to(x.dtype)
        distance = torch.hypot(away_x, away_y)
        coverage = 0.5 + 0.5 * torch.erf(side * distance / (math.sqrt(2) * sigma_px))
        slope = torch.exp(-0.5 * (distance / sigma_px) ** 2) / (math.sqrt(2 * math.pi) * sigma_px)
        # per offset from the outline: offset / distance is the unit direction
        slope = slope * side / distance.clamp(min=1e-6)
        ctx.save_for_backward(vertices_screen, pixel, start, end, share, away_x * slope, away_y * slope)
        hard = covered.reshape(-1).to(x.dtype)
        return hard.index_copy(0, pixel, coverage).view(b, h, w)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        vertices_screen, pixel, start, end, share, pull_x, pull_y = ctx.saved_tensors
        gradient = -gradient.reshape(-1).index_select(0, pixel)  # the pull points inward, coverage grows outward
        ends, shares = torch.cat((start, end)), torch.cat((1 - share, share))
        number = vertices_screen.shape[0] * vertices_screen.shape[1]
        planes = [
            vertices_screen.new_zeros(number).index_add_(0, ends, (gradient * pull).repeat(2) * shares)
            for pull in (pull_x, pull_y)
        ]
        summed = torch.stack((*planes, torch.zeros_like(planes[0])), -1).view_as(vertices_screen)
        return summed, None, None, None, None, None


def _turning_edges(vertices_screen, faces, topology: EdgeTopology, near: float):
    """Edges where the winding on the screen turns or the surface ends: (start, end) of picture * v + vertex,
    picture."""
    _, v, _ = vertices_screen.shape
    corner = [faces[:, k].contiguous() for k in range(3)]
    x, y = (vertices_screen[..., axis].contiguous() for axis in (0, 1))
    (x0, x1, x2), (y0, y1, y2) = ([c.index_select(1, i) for i in corner] for c in (x, y))
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    front = area > 0
    first, second = topology.edge_faces.unbind(1)
    turns = front.index_select(1, first) ^ front.index_select(1, second.clamp(min=0))
    picture, edge = (turns | (topology.face_count != 2)).nonzero().unbind(1)
    start, end = topology.edges.index_select(0, edge).unbind(1)
    z = vertices_screen[..., 2].reshape(-1)
    in_front = (torch.minimum(z[start + picture * v], z[end + picture * v]) >= near).nonzero().squeeze(1)
    start, end, picture = (t.index_select(0, in_front) for t in (start, end, picture))
    return start + picture * v, end + picture * v, picture


def _beside_uncovered(covered, picture, x, y, along_x, along_y):
    """Whether an uncovered pixel, or the picture's end, lies one pixel beside a point of an edge."""
    _, h, w = covered.shape
    length = torch.hypot(along_x, along_y).clamp(min=torch.finfo(x.dtype).tiny)
    across_x, across_y = -along_y / length, along_x / length
    uncovered = None
    for side in (1, -1):
        column, row = (x + side * across_x).floor().long(), (y + side * across_y).floor().long()
        outside = (column < 0) | (column >= w) | (row < 0) | (row >= h)
        at = (picture * h + row.clamp(0, h - 1)) * w + column.clamp(0, w - 1)
        open_side = outside | ~covered.reshape(-1).index_select(0, at)
        uncovered = open_side if uncovered is None else uncovered | open_side
    return uncovered
