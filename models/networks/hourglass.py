"""Stacked hourglass: pictures to feature maps, either all of one resolution or a pyramid."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu

from models.networks.residual_block import Initialization, Norm, ResidualBlock, initialize, normalisation

Down = Literal["ave_pool", "conv64", "conv128", "none"]
Upsampling = Literal["bicubic", "bilinear", "nearest"]


class Hourglass(nn.Module):
    """One level of the hourglass: a skip at full resolution beside the rest at half of it (Newell et al. 2016)."""

    def __init__(self, channels: int, depth: int, norm: Norm, upsampling: Upsampling) -> None:
        super().__init__()
        self.skip = ResidualBlock(channels, channels, norm)
        self.down = ResidualBlock(channels, channels, norm)
        deeper = Hourglass(channels, depth - 1, norm, upsampling) if depth > 1 else None
        self.inner = deeper if deeper is not None else ResidualBlock(channels, channels, norm)
        self.up = ResidualBlock(channels, channels, norm)
        self.upsampling = upsampling

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        low = self.up(self.inner(self.down(avg_pool2d(x, 2))))
        corners = None if self.upsampling == "nearest" else False
        return self.skip(x) + interpolate(low, scale_factor=2, mode=self.upsampling, align_corners=corners)


class HourglassStem(nn.Module):
    """Picture -> features for the first hourglass at a quarter (or, without down-sampling, half) of the resolution.

    7 x 7 convolution of stride 2, then residual blocks stem -> 2 stem -> 2 stem -> channels, halved after the first,
    whose output has `half_channels`.
    """

    def __init__(self, in_channels: int, stem: int, channels: int, norm: Norm, down: Down) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, stem, 7, 2, 3)
        self.norm = normalisation(norm, stem)
        self.half_channels = stem if down == "conv64" else 2 * stem
        block = ResidualBlock(stem, self.half_channels, norm)
        halving: nn.Module = nn.Identity()
        if down == "ave_pool":
            halving = nn.AvgPool2d(2)
        elif down != "none":
            halving = nn.Conv2d(self.half_channels, 2 * stem, 3, 2, 1)
        self.halve = nn.Sequential(block, halving)
        self.widen = nn.Sequential(ResidualBlock(2 * stem, 2 * stem, norm), ResidualBlock(2 * stem, channels, norm))

    def forward(self, images: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b s i j"], Float[Tensor, "b d k l"]]:
        """The last map at half of the resolution, and the features."""
        block, halving = self.halve
        # channels last: a quarter faster on CPUs in float32, and no slower elsewhere
        first = relu(self.norm(self.conv(images.contiguous(memory_format=torch.channels_last))))
        half = block(first)
        return half, self.widen(halving(half))


class HourglassHead(nn.Module):
    """What a stack says: features for the next stack and the feature map that points sample."""

    def __init__(self, channels: int, feature_channels: int, norm: Norm) -> None:
        super().__init__()
        self.block = ResidualBlock(channels, channels, norm)
        self.conv = nn.Conv2d(channels, channels, 1)
        self.norm = normalisation(norm, channels)
        self.out = nn.Conv2d(channels, feature_channels, 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b k h w"]]:
        hidden = relu(self.norm(self.conv(self.block(x))))
        return hidden, self.out(hidden)


class HourglassFeedback(nn.Module):
    """Adds a stack's features and its map to what it was given: the input of the next stack."""

    def __init__(self, channels: int, feature_channels: int) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(channels, channels, 1)
        self.map = nn.Conv2d(feature_channels, channels, 1)

    def forward(
        self, x: Float[Tensor, "b c h w"], hidden: Float[Tensor, "b c h w"], features: Float[Tensor, "b k h w"]
    ) -> Float[Tensor, "b c h w"]:
        return x + self.hidden(hidden) + self.map(features)


class HourglassEncoder(nn.Module):
    """Pictures -> one feature map from each stack, all of the same resolution.

    With the defaults it is PIFu's image filter, 14.4 million weights. Up-sampling keeps pixel edges in place
    (align_corners=False), unlike the release. Source: Saito et al. 2019; PIFuHD's fine level is `in_channels=9,
    stacks=1, depth=4, feature_channels=16, down="none"`.

    Args:
        in_channels: of the pictures.
        channels: width of the hourglasses, a multiple of 4.
        stacks, depth: number of hourglasses in sequence; how often each halves the resolution.
        feature_channels: of every map.
        norm: "group" for small batches.
        down: how the stem gets from a half to a quarter of the resolution; "none" stays at a half.
        stem_channels: of the first convolution; None is a quarter of `channels`, at least 16.
        upsampling: inside the hourglasses.
        init: see `initialize`.
    """

    def __init__(
        self,
        in_channels: int = 3,
        channels: int = 256,
        stacks: int = 4,
        depth: int = 2,
        feature_channels: int = 256,
        norm: Norm = "group",
        down: Down = "ave_pool",
        stem_channels: int | None = None,
        upsampling: Upsampling = "bicubic",
        init: Initialization = "default",
    ) -> None:
        super().__init__()
        if stacks < 1 or depth < 1:
            raise ValueError(f"stacks is {stacks} and depth {depth}, but at least 1 is needed of each: change them.")
        stem = stem_channels or max(16, channels // 4)
        self.stem = HourglassStem(in_channels, stem, channels, norm, down)
        self.hourglasses = nn.ModuleList(Hourglass(channels, depth, norm, upsampling) for _ in range(stacks))
        self.heads = nn.ModuleList(HourglassHead(channels, feature_channels, norm) for _ in range(stacks))
        self.feedback = nn.ModuleList(HourglassFeedback(channels, feature_channels) for _ in range(stacks - 1))
        self.stride = 2 if down == "none" else 4
        self.multiple = self.stride * 2**depth
        self.in_channels, self.feature_channels = in_channels, feature_channels
        self.map_channels = (feature_channels,) * stacks
        initialize(self, init)

    def forward(self, images: Float[Tensor, "b c h w"]) -> list[Float[Tensor, "b k i j"]]:
        """One map of h / 4 x w / 4 (h / 2 x w / 2 with down="none") for each stack, in order. Differentiable."""
        _require_multiple(images, self.multiple)
        _, x = self.stem(images)
        maps: list[Tensor] = []
        for index, (hourglass, head) in enumerate(zip(self.hourglasses, self.heads, strict=True)):
            hidden, features = head(hourglass(x))
            maps.append(features)
            if index < len(self.feedback):
                x = self.feedback[index](x, hidden, features)
        return maps


class PyramidEncoder(nn.Module):
    """Pictures -> maps of decreasing resolution: each hourglass works at half the resolution of the one before.

    The first maps are local, the last see the whole person. Source: the multi-scale features of Li, Oskarsson and
    Heyden (ICPR 2020), whose exact sizes are not known.

    Args:
        in_channels, norm, down, stem_channels, upsampling, init: see `HourglassEncoder`.
        channels: width of all the hourglasses.
        depths: how often each hourglass halves its resolution.
        feature_channels: of each hourglass's map.
        stem_features: channels of one more map, first in the list, at half the picture's resolution, from before the
            stem halves it; 0 for none.
    """

    def __init__(
        self,
        in_channels: int = 3,
        channels: int = 256,
        depths: Sequence[int] = (3, 2, 1),
        feature_channels: Sequence[int] = (16, 16, 16),
        norm: Norm = "group",
        stem_features: int = 0,
        down: Down = "ave_pool",
        stem_channels: int | None = None,
        upsampling: Upsampling = "bicubic",
        init: Initialization = "default",
    ) -> None:
        super().__init__()
        if len(depths) != len(feature_channels) or not depths:
            raise ValueError(
                f"There are {len(depths)} depths and {len(feature_channels)} feature widths, but every hourglass needs "
                "one of each: make the two equally long."
            )
        stem = stem_channels or max(16, channels // 4)
        self.stem = HourglassStem(in_channels, stem, channels, norm, down)
        self.stem_map = nn.Conv2d(self.stem.half_channels, stem_features, 1) if stem_features else None
        self.hourglasses = nn.ModuleList(Hourglass(channels, depth, norm, upsampling) for depth in depths)
        self.heads = nn.ModuleList(HourglassHead(channels, width, norm) for width in feature_channels)
        self.feedback = nn.ModuleList(HourglassFeedback(channels, width) for width in feature_channels[:-1])
        self.halve = nn.ModuleList(nn.Conv2d(channels, channels, 3, 2, 1) for _ in feature_channels[:-1])
        self.stride = 2 if down == "none" else 4
        self.multiple = max(self.stride * 2 ** (level + depth) for level, depth in enumerate(depths))
        self.in_channels = in_channels
        self.map_channels = (stem_features,) * bool(stem_features) + tuple(feature_channels)
        initialize(self, init)

    def forward(self, images: Float[Tensor, "b c h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """Maps of h / 4, h / 8, h / 16 … (h / 2, h / 4 … with down="none"), the stem's first. Differentiable."""
        _require_multiple(images, self.multiple)
        half, x = self.stem(images)
        maps: list[Tensor] = [] if self.stem_map is None else [self.stem_map(half)]
        for index, (hourglass, head) in enumerate(zip(self.hourglasses, self.heads, strict=True)):
            hidden, features = head(hourglass(x))
            maps.append(features)
            if index < len(self.feedback):
                x = self.halve[index](self.feedback[index](x, hidden, features))
        return maps


def _require_multiple(images: torch.Tensor, multiple: int) -> None:
    height, width = images.shape[-2:]
    if height % multiple or width % multiple:
        raise ValueError(
            f"The pictures have {width} x {height} pixels, but this encoder halves them down by {multiple}: resize "
            f"them to a multiple of {multiple}."
        )
