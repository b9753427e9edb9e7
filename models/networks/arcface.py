"""The residual network of ArcFace ("iresnet"), whose published weights a user may supply."""

from pathlib import Path
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from models.networks.weight_files import read_state_dict

LAYERS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}


class _Block(nn.Module):
    def __init__(self, incoming: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(incoming, eps=1e-5)
        self.conv1 = nn.Conv2d(incoming, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width, eps=1e-5)
        self.prelu = nn.PReLU(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width, eps=1e-5)
        self.downsample = None
        if stride != 1 or incoming != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(incoming, width, 1, stride, bias=False), nn.BatchNorm2d(width, eps=1e-5)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x)))))) + shortcut


class ArcFace(nn.Module):
    """RGB face crop in [0, 1] -> embedding of length 1 (Deng et al. 2019), resized to 112 x 112.

    Args:
        weights: a state dict saved by the authors' code for this depth; None starts from random weights.
        depth: 18, 34, 50 or 100.
    """

    features = 512

    def __init__(self, weights: Path | None = None, depth: Literal[18, 34, 50, 100] = 50) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64, eps=1e-5)
        self.prelu = nn.PReLU(64)
        incoming = 64
        for stage, (width, count) in enumerate(zip((64, 128, 256, 512), LAYERS[depth], strict=True)):
            blocks = [
                _Block(incoming if index == 0 else width, width, 2 if index == 0 else 1) for index in range(count)
            ]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            incoming = width
        self.bn2 = nn.BatchNorm2d(512, eps=1e-5)
        self.fc = nn.Linear(512 * 7 * 7, 512)
        self.features_bn = nn.BatchNorm1d(512, eps=1e-5)
        if weights is not None:
            self.load_published(Path(weights))

    def load_published(self, path: Path) -> None:
        """Load the authors' state dict, where the last normalisation is called `features`."""
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is not there: get an ArcFace backbone (a .pth of the insightface project) and give its path."
            )
        stored = read_state_dict(path)
        renamed = {name.replace("features.", "features_bn."): value for name, value in stored.items()}
        try:
            self.load_state_dict(renamed)
        except RuntimeError as error:
            raise ValueError(
                f"{path} does not hold the weights of this ArcFace network: check the depth that you gave."
            ) from error

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 512"]:
        resized = interpolate(images, size=(112, 112), mode="bilinear", align_corners=False, antialias=True)
        x = self.prelu(self.bn1(self.conv1(2 * resized - 1)))
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return normalize(self.features_bn(self.fc(self.bn2(x).flatten(1))), dim=1)
