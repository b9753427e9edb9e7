"""Colour differences between a photograph and its rendering."""

from jaxtyping import Float
from torch import Tensor


def photometric_loss(
    image: Float[Tensor, "b 3 h w"], rendering: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """Mean over pictures of the mean, inside the mask, of the length of the colour difference, in grey levels (0..255).

    The L2,1 norm of Chen et al. (TIP 2020) on pictures in [0, 1]: outliers count by their length, not its square.
    Differentiable in the rendering; the small constant keeps the gradient finite where the colours agree.
    """
    distance = ((255 * (image - rendering)).square().sum(1, keepdim=True) + 1e-2).sqrt()
    return ((distance * mask).sum((1, 2, 3)) / (mask.sum((1, 2, 3)) + 1)).mean()


def masked_l1_loss(
    image: Float[Tensor, "b 3 h w"], rendering: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """Mean over b · 3 · h · w, covered or not, of the absolute colour difference of both pictures over white.

    Both are composed as mask · picture + (1 - mask) · 1 with the same mask, that of the photograph: what is rendered
    outside it is free, and what the rendering shows inside it counts, be it surface or background. Not divided by the
    mask's area. Differentiable in the rendering. Source: 3D Magic Mirror's image term.
    """
    return (mask * (image - rendering).abs()).mean()  # the white of both cancels
