"""The residual block of the stacked hourglass and how its networks normalise and start."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import relu

Norm = Literal["group", "batch", "instance"]
Initialization = Literal["default", "pifu"]


def normalisation(kind: Norm, channels: int) -> nn.Module:
    """Group normalisation with 32 groups where each gets two channels or more, else with groups of about four.

    A group of one channel would be instance normalisation, which forgets how bright a whole feature is.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels)
    groups = 32 if channels % 64 == 0 else math.gcd(32, max(1, channels // 4), channels)
    return nn.GroupNorm(groups, channels)


def initialize(module: nn.Module, kind: Initialization) -> None:
    """ "pifu": weights of convolutions and linear layers from N(0, 0.02), biases 0; batch norm weights from N(1, 0.02).

    "default" leaves torch's own. Source: the release of PIFu (Saito et al. 2019).
    """
    if kind == "default":
        return
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)


class ResidualBlock(nn.Module):
    """Three 3 x 3 convolutions in a chain, each after norm and ReLU; their outputs side by side, plus the input.

    Widths are half, a quarter and a quarter of the output's. Where the number of channels changes, the input passes
    norm, ReLU and a 1 x 1 convolution. Source: Bulat and Tzimiropoulos 2017, as used by PIFu.
    """

    def __init__(self, incoming: int, outgoing: int, norm: Norm = "group") -> None:
        super().__init__()
        if outgoing % 4:
            raise ValueError(
                f"A residual block has {outgoing} channels, but it needs a multiple of 4: change the width."
            )
        half, quarter = outgoing // 2, outgoing // 4
        self.norm1 = normalisation(norm, incoming)
        self.conv1 = nn.Conv2d(incoming, half, 3, padding=1, bias=False)
        self.norm2 = normalisation(norm, half)
        self.conv2 = nn.Conv2d(half, quarter, 3, padding=1, bias=False)
        self.norm3 = normalisation(norm, quarter)
        self.conv3 = nn.Conv2d(quarter, quarter, 3, padding=1, bias=False)
        self.shortcut = None
        if incoming != outgoing:
            projection = nn.Conv2d(incoming, outgoing, 1, bias=False)
            self.shortcut = nn.Sequential(normalisation(norm, incoming), nn.ReLU(), projection)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        first = self.conv1(relu(self.norm1(x)))
        second = self.conv2(relu(self.norm2(first)))
        third = self.conv3(relu(self.norm3(second)))
        return torch.cat((first, second, third), dim=1) + (x if self.shortcut is None else self.shortcut(x))
