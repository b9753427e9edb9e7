"""The blocks that the encoders of Zheng et al. ("3D Magic Mirror") are built from, and how their weights start."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from models.networks import residual_block
from models.networks.pooling import SqueezeExcitation

Norm = Literal["batch", "group", "none"]

SLOPE = 0.2
"""Of every leaky ReLU."""
SHORTCUT = 0.2
"""What a residual block keeps of its input."""


def normalisation(norm: Norm, channels: int) -> nn.Module:
    """ "batch" is the paper's; with "group" a picture's features do not depend on the others in its batch."""
    return nn.Identity() if norm == "none" else residual_block.normalisation(norm, channels)


def vector_normalisation(norm: Norm, features: int) -> nn.Module:
    """The same for `[b k]` and `[b k v]`."""
    if norm == "none":
        return nn.Identity()
    return nn.BatchNorm1d(features) if norm == "batch" else nn.GroupNorm(1, features)


class ConvBlock(nn.Module):
    """Convolution, normalisation, leaky ReLU.

    Args:
        incoming, outgoing: channels.
        kernel, stride, dilation: of the convolution, which keeps the size apart from its stride.
        norm: a convolution before a normalisation has no bias.
        coordinates: adds two channels, row and column from -1 to 1 (CoordConv).
        activation: whether the leaky ReLU follows.
        padding: "reflect" needs a map larger than the padding.
    """

    def __init__(
        self,
        incoming: int,
        outgoing: int,
        kernel: int = 3,
        stride: int = 1,
        norm: Norm = "batch",
        coordinates: bool = False,
        activation: bool = True,
        dilation: int = 1,
        padding: Literal["zeros", "reflect"] = "zeros",
    ) -> None:
        super().__init__()
        self.coordinates = coordinates
        self.convolution = nn.Conv2d(
            incoming + 2 * coordinates,
            outgoing,
            kernel,
            stride,
            dilation * (kernel // 2),
            dilation,
            bias=norm == "none",
            padding_mode=padding,
        )
        self.norm = normalisation(norm, outgoing)
        self.activation = nn.LeakyReLU(SLOPE, inplace=True) if activation else nn.Identity()

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        if self.coordinates:
            x = with_coordinates(x)
        return self.activation(self.norm(self.convolution(x)))


class ShrunkResidualBlock(nn.Module):
    """Two 3 x 3 convolutions through half the channels, plus a fifth of the input."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        half = channels // 2
        self.layers = nn.Sequential(
            ConvBlock(channels, half, norm=norm), ConvBlock(half, channels, norm=norm, activation=False)
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return SHORTCUT * x + self.layers(x)


class GatedResidualBlocks(nn.Module):
    """A chain of residual blocks, weighed channel by channel and added to its input."""

    def __init__(self, channels: int, count: int, norm: Norm = "batch") -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(ShrunkResidualBlock(channels, norm) for _ in range(count)))
        self.gate = SqueezeExcitation(channels)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return x + self.gate(self.blocks(x))


class DownBlock(nn.Module):
    """Half the size, twice the channels: two convolutions beside a 3 x 3 mean of the input."""

    def __init__(self, channels: int, norm: Norm = "batch") -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvBlock(channels, channels, stride=2, norm=norm),
            ConvBlock(channels, channels, norm=norm, activation=False),
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        return torch.cat([self.layers(x), avg_pool2d(x, 3, 2, 1)], 1)


def with_coordinates(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
    """Two channels more: the row from -1 (top) to 1, the column from -1 (left) to 1 (Liu et al. 2018)."""
    number, _, height, width = x.shape
    rows = torch.linspace(-1, 1, height, device=x.device, dtype=x.dtype)[:, None].expand(height, width)
    columns = torch.linspace(-1, 1, width, device=x.device, dtype=x.dtype)[None].expand(height, width)
    return torch.cat([x, torch.stack([rows, columns]).expand(number, -1, -1, -1)], 1)


def initialize_kaiming(module: nn.Module) -> None:
    """Weights of convolutions and linear layers from He et al.'s normal by fan-in, norm weights from N(1, 0.02)."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight)
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm)):
            nn.init.normal_(layer.weight, 1.0, 0.02)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def initialize_head(layer: nn.Conv2d | nn.Linear) -> None:
    """A last layer that starts at about 0: weights of deviation 1e-5."""
    nn.init.normal_(layer.weight, 0.0, 1e-5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
