"""VGG-16 as VGG-Face uses it, and the reader of its MatConvNet file."""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VGGFace(nn.Module):
    """RGB picture in [0, 1] -> fc7 before its ReLU, 4096 numbers (Parkhi et al. 2015).

    The picture is resized to 224 x 224 and scaled to 0..255. No mean colour is subtracted, as in the code of
    Chen et al. (TIP 2020), which reads the mean but never uses it.

    Args:
        weights: the MatConvNet file `vgg-face.mat`; None starts from random weights.
    """

    features = 4096

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        incoming = 3
        for widths in WIDTHS:
            for width in widths:
                layers += [nn.Conv2d(incoming, width, 3, 1, 1), nn.ReLU(inplace=True)]
                incoming = width
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
        self.convolutions = nn.Sequential(*layers)
        self.fc6 = nn.Conv2d(incoming, self.features, 7)
        self.fc7 = nn.Conv2d(self.features, self.features, 1)
        if weights is not None:
            self.load_matconvnet(Path(weights))

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k"]:
        resized = interpolate(images, size=(224, 224), mode="bilinear", align_corners=False, antialias=True)
        return self.fc7(self.fc6(self.convolutions(255 * resized)).relu()).flatten(1)

    def load_matconvnet(self, path: Path) -> None:
        """Copy the weights of a MatConvNet file, whose filters are stored as height x width x in x out."""
        from scipy.io import loadmat

        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is not there: download vgg_face_matconvnet's vgg-face.mat from the VGG group at Oxford "
                "(after accepting its terms) and give its path."
            )
        stored = {}
        try:
            for layer in loadmat(path, squeeze_me=True, struct_as_record=False)["layers"]:
                parts = getattr(layer, "weights", ())
                if len(parts) == 2:
                    stored[str(layer.name)] = parts
        except Exception as error:  # scipy has many ways to say that a file is no .mat
            raise ValueError(
                f"{path} cannot be read as a .mat file ({type(error).__name__}): fetch it again."
            ) from error
        wanted: dict[str, nn.Conv2d] = {"fc6": self.fc6, "fc7": self.fc7}
        convolutions = iter(layer for layer in self.convolutions if isinstance(layer, nn.Conv2d))
        for block, widths in enumerate(WIDTHS, start=1):
            wanted |= {f"conv{block}_{index}": next(convolutions) for index in range(1, len(widths) + 1)}
        with torch.no_grad():
            for name, layer in wanted.items():
                if name not in stored:
                    raise ValueError(f"{path} has no layer {name}: give the MatConvNet file vgg-face.mat of VGG-Face.")
                filters = torch.as_tensor(stored[name][0], dtype=torch.float32)
                filters = filters.reshape(*layer.kernel_size, layer.in_channels, layer.out_channels)
                layer.weight.copy_(filters.permute(3, 2, 0, 1))
                assert layer.bias is not None
                layer.bias.copy_(torch.as_tensor(stored[name][1], dtype=torch.float32).reshape(-1))
