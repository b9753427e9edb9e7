"""Picture -> texture, as a flow: for every texel the place in the picture that it is copied from."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import grid_sample, hardtanh, interpolate

from models.networks.convolution_blocks import ConvBlock, Norm, initialize_head, initialize_kaiming
from models.networks.dilated_pyramid import DilatedPyramid
from models.networks.feature_pyramid import BidirectionalPyramid, StridedTrunk
from models.networks.precision import Precision, at_least_float32, network_autocast
from models.networks.resnet import ResNet


class TextureEncoder(nn.Module):
    """A trunk, a bidirectional pyramid over its maps, a decoder to the picture's size, and the flow.

    The flow makes one half of the texture; the other is its mirror image, so that front and back carry the same
    colours.

    Args:
        trunk: normalised pictures with masks -> maps at 1/4, 1/8, 1/16 and 1/32.
        widths: channels of the decoder at 1/4 and at 1/2.
        dilations: of the decoder's pyramids.
        passes: of the bidirectional pyramid.
        dropout: before the last layer.
        norm: outside the trunk.
        sampling: "paper" copies bicubically, takes ±1 for the centres of the outermost pixels and sees black outside.
            "half_pixel" copies bilinearly, takes ±1 for the picture's borders and repeats them outside.
        initial_flow: "centre" is the paper's, every texel starts at the middle of the picture. "frontal" starts where a
            camera in front of an ellipsoid sees the texel.
        initial_reach: share of the picture's half height and width that the ellipsoid of "frontal" covers.
        precision: of all but the last convolution.

    Source: Zheng et al., "3D Magic Mirror".
    """

    def __init__(
        self,
        trunk: ResNet | StridedTrunk,
        widths: Sequence[int] = (32, 16),
        dilations: Sequence[int] = (1, 2, 4, 8),
        passes: int = 3,
        dropout: int | float = 0.0,
        norm: Norm = "batch",
        sampling: Literal["paper", "half_pixel"] = "paper",
        initial_flow: Literal["centre", "frontal"] = "centre",
        initial_reach: int | float = 0.6,
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        self.sampling, self.initial_flow, self.initial_reach = sampling, initial_flow, initial_reach
        self.precision: Precision = precision
        self.pyramid = BidirectionalPyramid(trunk.map_widths, passes, norm)
        quarter, half = widths
        self.at_quarter = nn.Sequential(
            ConvBlock(trunk.map_widths[0], quarter, norm=norm), DilatedPyramid(quarter, dilations, norm)
        )
        self.at_half = nn.Sequential(ConvBlock(quarter, half, norm=norm), DilatedPyramid(half, dilations, norm))
        self.dropout = nn.Dropout(dropout)
        self.to_flow = nn.Conv2d(half, 2, 5, padding=2, padding_mode="reflect")
        initialize_kaiming(self)
        initialize_head(self.to_flow)
        # after the initialisation, which is not for weights that were read from a file
        self.trunk = trunk

    def forward(
        self, pictures: Float[Tensor, "b 4 i j"], images: Float[Tensor, "b 3 h w"]
    ) -> Float[Tensor, "b 3 t1 t2"]:
        """Textures of twice the images' height: [half; half upside down].

        Args:
            pictures: normalised, with masks; what the flow is read from, which is enlarged where they are smaller than
                the images.
            images: RGB in [0, 1]; what the texels are copied from.
        """
        flow = self.flow(pictures)
        if flow.shape[-2:] != images.shape[-2:]:
            flow = interpolate(flow, size=images.shape[-2:], mode="bilinear", align_corners=False)
        half = self.copied(images, flow)
        return torch.cat([half, half.flip(2)], 2)

    def flow(self, pictures: Float[Tensor, "b 4 h w"]) -> Float[Tensor, "b 2 h w"]:
        """Horizontal and vertical place in -1..1 of every texel of the half texture, row 0 on top."""
        height, width = pictures.shape[-2:]
        with network_autocast(self.precision, pictures.device):
            x = self.at_quarter(self.pyramid(self.trunk.maps(pictures)))
            x = self.at_half(interpolate(x, size=((height + 1) // 2, (width + 1) // 2), mode="nearest"))
        x = self.dropout(interpolate(at_least_float32(x), size=(height, width), mode="nearest"))
        flow = self.to_flow(x)
        if self.initial_flow == "frontal":
            flow = flow + self.initial_reach * frontal_flow((height, width), flow.device)
        return hardtanh(flow)

    def copied(self, images: Float[Tensor, "b 3 h w"], flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 3 h w"]:
        """The picture's colours where the flow points. Differentiable in both."""
        grid = flow.permute(0, 2, 3, 1)
        if self.sampling == "paper":
            return grid_sample(images, grid, mode="bicubic", padding_mode="zeros", align_corners=True)
        return grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def frontal_flow(size: tuple[int, int], device: torch.device) -> Float[Tensor, "2 h w"]:
    """Where a viewer in front of the unit sphere sees the texels of the half texture: x to the right, y down.

    The half's top row is the bottom of the sphere, its bottom row the top (the texture's upper half is the back, upside
    down, and carries the colours of the front).
    """
    height, width = size
    rows = (torch.arange(height, device=device) + 0.5) / height
    columns = (torch.arange(width, device=device) + 0.5) / width
    tilt = math.pi * (rows - 0.5)[:, None]
    turn = math.pi * (columns - 0.5)[None]
    up = turn.cos() * tilt.sin()
    return torch.stack([turn.sin().expand_as(up), -up])
