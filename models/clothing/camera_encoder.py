"""Picture and template -> camera."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.clothing.attributes import CameraRanges, ClothingCamera
from models.clothing.template_features import Lookup, vertices_from_map
from models.networks.convolution_blocks import (
    ConvBlock,
    DownBlock,
    GatedResidualBlocks,
    Norm,
    initialize_head,
    initialize_kaiming,
    vector_normalisation,
)
from models.networks.pooling import MixedPool
from models.networks.precision import Precision, at_least_float32, network_autocast

CELLS = 4
"""Of the two by two that a map is pooled to."""


class CameraEncoder(nn.Module):
    """A convolutional network from nothing, pooled over the picture and over the template, and three heads.

    At the start every camera stands in the middle of its ranges, at an azimuth that chance decides.

    Args:
        ranges: of elevation and distance.
        width: channels after the first convolution; the last map has eight times as many.
        blocks: residual blocks at 1/4, 1/8, 1/16 and again 1/16 of the size.
        hidden: features of each head.
        conditioned: whether the template is looked at; False is the paper's ablation.
        dropout: of the heads.
        lookup: where the template lies on the map.
        initial_facing: added to the azimuth's cosine component before the angle is taken. 0 is the paper's; with 1
            training starts from the front, and larger ones hold it there.
        precision: of the convolutions.

    Source: Zheng et al., "3D Magic Mirror".
    """

    def __init__(
        self,
        ranges: CameraRanges,
        width: int = 36,
        blocks: tuple[int, int, int, int] = (1, 3, 3, 3),
        hidden: int = 128,
        conditioned: bool = True,
        dropout: int | float = 0.2,
        norm: Norm = "batch",
        lookup: Lookup = "paper",
        initial_facing: int | float = 0,
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        self.ranges, self.conditioned = ranges, conditioned
        self.lookup: Lookup = lookup
        self.initial_facing = initial_facing
        self.precision: Precision = precision
        quarter, eighth, sixteenth, again = blocks
        self.trunk = nn.Sequential(
            ConvBlock(4, width, 5, 2, norm="none", coordinates=True),
            DownBlock(width, norm),
            GatedResidualBlocks(2 * width, quarter, norm),
            DownBlock(2 * width, norm),
            GatedResidualBlocks(4 * width, eighth, norm),
            DownBlock(4 * width, norm),
            GatedResidualBlocks(8 * width, sixteenth, norm),
        )
        self.again = GatedResidualBlocks(8 * width, again, norm)
        self.picture_pool = MixedPool(2)
        self.template_pool = MixedPool(2) if conditioned else None
        pooled = 8 * width * CELLS * (1 + conditioned)
        self.reach = _head(pooled, hidden, dropout, norm)
        self.direction = _head(pooled, hidden, dropout, norm)
        self.aim = _head(pooled, hidden, dropout, norm)
        initialize_kaiming(self)
        for head in (self.reach, self.direction, self.aim):
            last = head[-1]
            assert isinstance(last, nn.Linear)
            initialize_head(last)

    def forward(self, pictures: Float[Tensor, "b 4 h w"], template_vertices: Float[Tensor, "v 3"]) -> ClothingCamera:
        """Cameras of normalised pictures with masks. Differentiable in the pictures, not in the template."""
        with network_autocast(self.precision, pictures.device):
            fine = self.trunk(pictures)
            features = fine + self.again(fine)
        features = at_least_float32(features)
        pooled = [self.picture_pool(features).flatten(1)]
        if self.template_pool is not None:
            weights = vertices_from_map(template_vertices, (features.shape[2], features.shape[3]), self.lookup, False)
            # the rows of the grid are the two halves of the list of vertices, its columns are alike
            pooled.append(self.template_pool((features.flatten(2) @ weights.T)[..., None]).flatten(1))
        pooled = torch.cat(pooled, 1)
        distance, elevation = self.reach(pooled).sigmoid().unbind(1)
        cosine, sine = self.direction(pooled).unbind(1)
        offset = self.aim(pooled).tanh()
        near, far = self.ranges.distance
        least, greatest = (math.radians(angle) for angle in self.ranges.elevation_degrees)
        return ClothingCamera(
            azimuth=-torch.atan2(sine, cosine + self.initial_facing),
            elevation=least + (greatest - least) * elevation,
            distance=near + (far - near) * distance,
            offset=offset,
            principal=torch.zeros_like(offset),
        )


def _head(incoming: int, hidden: int, dropout: int | float, norm: Norm) -> nn.Sequential:
    """Without an activation between its layers, as in the authors' code."""
    return nn.Sequential(
        nn.Linear(incoming, hidden), vector_normalisation(norm, hidden), nn.Dropout(dropout), nn.Linear(hidden, 2)
    )
