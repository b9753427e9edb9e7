"""What a wrong outline costs."""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

_SMALLEST_UNION = 1e-10
"""Keeps the quotient of two empty masks finite: their overlap counts as 0."""


def soft_iou_loss(soft_mask: Float[Tensor, "b 1 h w"], mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    """1 - mean over pictures of Σ m̂M / Σ (m̂ + M - m̂M), nothing thresholded; sums over the pixels of each picture.

    Both in 0..1. Differentiable in both. Source: DIB-R's mask IoU, the silhouette term of 3D Magic Mirror.
    """
    both = (soft_mask * mask).sum((1, 2, 3))
    either = (soft_mask + mask - soft_mask * mask).sum((1, 2, 3))
    return 1 - (both / (either + _SMALLEST_UNION)).mean()


def contour_loss(soft_mask: Float[Tensor, "b 1 h w"], mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    """Mean over all pixels of the squared difference of the two masks' contours, where a contour is |m - up(down₄ m)|.

    Down to a quarter and up again, both by the nearest pixel (the upper left one of each 4 x 4): what a coarse picture
    of the mask gets wrong is its outline. Differentiable in both. Source: 3D Magic Mirror's option for birds.
    """
    return (_contour(soft_mask) - _contour(mask)).square().mean()


def _contour(mask: Tensor) -> Tensor:
    h, w = mask.shape[-2:]
    coarse = interpolate(interpolate(mask, size=(h // 4, w // 4), mode="nearest"), size=(h, w), mode="nearest")
    return (mask - coarse).abs()
