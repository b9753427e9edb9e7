"""The silhouette of Soft Rasterizer, over all triangles: for parity with the literature."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.rendering.triangle_fringe import triangle_fringe

REACH = math.sqrt(math.log(1 / 1e-4 - 1))
"""Sigmas at which a triangle's share has fallen to 1e-4, the customary blur radius: 3.03."""


def softras_silhouette(
    vertices_screen: Float[Tensor, "b v 3"], faces: Int[Tensor, "f 3"], size: tuple[int, int], sigma_px: float
) -> Float[Tensor, "b h w"]:
    """1 - Π_f (1 - sigmoid(±d_f² / sigma²)) over all triangles within 3.03 sigmas, + inside and - outside.

    d_f is the distance to the triangle's rim. No triangle is dropped for another, unlike implementations that keep the
    nearest K of each pixel. The mask is wider than the mesh (by about a sigma), so fitting it to real masks shrinks the
    mesh: prefer `edge` or `contour`. Differentiable to x and y of the vertices. A sigma of s in the squared normalised
    coordinates of other implementations is sqrt(s) * side / 2 pixels. Source: Liu et al., "Soft Rasterizer", ICCV 2019.
    """
    return _SoftrasSilhouette.apply(vertices_screen, faces, size, sigma_px)  # type: ignore[return-value]


class _SoftrasSilhouette(torch.autograd.Function):
    """The pairs are found again in the backward pass: there are too many to keep."""

    @staticmethod
    def forward(ctx, vertices_screen, faces, size, sigma_px):
        b, (h, w) = len(vertices_screen), size
        total = vertices_screen.new_zeros(b * h * w)  # of -log(1 - share)
        for fringe in triangle_fringe(vertices_screen, faces, size, (sigma_px, sigma_px), REACH):
            kept, signed = _signed_squares(fringe)
            total.index_add_(0, fringe.pixel.index_select(0, kept), torch.nn.functional.softplus(-signed))
        ctx.save_for_backward(vertices_screen, faces, total)
        ctx.size, ctx.sigma_px = size, sigma_px
        return -torch.expm1(-total).view(b, h, w)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        vertices_screen, faces, total = ctx.saved_tensors
        sigmas = (ctx.sigma_px, ctx.sigma_px)
        of_total = gradient.reshape(-1) * torch.exp(-total)
        summed = torch.zeros_like(vertices_screen)
        for fringe in triangle_fringe(vertices_screen, faces, ctx.size, sigmas, REACH):
            kept, signed = _signed_squares(fringe)
            fringe = type(fringe)(*(part.index_select(0, kept) for part in fringe))
            side = torch.where(fringe.inside, 1.0, -1.0).to(signed.dtype)
            of_square = side * of_total.index_select(0, fringe.pixel) * torch.sigmoid(-signed)
            summed += fringe.gradient_of_vertices(of_square, sigmas, vertices_screen)
        return summed, None, None, None


def _signed_squares(fringe) -> tuple[Tensor, Tensor]:
    """The pairs within reach, and their squared distance, negative inside."""
    signed = torch.where(fringe.inside, -fringe.squared_distance, fringe.squared_distance)
    kept = (signed < REACH**2).nonzero().squeeze(1)
    return kept, signed.index_select(0, kept)
