"""Picture -> light: nine spherical-harmonic coefficients of one grey light."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.networks.convolution_blocks import (
    ConvBlock,
    Norm,
    initialize_head,
    initialize_kaiming,
    vector_normalisation,
)
from models.networks.pooling import MixedPool
from models.networks.precision import Precision, at_least_float32, network_autocast

COORDINATE_LAYERS = 2
"""The first convolutions, which know where in the picture they are."""


class LightEncoder(nn.Module):
    """Strided convolutions, a pooled feature and two linear layers. Starts at ambient light 3 and nothing else.

    Args:
        widths: channels of the strided convolutions.
        hidden: features between the linear layers.
        dropout: before the last layer.
        precision: of the convolutions.

    Source: Zheng et al., "3D Magic Mirror": the ambient coefficient lies in 2.5..3.5, the others in ±0.1.
    """

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 96, 192, 96),
        hidden: int = 48,
        dropout: int | float = 0.2,
        norm: Norm = "batch",
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        self.precision: Precision = precision
        self.trunk = nn.Sequential(
            *(
                ConvBlock(incoming, outgoing, 5, 2, norm, coordinates=index < COORDINATE_LAYERS)
                for index, (incoming, outgoing) in enumerate(pairwise((4, *widths)))
            )
        )
        self.pool = MixedPool(1)
        last = nn.Linear(hidden, 9)
        self.head = nn.Sequential(
            nn.Linear(widths[-1], hidden), vector_normalisation(norm, hidden), nn.Dropout(dropout), last
        )
        initialize_kaiming(self)
        initialize_head(last)
        self.register_buffer("reach", torch.tensor([0.5, *[0.1] * 8]), persistent=False)
        self.register_buffer("middle", torch.tensor([3.0, *[0.0] * 8]), persistent=False)

    def forward(self, pictures: Float[Tensor, "b 4 h w"]) -> Float[Tensor, "b 9"]:
        """Coefficients of normalised pictures with masks. Differentiable."""
        with network_autocast(self.precision, pictures.device):
            features = self.trunk(pictures)
        return self.middle + self.reach * self.head(self.pool(at_least_float32(features)).flatten(1)).tanh()
