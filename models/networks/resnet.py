"""Residual networks in plain torch, with torchvision's names of weights, so that its published files load."""

from pathlib import Path
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from models.networks.published_weights import load_published_weights


def _normalisation(kind: Literal["batch", "group"], channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(min(32, channels // 4), channels)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al. 2016, figure 5 left)."""

    expansion = 1

    def __init__(self, incoming: int, width: int, stride: int, norm: Literal["batch", "group"]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(incoming, width, 3, stride, 1, bias=False)
        self.bn1 = _normalisation(norm, width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = _normalisation(norm, width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(incoming, width, stride, norm)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))) + shortcut)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions beside a shortcut (He et al. 2016, figure 5 right; stride in the 3 x 3)."""

    expansion = 4

    def __init__(self, incoming: int, width: int, stride: int, norm: Literal["batch", "group"]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(incoming, width, 1, bias=False)
        self.bn1 = _normalisation(norm, width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = _normalisation(norm, width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = _normalisation(norm, 4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(incoming, 4 * width, stride, norm)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        shortcut = x if self.downsample is None else self.downsample(x)
        inner = self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
        return self.relu(self.bn3(self.conv3(inner)) + shortcut)


def _shortcut(incoming: int, outgoing: int, stride: int, norm: Literal["batch", "group"]) -> nn.Sequential | None:
    if stride == 1 and incoming == outgoing:
        return None
    return nn.Sequential(nn.Conv2d(incoming, outgoing, 1, stride, bias=False), _normalisation(norm, outgoing))


BLOCKS = {18: (BasicBlock, (2, 2, 2, 2)), 34: (BasicBlock, (3, 4, 6, 3)), 50: (Bottleneck, (3, 4, 6, 3))}


class ResNet(nn.Module):
    """Picture in [0, 1] -> pooled features; or a normalised picture -> the maps of its four stages.

    Args:
        depth: 18, 34 or 50.
        norm: "batch" for published weights; "group" where the batch is small or training runs in several processes.
        incoming: channels of the picture; with other than 3 only `maps` can be asked for.
        weights: torchvision's file of this depth trained on ImageNet; None starts from random weights.
    """

    def __init__(
        self,
        depth: Literal[18, 34, 50] = 18,
        norm: Literal["batch", "group"] = "batch",
        incoming: int = 3,
        weights: Path | None = None,
    ) -> None:
        super().__init__()
        block, repeats = BLOCKS[depth]
        self.conv1 = nn.Conv2d(incoming, 64, 7, 2, 3, bias=False)
        self.bn1 = _normalisation(norm, 64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        incoming, map_widths = 64, []
        for stage, (width, count) in enumerate(zip((64, 128, 256, 512), repeats, strict=True)):
            blocks = []
            for index in range(count):
                blocks.append(block(incoming, width, 2 if stage and index == 0 else 1, norm))
                incoming = width * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            map_widths.append(incoming)
        self.map_widths = tuple(map_widths)
        self.features = incoming
        if weights is not None:
            load_published_weights(self, Path(weights), f"torchvision's ImageNet weights of ResNet-{depth}")

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k"]:
        """Features of pictures in [0, 1], normalised inside with ImageNet's mean and deviation."""
        mean = images.new_tensor([0.485, 0.456, 0.406])[:, None, None]
        deviation = images.new_tensor([0.229, 0.224, 0.225])[:, None, None]
        return self.maps((images - mean) / deviation)[-1].mean(dim=(2, 3))

    def maps(self, x: Float[Tensor, "b c h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """Of pictures that are normalised already: the maps at 1/4, 1/8, 1/16 and 1/32 of the size."""
        x, maps = self.maxpool(self.relu(self.bn1(self.conv1(x)))), []
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
            maps.append(x)
        return maps
