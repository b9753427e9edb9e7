"""Summaries of whole maps: a learned mixture of maximum and mean, and gates for channels."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, adaptive_max_pool2d


class MixedPool(nn.Module):
    """w · maximum + (1 - w) · mean over the cells of a grid, with one learned w that starts at ½.

    Args:
        size: rows and columns of the grid. Where the map has fewer, cells overlap.
    """

    def __init__(self, size: int = 1) -> None:
        super().__init__()
        self.size = size
        self.logit = nn.Parameter(torch.zeros(()))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c i j"]:
        share = self.logit.sigmoid()
        return share * adaptive_max_pool2d(x, self.size) + (1 - share) * adaptive_avg_pool2d(x, self.size)


class SqueezeExcitation(nn.Module):
    """Weighs each channel by a number in 0..1 that depends on the means of all (Hu et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = max(1, channels // 16)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, narrow, 1), nn.ReLU(inplace=True), nn.Conv2d(narrow, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return x * self.layers(x.mean(dim=(2, 3), keepdim=True))
