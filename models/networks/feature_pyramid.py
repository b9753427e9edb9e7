"""Maps of four sizes that inform each other, top-down and bottom-up in turns, and the plain trunk that makes them."""

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from models.networks.convolution_blocks import ConvBlock, Norm, initialize_kaiming

KEPT = 0.2
"""What a level keeps of the map that it had."""


class StridedTrunk(nn.Module):
    """Strided convolutions: maps at 1/4, 1/8, … of the picture's size, trained from nothing on a CPU.

    Args:
        incoming: channels of the picture.
        widths: channels at 1/4, 1/8, …; at 1/2 there are half as many as at 1/4.
    """

    def __init__(self, incoming: int = 4, widths: Sequence[int] = (24, 32, 48, 64), norm: Norm = "group") -> None:
        super().__init__()
        self.map_widths = tuple(widths)
        self.first = ConvBlock(incoming, widths[0] // 2, 5, 2, norm, coordinates=True)
        pairs = pairwise((widths[0] // 2, *widths))
        self.levels = nn.ModuleList(
            nn.Sequential(ConvBlock(narrow, wide, 3, 2, norm), ConvBlock(wide, wide, 3, 1, norm))
            for narrow, wide in pairs
        )
        initialize_kaiming(self)

    def maps(self, x: Float[Tensor, "b c h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """One map for each width, the finest first."""
        x, maps = self.first(x), []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        return maps


class TopDown(nn.Module):
    """Every map plus what the coarser one says, enlarged to its size; the coarsest stays."""

    def __init__(self, widths: Sequence[int], norm: Norm) -> None:
        super().__init__()
        self.narrow = nn.ModuleList(ConvBlock(wide, fine, norm=norm) for fine, wide in pairwise(widths))

    def forward(self, maps: list[Float[Tensor, "b _ _ _"]]) -> list[Float[Tensor, "b _ _ _"]]:
        results = [maps[-1]]
        for finer, narrow in zip(reversed(maps[:-1]), reversed(self.narrow)):
            enlarged = interpolate(narrow(results[0]), size=finer.shape[-2:], mode="nearest")
            results.insert(0, enlarged + KEPT * finer)
        return results


class BottomUp(nn.Module):
    """Every map plus a fifth of what the way down and the finer one say."""

    def __init__(self, widths: Sequence[int], norm: Norm) -> None:
        super().__init__()
        self.first = ConvBlock(widths[0], widths[0], norm=norm)
        self.shrink = nn.ModuleList(ConvBlock(fine, wide, stride=2, norm=norm) for fine, wide in pairwise(widths))

    def forward(
        self, maps: list[Float[Tensor, "b _ _ _"]], down: list[Float[Tensor, "b _ _ _"]]
    ) -> list[Float[Tensor, "b _ _ _"]]:
        results = [maps[0] + KEPT * self.first(down[0])]
        for level, shrink in enumerate(self.shrink, 1):
            summed = maps[level] + KEPT * shrink(results[-1])
            if level < len(maps) - 1:
                summed = summed + KEPT * down[level]
            results.append(summed)
        return results


class BidirectionalPyramid(nn.Module):
    """Passes down and up over maps of halving sizes; the last pass ends at the finest map.

    Source: Zheng et al.'s variant of the BiFPN (Tan et al. 2020).

    Args:
        widths: channels of the maps, the finest first.
        passes: ways down; between them lie the ways up.
    """

    def __init__(self, widths: Sequence[int], passes: int = 3, norm: Norm = "batch") -> None:
        super().__init__()
        self.down = nn.ModuleList(TopDown(widths, norm) for _ in range(passes))
        self.up = nn.ModuleList(BottomUp(widths, norm) for _ in range(passes - 1))

    def forward(self, maps: list[Float[Tensor, "b _ _ _"]]) -> Float[Tensor, "b c h w"]:
        """The finest map, informed by all."""
        for down, up in zip(self.down, self.up, strict=False):
            maps = up(maps, down(maps))
        return self.down[-1](maps)[0]
