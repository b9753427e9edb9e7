"""The Inception v3 behind the Fréchet inception distance, in plain torch, with the published file's names of weights.

It is not torchvision's network: trained with TensorFlow on 1008 classes, its average pools leave the padding out, and
the last block pools by maximum.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from models.networks.weight_files import read_state_dict

SIDE = 299
"""Pixels; every picture is resized to this square, whatever its shape."""
Pool = Callable[[Tensor], Tensor]


def _average_pool(x: Tensor) -> Tensor:
    return avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def _maximum_pool(x: Tensor) -> Tensor:
    return max_pool2d(x, 3, 1, 1)


class ConvolutionBlock(nn.Module):
    """Convolution without bias, normalisation, ReLU."""

    def __init__(
        self,
        incoming: int,
        width: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(incoming, width, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(width, eps=0.001)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        return self.bn(self.conv(x)).relu()


class InceptionA(nn.Module):
    """35 x 35: 1 x 1, 5 x 5 and two 3 x 3 beside a pool."""

    def __init__(self, incoming: int, pool_width: int) -> None:
        super().__init__()
        self.branch1x1 = ConvolutionBlock(incoming, 64, 1)
        self.branch5x5_1 = ConvolutionBlock(incoming, 48, 1)
        self.branch5x5_2 = ConvolutionBlock(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = ConvolutionBlock(incoming, 64, 1)
        self.branch3x3dbl_2 = ConvolutionBlock(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = ConvolutionBlock(96, 96, 3, padding=1)
        self.branch_pool = ConvolutionBlock(incoming, pool_width, 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, three, self.branch_pool(_average_pool(x))], 1)


class InceptionB(nn.Module):
    """35 x 35 to 17 x 17."""

    def __init__(self, incoming: int) -> None:
        super().__init__()
        self.branch3x3 = ConvolutionBlock(incoming, 384, 3, stride=2)
        self.branch3x3dbl_1 = ConvolutionBlock(incoming, 64, 1)
        self.branch3x3dbl_2 = ConvolutionBlock(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = ConvolutionBlock(96, 96, 3, stride=2)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, max_pool2d(x, 3, 2)], 1)


class InceptionC(nn.Module):
    """17 x 17: 7 x 7 taken apart into 1 x 7 and 7 x 1, once and twice."""

    def __init__(self, incoming: int, width: int) -> None:
        super().__init__()
        across: dict = {"kernel": (1, 7), "padding": (0, 3)}
        down: dict = {"kernel": (7, 1), "padding": (3, 0)}
        self.branch1x1 = ConvolutionBlock(incoming, 192, 1)
        self.branch7x7_1 = ConvolutionBlock(incoming, width, 1)
        self.branch7x7_2 = ConvolutionBlock(width, width, **across)
        self.branch7x7_3 = ConvolutionBlock(width, 192, **down)
        self.branch7x7dbl_1 = ConvolutionBlock(incoming, width, 1)
        self.branch7x7dbl_2 = ConvolutionBlock(width, width, **down)
        self.branch7x7dbl_3 = ConvolutionBlock(width, width, **across)
        self.branch7x7dbl_4 = ConvolutionBlock(width, width, **down)
        self.branch7x7dbl_5 = ConvolutionBlock(width, 192, **across)
        self.branch_pool = ConvolutionBlock(incoming, 192, 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        once = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return torch.cat([self.branch1x1(x), once, twice, self.branch_pool(_average_pool(x))], 1)


class InceptionD(nn.Module):
    """17 x 17 to 8 x 8."""

    def __init__(self, incoming: int) -> None:
        super().__init__()
        self.branch3x3_1 = ConvolutionBlock(incoming, 192, 1)
        self.branch3x3_2 = ConvolutionBlock(192, 320, 3, stride=2)
        self.branch7x7x3_1 = ConvolutionBlock(incoming, 192, 1)
        self.branch7x7x3_2 = ConvolutionBlock(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = ConvolutionBlock(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = ConvolutionBlock(192, 192, 3, stride=2)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, max_pool2d(x, 3, 2)], 1)


class InceptionE(nn.Module):
    """8 x 8: branches that end in 1 x 3 and 3 x 1 side by side. The two blocks pool differently."""

    def __init__(self, incoming: int, pool: Pool) -> None:
        super().__init__()
        self.pool = pool
        self.branch1x1 = ConvolutionBlock(incoming, 320, 1)
        self.branch3x3_1 = ConvolutionBlock(incoming, 384, 1)
        self.branch3x3_2a = ConvolutionBlock(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = ConvolutionBlock(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = ConvolutionBlock(incoming, 448, 1)
        self.branch3x3dbl_2 = ConvolutionBlock(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = ConvolutionBlock(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = ConvolutionBlock(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = ConvolutionBlock(incoming, 192, 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 2048 h w"]:
        once, twice = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        once = [self.branch3x3_2a(once), self.branch3x3_2b(once)]
        twice = [self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice)]
        return torch.cat([self.branch1x1(x), *once, *twice, self.branch_pool(self.pool(x))], 1)


class FidInception(nn.Module):
    """RGB picture in [0, 1] -> the 2048 numbers of the last pool (Szegedy et al. 2016; Heusel et al. 2017).

    The picture is resized to 299 x 299 bilinearly without antialiasing and scaled to −1..1, as in pytorch-fid; other
    ways of resizing move FID by whole points. Always in evaluation mode, float32.

    Args:
        weights: pytorch-fid's file `pt_inception-2015-12-05-6726825d.pth` (torch-fidelity's `weights-inception-…` is
            the same). There is no default: features of random weights must not be called FID.
    """

    features = 2048
    score_name = "fid"

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = ConvolutionBlock(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = ConvolutionBlock(32, 32, 3)
        self.Conv2d_2b_3x3 = ConvolutionBlock(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = ConvolutionBlock(64, 80, 1)
        self.Conv2d_4a_3x3 = ConvolutionBlock(80, 192, 3)
        self.Mixed_5b = InceptionA(192, 32)
        self.Mixed_5c = InceptionA(256, 64)
        self.Mixed_5d = InceptionA(288, 64)
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = InceptionC(768, 128)
        self.Mixed_6c = InceptionC(768, 160)
        self.Mixed_6d = InceptionC(768, 160)
        self.Mixed_6e = InceptionC(768, 192)
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = InceptionE(1280, _average_pool)
        self.Mixed_7c = InceptionE(2048, _maximum_pool)
        self.fc = nn.Linear(2048, 1008)
        self.load_published(Path(weights))
        self.train(False).requires_grad_(False)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2048"]:
        x = interpolate(images.float(), size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(2 * x - 1)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(max_pool2d(x, 3, 2))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return x.mean((2, 3))

    def train(self, mode: bool = True) -> "FidInception":
        """Its statistics are part of the measure: it never trains."""
        return super().train(False)

    def load_published(self, path: Path) -> None:
        """Copies the published weights. Counters of batches, which the file may lack, mean nothing here.

        Raises FileNotFoundError without the file, ValueError when it is not this network's.
        """
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is not there: download pt_inception-2015-12-05-6726825d.pth from pytorch-fid's releases and "
                "give its path, or leave it out for the stand-in, whose numbers have another name."
            )
        stored = read_state_dict(path)
        wanted = {name: value for name, value in self.state_dict().items() if "num_batches" not in name}
        if any(name not in stored or stored[name].shape != value.shape for name, value in wanted.items()):
            raise ValueError(
                f"{path} does not hold the Inception v3 of FID (1008 classes): give "
                "pt_inception-2015-12-05-6726825d.pth of pytorch-fid."
            )
        self.load_state_dict({name: stored[name] for name in wanted}, strict=False)
