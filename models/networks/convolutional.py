"""A small convolutional encoder for pictures: trained from nothing in minutes on a CPU."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d

RELU_GAIN = (2 / (1 - 1 / torch.pi)) ** 0.5
"""What keeps the variance through a ReLU of a standard normal: 1.7139."""


class StandardizedConvolution(nn.Conv2d):
    """A convolution whose filters are kept at mean 0 and length 1 times a learned gain (Brock et al. 2021).

    It conditions training like batch normalisation does, at a cost that does not grow with the picture, and a picture's
    features do not depend on its neighbours in the batch: two processes with half the batch each train exactly as one.
    """

    def __init__(self, incoming: int, outgoing: int, kernel: int, stride: int) -> None:
        super().__init__(incoming, outgoing, kernel, stride, kernel // 2)
        self.gain = nn.Parameter(torch.ones(outgoing, 1, 1, 1))
        assert self.bias is not None
        nn.init.zeros_(self.bias)

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, correction=0)
        fan_in = self.weight[0].numel()
        filters = (self.weight - mean) * torch.rsqrt(variance * fan_in + 1e-4) * self.gain * RELU_GAIN
        return conv2d(input, filters, self.bias, self.stride, self.padding)


class ConvolutionalEncoder(nn.Module):
    """Standardised convolutions, then one dense layer that still knows where things are.

    Args:
        image_size: side of the square input in pixels, a multiple of 32.
        width: the first convolution has twice as many channels, the later ones 4, 4, 6, 6 and 8 times as many.
        features: length of the feature vector.
    """

    def __init__(self, image_size: int = 128, width: int = 24, features: int = 384) -> None:
        super().__init__()
        if image_size % 32 or width < 1:
            raise ValueError(
                f"image_size is {image_size} and width {width}, but a multiple of 32 and a positive number are needed: "
                "change them."
            )
        channels = [2 * width, 4 * width, 4 * width, 6 * width, 6 * width, 8 * width]
        layers: list[nn.Module] = [StandardizedConvolution(3, channels[0], 7, 4), nn.ReLU(inplace=True)]
        for (incoming, outgoing), stride in zip(pairwise(channels), (2, 1, 2, 1, 2), strict=True):
            layers += [StandardizedConvolution(incoming, outgoing, 3, stride), nn.ReLU(inplace=True)]
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
        centred = (2 * images - 1).contiguous(memory_format=torch.channels_last)
        return self.dense(self.convolutions(centred).flatten(1)).relu()
