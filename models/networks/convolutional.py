"""A small convolutional encoder for pictures: trained from nothing in minutes on a CPU."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn


class ConvolutionalEncoder(nn.Module):
    """Strided 3 x 3 convolutions, group normalisation, and one dense layer that still knows where things are.

    Group rather than batch normalisation, so that a picture's features do not depend on its neighbours in the batch
    (two processes with half the batch each train exactly as one).

    Args:
        image_size: side of the square input in pixels, a multiple of 32.
        width: channels after the first convolution; the later ones have 2, 4, 4, 6, 6 and 8 times as many.
        features: length of the feature vector.
    """

    def __init__(self, image_size: int = 128, width: int = 24, features: int = 384) -> None:
        super().__init__()
        if image_size % 32 or width % 8:
            raise ValueError(
                f"image_size is {image_size} and width {width}, but they must be multiples of 32 and of 8: change them."
            )
        channels = [3, width, 2 * width, 4 * width, 4 * width, 6 * width, 6 * width, 8 * width]
        strides = [2, 2, 2, 1, 2, 1, 2]
        layers: list[nn.Module] = []
        for index, ((incoming, outgoing), stride) in enumerate(zip(pairwise(channels), strides, strict=True)):
            kernel = 5 if index == 0 else 3
            layers += [
                nn.Conv2d(incoming, outgoing, kernel, stride, kernel // 2, bias=False),
                nn.GroupNorm(8, outgoing),
                nn.ReLU(inplace=True),
            ]
        self.convolutions = nn.Sequential(*layers)
        self.dense = nn.Linear(channels[-1] * (image_size // 32) ** 2, features)
        self.image_size = image_size
        self.features = features

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k"]:
        """Features of pictures in [0, 1], which must have the side the encoder was built for."""
        if images.shape[-2:] != (self.image_size, self.image_size):
            raise ValueError(
                f"The pictures have {images.shape[-1]} x {images.shape[-2]} pixels, but this encoder was built for "
                f"{self.image_size} x {self.image_size}: resize them."
            )
        return self.dense(self.convolutions(2 * images - 1).flatten(1)).relu()
