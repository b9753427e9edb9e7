"""A small network that tells people apart."""

from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from models.networks.convolutional import ConvolutionalEncoder
from models.networks.pictures import resized
from models.networks.weight_files import read_state_dict


class IdentityEmbedder(nn.Module):
    """Face picture in [0, 1] -> unit vector; pictures of one person lie near each other.

    Args:
        weights: a checkpoint of a face-identity run; None starts from random weights.
        image_size, width, features: of the convolutional encoder.
        dimensions: length of the embedding.
    """

    def __init__(
        self,
        weights: Path | None = None,
        image_size: int = 96,
        width: int = 16,
        features: int = 256,
        dimensions: int = 128,
    ) -> None:
        super().__init__()
        self.encoder = ConvolutionalEncoder(image_size, width, features)
        self.projection = nn.Linear(features, dimensions)
        self.features = dimensions
        if weights is not None:
            self.load_run(Path(weights))

    def load_run(self, path: Path) -> None:
        """Copy the embedder out of the checkpoint of a face-identity run."""
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is not there: train the embedder first, with "
                "`threefold fit --config experiments/configs/faces/identity_small.yaml`."
            )
        stored = read_state_dict(path, "state_dict")
        inside = {name.removeprefix("embedder."): stored[name] for name in stored if name.startswith("embedder.")}
        try:
            self.load_state_dict(inside)
        except RuntimeError as error:
            raise ValueError(
                f"{path} holds no embedder of this size: give a checkpoint of a face-identity run."
            ) from error

    def raw(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k"]:
        """The embedding before it is scaled to length 1. Differentiable in the pictures."""
        return self.projection(self.encoder(resized(images, self.encoder.image_size)))

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k"]:
        """Differentiable in the pictures."""
        return normalize(self.raw(images), dim=1)
