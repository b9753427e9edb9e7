"""HRNet-W18-small-v2 in plain torch, with the names of weights of the official release and of timm.

Source: Wang et al., "Deep High-Resolution Representation Learning for Visual Recognition" (TPAMI 2020).
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from models.networks.published_weights import load_published_weights
from models.networks.resnet import BasicBlock, Bottleneck

HEAD_WIDTHS = (32, 64, 128, 256)
"""Of the bottlenecks after the last stage; each makes four times as many channels."""
LAST_WIDTH = 2048


class HRNet(nn.Module):
    """Picture -> one map at 1/32 of its size: four streams of full to eighth resolution, joined at the end.

    With the defaults it is HRNet-W18-small-v2 without its classifier: 13.5 million weights.

    Args:
        incoming: channels of the picture, already normalised.
        width: channels of the finest stream; every coarser one has twice as many.
        modules: exchanges between the streams in the stages of two, three and four streams.
        blocks: residual blocks of every stream between two exchanges, and bottlenecks before the first.
        weights: file with the official or timm's weights trained on ImageNet; None starts from random weights.
    """

    def __init__(
        self,
        incoming: int = 3,
        width: int = 18,
        modules: tuple[int, int, int] = (1, 3, 2),
        blocks: int = 2,
        weights: Path | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(incoming, 64, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(*(Bottleneck(64 if index == 0 else 256, 64, 1, "batch") for index in range(blocks)))
        widths = [width * 2**level for level in range(4)]
        before: list[int] = [256]
        for stage, count in enumerate(modules, 2):
            setattr(self, f"transition{stage - 1}", _transition(before, widths[:stage]))
            exchanges = (_Exchange(widths[:stage], blocks) for _ in range(count))
            setattr(self, f"stage{stage}", nn.Sequential(*exchanges))
            before = widths[:stage]
        self.incre_modules = nn.ModuleList(
            nn.Sequential(Bottleneck(wide, head, 1, "batch")) for wide, head in zip(widths, HEAD_WIDTHS, strict=True)
        )
        self.downsamp_modules = nn.ModuleList(
            _convolution(4 * fine, 4 * coarse, 3, 2, bias=True) for fine, coarse in pairwise(HEAD_WIDTHS)
        )
        self.final_layer = _convolution(4 * HEAD_WIDTHS[-1], LAST_WIDTH, 1, 1, bias=True)
        self.map_widths = (LAST_WIDTH,)
        if weights is not None:
            load_published_weights(self, Path(weights), "the ImageNet weights of HRNet-W18-small-v2")

    def maps(self, x: Float[Tensor, "b c h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """The one map of 2048 channels at 1/32 of the size."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        streams = [self.layer1(x)]
        for stage in (2, 3, 4):
            # a new stream starts from the coarsest there is
            streams = [
                step(streams[min(index, len(streams) - 1)])
                for index, step in enumerate(getattr(self, f"transition{stage - 1}"))
            ]
            streams = getattr(self, f"stage{stage}")(streams)
        joined = self.incre_modules[0](streams[0])
        for step, stream, grow in zip(self.downsamp_modules, streams[1:], self.incre_modules[1:], strict=True):
            joined = step(joined) + grow(stream)
        return [self.final_layer(joined)]


class _Exchange(nn.Module):
    """Residual blocks in every stream, then every stream receives all the others, resized to its resolution."""

    def __init__(self, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(wide, wide, 1, "batch") for _ in range(blocks))) for wide in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_between(widths, source, target) for source in range(len(widths)))
            for target in range(len(widths))
        )
        self.relu = nn.ReLU(inplace=False)

    def forward(self, streams: list[Tensor]) -> list[Tensor]:
        streams = [branch(stream) for branch, stream in zip(self.branches, streams, strict=True)]
        fused = []
        for target, row in enumerate(self.fuse_layers):
            size = streams[target].shape[-2:]
            assert isinstance(row, nn.ModuleList)
            arriving = [resize(stream) for resize, stream in zip(row, streams, strict=True)]
            grown = [x if x.shape[-2:] == size else interpolate(x, size=size, mode="nearest") for x in arriving]
            fused.append(self.relu(sum(grown[1:], grown[0])))
        return fused


def _between(widths: Sequence[int], source: int, target: int) -> nn.Module:
    """What a stream passes on its way to another; the enlargement itself follows in the exchange."""
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(nn.Conv2d(widths[source], widths[target], 1, bias=False), nn.BatchNorm2d(widths[target]))
    halvings = [_convolution(widths[source], widths[source], 3, 2) for _ in range(target - source - 1)]
    last = nn.Sequential(nn.Conv2d(widths[source], widths[target], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[target]))
    return nn.Sequential(*halvings, last)


def _transition(before: Sequence[int], after: Sequence[int]) -> nn.ModuleList:
    steps: list[nn.Module] = []
    for index, wide in enumerate(after):
        if index >= len(before):
            steps.append(nn.Sequential(_convolution(before[-1], wide, 3, 2)))
        else:
            steps.append(nn.Identity() if before[index] == wide else _convolution(before[index], wide, 3, 1))
    return nn.ModuleList(steps)


def _convolution(incoming: int, outgoing: int, kernel: int, stride: int, bias: bool = False) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(incoming, outgoing, kernel, stride, kernel // 2, bias=bias),
        nn.BatchNorm2d(outgoing),
        nn.ReLU(inplace=True),
    )
