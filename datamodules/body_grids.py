"""Bodies with the truth on a grid of voxels."""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.body_dataset import BodyDataset, Key
from datamodules.bounded_memory import BoundedMemory
from datamodules.occupancy_sampling import SolidBody
from datamodules.samples import BodyGridSample, BodyTruthSample
from models.geometry.voxel_cube import voxel_axis

KEPT_GRIDS_BYTES = 512 << 20
"""Of one process; grids beyond are computed anew."""


class GriddedBodies(Dataset[BodyGridSample]):
    """The items of `bodies`, and which of `resolution` ** 3 voxels of the cube are inside: the same at every visit,
    and therefore kept."""

    def __init__(self, bodies: BodyDataset, resolution: int) -> None:
        self.bodies, self.resolution = bodies, resolution
        self._kept: BoundedMemory[Tensor] = BoundedMemory(KEPT_GRIDS_BYTES, lambda grid: grid.numel())

    def __len__(self) -> int:
        return len(self.bodies)

    def __getitem__(self, key: Key) -> BodyGridSample:
        item = self.bodies[key]
        index = key[1] if isinstance(key, tuple) else key
        record = self.bodies.record(index)
        grid = self._kept.get(record.name, lambda: occupied(self.bodies.source.body(record), self.resolution))
        return BodyGridSample(item.body if isinstance(item, BodyTruthSample) else item, grid)


def occupied(body: SolidBody, resolution: int) -> Tensor:
    """[1, r, r, r] uint8, axes z, y, x: 1 where the centre of the voxel is inside the body."""
    centre = voxel_axis(resolution)
    low, high = body.vertices_cm.amin(0), body.vertices_cm.amax(0)
    grid = torch.zeros((resolution,) * 3, dtype=torch.uint8)
    x, y, z = (((centre >= low[axis]) & (centre <= high[axis])).nonzero()[:, 0] for axis in range(3))
    points = torch.cartesian_prod(centre[z], centre[y], centre[x]).flip(-1).reshape(-1, 3)
    inside = body.inside.contains(points).reshape(len(z), len(y), len(x))
    grid[z[:, None, None], y[:, None], x] = inside.to(torch.uint8)
    return grid[None]
