"""Voxel super-resolution: a body on a coarse grid to a body at any point.

occupied voxels of a first stage -> 3D convolutions -> features of all scales around a point -> inside or outside. It
takes away what the first stage has made up and keeps what it has right. Source: the second stage of Li, Oskarsson and
Heyden, arXiv 2012.06178 (Applied Intelligence 2021), whose sizes are not known; those here are of its ancestor, IF-Net
(Chibane et al., CVPR 2020).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.bodies.features import OUTSIDE_LOGIT
from models.geometry.voxel_cube import position_in_cube
from models.networks.voxel_encoder import VoxelEncoder, sample_volumes

NEIGHBOURHOOD = 7
"""A point and its neighbours to both sides along three axes."""


class VoxelSuperResolution(nn.Module):
    """Occupancy at points from occupied voxels.

    Args:
        resolution: voxels along a side of the input.
        channels, norm: see `VoxelEncoder`.
        hidden: widths of the layers of the classifier, without its input and its one answer.
        reach: distance of the neighbours of a point, where 2 is the side of the cube. IF-Net: 0.0722 with 128 voxels,
            0.035 with 32.
    """

    def __init__(
        self,
        resolution: int = 128,
        channels: Sequence[Sequence[int]] = ((16,), (32, 32), (64, 64), (128, 128), (128, 128)),
        hidden: Sequence[int] = (256, 256, 256),
        reach: float = 0.0722,
        norm: Literal["batch", "group", "none"] = "batch",
    ) -> None:
        super().__init__()
        self.encoder = VoxelEncoder(channels, norm)
        if resolution % self.encoder.multiple:
            raise ValueError(
                f"The grid has {resolution} voxels a side, but its encoder halves it down by {self.encoder.multiple}: "
                f"use a multiple of {self.encoder.multiple}."
            )
        layers: list[nn.Module] = []
        for incoming, outgoing in pairwise((NEIGHBOURHOOD * sum(self.encoder.map_channels), *hidden)):
            layers += [nn.Linear(incoming, outgoing), nn.ReLU()]
        self.classifier = nn.Sequential(*layers, nn.Linear(hidden[-1], 1))
        self.resolution, self.reach = resolution, reach

    def encode(self, grid: Float[Tensor, "b 1 d h w"]) -> list[Float[Tensor, "b _ _ _ _"]]:
        """Feature volumes of grids of 0 and 1 over the cube, axes z, y, x (`models.geometry.voxel_cube`)."""
        return self.encoder(grid)

    def query(
        self, features: list[Float[Tensor, "b _ _ _ _"]], points_cm: Float[Tensor, "b p 3"]
    ) -> Float[Tensor, "b p"]:
        """Logits, positive inside, at points of the body frame; outside the cube there is nothing. Pure and
        differentiable."""
        position = position_in_cube(points_cm)
        logits = self.classifier(sample_volumes(features, position, self.reach))[..., 0]
        return torch.where((position.abs() <= 1).all(-1), logits, OUTSIDE_LOGIT)
