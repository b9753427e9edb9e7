"""One map seen at several scales at once (atrous spatial pyramid pooling)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.networks.convolution_blocks import ConvBlock, Norm
from models.networks.pooling import SqueezeExcitation


class DilatedPyramid(nn.Module):
    """Parallel 3 x 3 convolutions of several dilations, weighed channel by channel and added to the input.

    Args:
        channels: shared equally between the dilations.
        dilations: each reflects that many pixels at the border, so a map must be larger than the largest.
    """

    def __init__(self, channels: int, dilations: Sequence[int] = (1, 2, 4, 8), norm: Norm = "batch") -> None:
        super().__init__()
        if channels % len(dilations):
            raise ValueError(
                f"{channels} channels cannot be shared by {len(dilations)} dilations: give a multiple of their number."
            )
        share = channels // len(dilations)
        self.branches = nn.ModuleList(
            ConvBlock(channels, share, norm=norm, dilation=dilation, padding="reflect") for dilation in dilations
        )
        self.gate = SqueezeExcitation(channels)
        self.largest = max(dilations)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        if min(x.shape[-2:]) <= self.largest:
            raise ValueError(
                f"A map of {x.shape[-1]} x {x.shape[-2]} is too small for a convolution of dilation {self.largest}: "
                "use larger pictures or smaller dilations."
            )
        return x + self.gate(torch.cat([branch(x) for branch in self.branches], 1))
