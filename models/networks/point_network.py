"""Where the points of a face are in a picture: heat maps whose centres of mass are the points."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from models.networks.convolutional import StandardizedConvolution
from models.networks.precision import at_least_float32


class PointObservation(NamedTuple):
    """Points, how sure the network is of each, and what else it saw. Differentiable."""

    points: Float[Tensor, "b p 2"]
    """(x, y) as shares of the picture's sides, origin at the top left corner."""
    log_deviation: Float[Tensor, "b p"]
    """Natural logarithm of the expected error, as a share of the side."""
    features: Float[Tensor, "b k"]
    """Of the whole picture, for whatever is not a point."""


class PointNetwork(nn.Module):
    """Standardised convolutions down to 1/32 of the size, then up again with lateral connections to 1/4.

    Reading positions off maps needs far fewer pictures than regressing them from one feature vector: every place of the
    picture trains the same filters. (Integral regression: Sun et al. 2018; pyramid: Lin et al. 2017.)

    Args:
        image_size: side of the square input in pixels, a multiple of 32.
        points: how many.
        width: the first convolution has twice as many channels, the later ones 4, 6 and 8 times as many.
        map_width: channels on the way up.
        features: length of the feature vector.
    """

    def __init__(
        self, image_size: int = 128, points: int = 68, width: int = 24, map_width: int = 64, features: int = 256
    ) -> None:
        super().__init__()
        if image_size % 32:
            raise ValueError(f"image_size is {image_size}, but it must be a multiple of 32: change it.")
        self.image_size, self.features = image_size, features
        self.quarter = _convolution(3, 2 * width, 7, 4)
        self.eighth = nn.Sequential(_convolution(2 * width, 4 * width, 3, 2), _convolution(4 * width, 4 * width, 3, 1))
        self.sixteenth = nn.Sequential(
            _convolution(4 * width, 6 * width, 3, 2), _convolution(6 * width, 6 * width, 3, 1)
        )
        self.thirty_second = _convolution(6 * width, 8 * width, 3, 2)
        self.dense = nn.Linear(8 * width * (image_size // 32) ** 2, features)
        self.context = nn.Linear(features, 8 * width)
        self.lateral = nn.ModuleList(nn.Conv2d(times * width, map_width, 1) for times in (8, 6, 4, 2))
        self.merge = nn.ModuleList(_convolution(map_width, map_width, 3, 1) for _ in range(3))
        self.maps = nn.Conv2d(map_width, points, 1)
        self.certainty = nn.Linear(features, points)
        nn.init.normal_(self.maps.weight, std=0.02)
        nn.init.zeros_(self.certainty.weight)
        nn.init.constant_(self.certainty.bias, -4.0)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> PointObservation:
        """Points in RGB pictures in [0, 1] of the size the network was built for."""
        if images.shape[-2:] != (self.image_size, self.image_size):
            raise ValueError(
                f"The pictures have {images.shape[-1]} x {images.shape[-2]} pixels, but this network was built for "
                f"{self.image_size} x {self.image_size}: resize them."
            )
        quarter = self.quarter((2 * images - 1).contiguous(memory_format=torch.channels_last))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        smallest = self.thirty_second(sixteenth)
        features = self.dense(smallest.flatten(1)).relu()
        rising = self.lateral[0](smallest + self.context(features).relu()[:, :, None, None])
        for level, merge, finer in zip((1, 2, 3), self.merge, (sixteenth, eighth, quarter), strict=True):
            rising = merge(interpolate(rising, scale_factor=2, mode="nearest") + self.lateral[level](finer))
        points = centres_of_mass(at_least_float32(self.maps(rising)))
        return PointObservation(points, at_least_float32(self.certainty(features)), at_least_float32(features))


def centres_of_mass(maps: Float[Tensor, "b p h w"]) -> Float[Tensor, "b p 2"]:
    """Mean position (x, y) under the softmax of each map, as shares of its sides; the centre of cell j of w is (j + ½)
    / w."""
    height, width = maps.shape[-2:]
    mass = maps.flatten(2).softmax(-1).unflatten(-1, (height, width))
    x = (torch.arange(width, device=maps.device, dtype=maps.dtype) + 0.5) / width
    y = (torch.arange(height, device=maps.device, dtype=maps.dtype) + 0.5) / height
    # sums of products, not matrix products: those would run in half precision under autocast
    return torch.stack([(mass.sum(2) * x).sum(-1), (mass.sum(3) * y).sum(-1)], -1)


def _convolution(incoming: int, outgoing: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(StandardizedConvolution(incoming, outgoing, kernel, stride), nn.ReLU(inplace=True))
