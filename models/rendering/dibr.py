"""The silhouette of DIB-R: a hard mask with a fringe of about one pixel around it."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.rendering.triangle_fringe import Fringe, triangle_fringe

REACH = 0.02 * math.sqrt(7000)
"""Sigmas beyond a triangle's box in which it is felt: the paper's 0.02 for its 1 / sqrt(7000), 1.673."""
_SMALLEST = 1e-6
"""Squared distance, in sigmas, below which a centre counts as that far outside: its logarithm stays finite."""


def dibr_silhouette(
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    covered: Bool[Tensor, "b h w"],
    sigma_px: tuple[float, float],
    *,
    faces_per_pixel: int | None = None,
) -> Float[Tensor, "b h w"]:
    """1 on covered pixels; elsewhere 1 - Π_f (1 - exp(-d_f²)) over the triangles whose box, widened by 1.673 sigmas,
    holds the pixel's centre. d_f is the distance to the triangle's nearest edge or corner in sigmas, (Δx / sigma_x,
    Δy / sigma_y), also within a triangle that does not cover the pixel because it was culled.

    Differentiable to x and y of the vertices, through the fringe only: on covered pixels the gradient is exactly 0.
    ``faces_per_pixel`` keeps the first so many triangles of each pixel in the order of their index (the original: 30).
    Triangles of either winding count. Source: Chen et al., "Learning to predict 3D objects with an interpolation-based
    differentiable renderer", NeurIPS 2019; numbers as in 3D Magic Mirror, which measures in normalised coordinates: see
    `dibr_sigma_px`.
    """
    return _DibrSilhouette.apply(vertices_screen, faces, covered, sigma_px, faces_per_pixel)  # type: ignore


def dibr_sigma_px(size: tuple[int, int], sharpness: float = 7000) -> tuple[float, float]:
    """The paper's width of the fringe in pixels, along x and y: it is fixed in coordinates that span -1 to 1 on both
    axes, so it differs between the axes of a picture that is not square. For 128 x 64 (h x w): (0.38, 0.76)."""
    h, w = size
    return w / 2 / math.sqrt(sharpness), h / 2 / math.sqrt(sharpness)


class _DibrSilhouette(torch.autograd.Function):
    @staticmethod
    def forward(ctx, vertices_screen, faces, covered, sigma_px, faces_per_pixel):
        b, h, w = covered.shape
        pairs = list(triangle_fringe(vertices_screen, faces, (h, w), sigma_px, REACH, ~covered))
        log_empty = vertices_screen.new_zeros(b * h * w)
        if pairs:
            fringe = Fringe(*(torch.cat(parts) for parts in zip(*pairs)))
            if faces_per_pixel is not None:
                fringe = _first_triangles(fringe, faces_per_pixel)
            log_empty.index_add_(0, fringe.pixel, torch.log(-torch.expm1(-_felt_distance(fringe))))
        else:
            fringe = None
        ctx.fringe, ctx.sigma_px = fringe, sigma_px
        ctx.save_for_backward(vertices_screen, log_empty)
        return torch.where(covered, 1.0, -torch.expm1(log_empty).view(b, h, w))

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        vertices_screen, log_empty = ctx.saved_tensors
        fringe: Fringe | None = ctx.fringe
        if fringe is None:
            return torch.zeros_like(vertices_screen), None, None, None, None
        empty = (gradient.reshape(-1) * log_empty.exp()).index_select(0, fringe.pixel)
        of_distance = -empty / torch.expm1(_felt_distance(fringe))
        return fringe.gradient_of_vertices(of_distance, ctx.sigma_px, vertices_screen), None, None, None, None


def _felt_distance(fringe: Fringe) -> Tensor:
    """Of an uncovered centre from a triangle's rim. It may lie within one that rasterization culled: that is felt as
    far from its rim as it is, too."""
    return fringe.squared_distance.clamp(min=_SMALLEST)


def _first_triangles(fringe: Fringe, count: int) -> Fringe:
    pixel, order = fringe.pixel.sort(stable=True)  # pairs come in the order of the triangles
    place = torch.arange(len(pixel), device=pixel.device) - torch.searchsorted(pixel, pixel)
    kept = order[place < count]
    return Fringe(*(part.index_select(0, kept) for part in fringe))
