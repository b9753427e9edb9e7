"""VGG-19 up to its last block, with torchvision's names of weights, for comparing pictures feature by feature."""

from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from models.networks.weight_files import read_state_dict

WIDTHS = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,))


class VGG19Features(nn.Module):
    """Picture in [0, 1] -> the five maps after the first ReLU of every block (Simonyan and Zisserman 2015).

    Args:
        weights: torchvision's file of VGG-19 trained on ImageNet (`vgg19-*.pth`); None starts from random weights.
    """

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        incoming, self.taps = 3, []
        for block, widths in enumerate(WIDTHS):
            if block:
                layers.append(nn.MaxPool2d(2))
            for index, width in enumerate(widths):
                layers += [nn.Conv2d(incoming, width, 3, padding=1), nn.ReLU()]
                incoming = width
                if index == 0:
                    self.taps.append(len(layers) - 1)
        self.features = nn.Sequential(*layers)
        if weights is not None:
            self.load_torchvision(Path(weights))

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """Maps of 64, 128, 256, 512 and 512 channels. Differentiable."""
        mean = images.new_tensor([0.485, 0.456, 0.406])[:, None, None]
        deviation = images.new_tensor([0.229, 0.224, 0.225])[:, None, None]
        x, maps = (images - mean) / deviation, []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taps:
                maps.append(x)
        return maps

    def load_torchvision(self, path: Path) -> None:
        """Copies the weights of torchvision's file; its classifier and deepest layers are not used.

        Raises FileNotFoundError without the file, ValueError when it is not VGG-19's.
        """
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is not there: download torchvision's vgg19 weights and give their path, or leave the "
                "perceptual loss out."
            )
        stored = read_state_dict(path)
        wanted = self.state_dict()
        if any(name not in stored or stored[name].shape != value.shape for name, value in wanted.items()):
            raise ValueError(f"{path} does not hold the convolutions of VGG-19: give torchvision's vgg19 weights.")
        self.load_state_dict({name: stored[name] for name in wanted})
