"""A grid of voxels to feature volumes of several scales, and their samples around points."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import grid_sample, max_pool3d


class VoxelEncoder(nn.Module):
    """3 x 3 x 3 convolutions, level by level at half the resolution of the one before (Chibane et al., CVPR 2020).

    Level 0 is the grid itself. In every other level convolution and ReLU take turns, then comes one normalisation,
    whose result is sampled.

    Args:
        channels: of the convolutions of every level. IF-Net's for 128 voxels a side: ((16,), (32, 32), (64, 64),
            (128, 128), (128, 128)); for 32: ((32, 64), (128, 128), (128, 128)).
        norm: "batch" is IF-Net's; "group" where batches are small.
    """

    def __init__(
        self,
        channels: Sequence[Sequence[int]] = ((16,), (32, 32), (64, 64), (128, 128), (128, 128)),
        norm: Literal["batch", "group", "none"] = "batch",
    ) -> None:
        super().__init__()
        levels, incoming = [], 1
        for widths in channels:
            layers: list[nn.Module] = []
            for width in widths:
                layers += [nn.Conv3d(incoming, width, 3, padding=1), nn.ReLU()]
                incoming = width
            if norm == "batch":
                layers.append(nn.BatchNorm3d(incoming))
            elif norm == "group":
                layers.append(nn.GroupNorm(max(1, incoming // 8), incoming))
            levels.append(nn.Sequential(*layers))
        self.levels = nn.ModuleList(levels)
        self.multiple = 2 ** (len(levels) - 1)
        self.map_channels = (1, *(widths[-1] for widths in channels))

    def forward(self, grid: Float[Tensor, "b 1 d h w"]) -> list[Float[Tensor, "b _ _ _ _"]]:
        """The grid, then one volume a level: the first of the grid's resolution, then halving. Differentiable.

        Raises ValueError when the grid does not halve as often as there are levels.
        """
        if any(side % self.multiple for side in grid.shape[2:]):
            raise ValueError(
                f"The grid has {' x '.join(map(str, grid.shape[2:]))} voxels, but this encoder halves it down by "
                f"{self.multiple}: use a multiple of {self.multiple}."
            )
        volumes, x = [grid], grid
        for index, level in enumerate(self.levels):
            x = level(max_pool3d(x, 2) if index else x)
            volumes.append(x)
        return volumes


def sample_volumes(
    volumes: list[Float[Tensor, "b _ _ _ _"]], position: Float[Tensor, "b p 3"], reach: float
) -> Float[Tensor, "b p c"]:
    """Trilinear samples of all volumes at points and at six neighbours along the axes, one after the other.

    `position` is (x, y, z) in [-1, 1] between the EDGES of the volumes (align_corners=False: voxel i of n has its
    centre at (2 i + 1) / n - 1), whose axes are z, y, x. `reach` is the neighbours' distance in the same units. Outside
    there is 0. Differentiable.
    """
    steps = torch.cat([position.new_zeros(1, 3), torch.eye(3).to(position), -torch.eye(3).to(position)])
    places = (position[:, :, None] + reach * steps)[:, None]  # [b 1 p 7 3]
    samples = [grid_sample(volume, places, align_corners=False)[:, :, 0] for volume in volumes]
    return torch.cat([each.permute(0, 2, 3, 1).flatten(2) for each in samples], dim=-1)
