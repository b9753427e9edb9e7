"""LPIPS on AlexNet, in plain torch: the perceptual distance with its published weights, given by path."""

from importlib.util import find_spec
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.networks.weight_files import read_state_dict

WIDTHS = (64, 192, 384, 256, 256)


class LPIPS(nn.Module):
    """Two pictures in [0, 1] -> their perceptual distance (Zhang et al., CVPR 2018, version 0.1, AlexNet).

    Squared differences of unit-length features after each of the five ReLUs, weighted by a learned non-negative number
    a channel, averaged over pixels and summed over layers. Differentiable in both pictures.

    Args:
        weights: torchvision's file of AlexNet trained on ImageNet (`alexnet-owt-*.pth`).
        linear_weights: the authors' weights of the channels (`alex.pth`, names `lin0.model.1.weight` and so on); the
            copy inside torchmetrics when left out.
    """

    def __init__(self, weights: Path, linear_weights: Path | None = None) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.channel_weights = nn.ParameterList([torch.zeros(1, width, 1, 1) for width in WIDTHS])
        self.load_alexnet(Path(weights))
        self.load_channel_weights(bundled_channel_weights() if linear_weights is None else Path(linear_weights))
        self.eval().requires_grad_(False)

    def forward(self, first: Float[Tensor, "b 3 h w"], second: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
        """Distance of each pair, 0 for equal pictures; at least 31 px in height and width."""
        distance = first.new_zeros(len(first))
        for a, b, weight in zip(self._maps(first), self._maps(second), self.channel_weights, strict=True):
            distance = distance + ((a - b).square() * weight).sum(1).mean((1, 2))
        return distance

    def _maps(self, images: Tensor) -> list[Tensor]:
        shift = images.new_tensor([-0.030, -0.088, -0.188])[:, None, None]
        scale = images.new_tensor([0.458, 0.448, 0.450])[:, None, None]
        x, maps = (2 * images - 1 - shift) / scale, []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                maps.append(x / (x.square().sum(1, keepdim=True) + 1e-8).sqrt())
        return maps

    def load_alexnet(self, path: Path) -> None:
        """Copies the convolutions of torchvision's file; its classifier is not used.

        Raises FileNotFoundError without the file, ValueError when it is not AlexNet's.
        """
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is not there: download torchvision's alexnet weights and give their path, or leave LPIPS out."
            )
        stored = read_state_dict(path)
        wanted = self.features.state_dict(prefix="features.")
        if any(name not in stored or stored[name].shape != value.shape for name, value in wanted.items()):
            raise ValueError(f"{path} does not hold the convolutions of AlexNet: give torchvision's alexnet weights.")
        self.features.load_state_dict({name.removeprefix("features."): stored[name] for name in wanted})

    def load_channel_weights(self, path: Path) -> None:
        """Copies the learned weights of the channels.

        Raises FileNotFoundError without the file, ValueError when it is not LPIPS' for AlexNet.
        """
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there: give LPIPS' alex.pth of version 0.1, or leave LPIPS out.")
        stored = read_state_dict(path)
        names = [f"lin{layer}.model.1.weight" for layer in range(len(WIDTHS))]
        if any(name not in stored or stored[name].shape != (1, width, 1, 1) for name, width in zip(names, WIDTHS)):
            raise ValueError(f"{path} does not hold LPIPS' weights for AlexNet: give alex.pth of version 0.1.")
        with torch.no_grad():
            for name, weight in zip(names, self.channel_weights, strict=True):
                weight.copy_(stored[name])


def bundled_channel_weights() -> Path:
    """The authors' file that torchmetrics brings."""
    package = find_spec("torchmetrics")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "functional" / "image" / "lpips_models" / "alex.pth"
