"""Sizes of pictures on their way into a network."""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate


def resized(images: Float[Tensor, "b c h w"], side: int) -> Float[Tensor, "b c side side"]:
    """Square pictures of `side` pixels: block means where that divides, else antialiased bilinear. Differentiable."""
    height, width = images.shape[-2:]
    if height == width == side:
        return images
    if height == width and height % side == 0:
        return avg_pool2d(images, height // side)
    return interpolate(images, size=(side, side), mode="bilinear", align_corners=False, antialias=True)
