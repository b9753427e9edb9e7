"""How PIFu's release evaluates a grid, written anew from its description: the yardstick of our extraction.

The nodes at every `resolution / 64`-th place are asked. A cell whose eight corners' probabilities differ by less than
a threshold is filled with the middle of their extremes and done with; what is left is asked at half the stride, down to
single nodes. The filled volume then goes through marching cubes as a whole.
"""

import mcubes
import numpy as np
import torch
from torch import Tensor

from models.geometry.grids import Grid, Query, grid_to_world


def pifu_octree(
    query: Query, grid: Grid, *, first: int = 64, threshold: float = 0.01, chunk: int = 65536
) -> tuple[Tensor, int]:
    """Probabilities at all nodes of a cubic grid [n n n], and how many of them were asked for. `query` is a logit."""
    side = grid.cells[0] + 1
    stride = max(1, grid.cells[0] // first)
    probability = torch.zeros(side, side, side)
    waiting = torch.ones(side, side, side, dtype=torch.bool)
    asked = 0
    while True:
        nodes = waiting[::stride, ::stride, ::stride].nonzero() * stride
        asked += len(nodes)
        for some in nodes.split(chunk):
            probability[some.unbind(1)] = query(grid_to_world(grid, some).float()).sigmoid()
        waiting[nodes.unbind(1)] = False
        if stride == 1:
            return probability, asked
        lattice = probability[::stride, ::stride, ::stride]
        low, high = lattice, lattice
        for axis in range(3):
            size = lattice.shape[axis] - 1
            low = torch.minimum(low.narrow(axis, 0, size), low.narrow(axis, 1, size))
            high = torch.maximum(high.narrow(axis, 0, size), high.narrow(axis, 1, size))
        settled = (high - low < threshold).nonzero()
        middle = ((high + low) / 2)[settled.unbind(1)]
        _fill(probability, waiting, settled * stride, middle, stride)
        stride //= 2


def _fill(probability: Tensor, waiting: Tensor, cells: Tensor, value: Tensor, stride: int) -> None:
    """The nodes of each cell from its lowest one on, those of its far sides belonging to its neighbours; nodes that
    were asked keep their answer."""
    inside = torch.cartesian_prod(*[torch.arange(stride)] * 3).reshape(-1, 3)
    for some, middle in zip(cells.split(4096), value.split(4096)):
        nodes = (some[:, None] + inside).reshape(-1, 3)
        values = middle.repeat_interleave(len(inside))
        free = waiting[nodes.unbind(1)]
        probability[nodes[free].unbind(1)] = values[free]
        waiting[nodes[free].unbind(1)] = False


def pifu_mesh_size(probability: Tensor) -> tuple[int, int]:
    """Vertices and faces of marching cubes on the filled volume, closed at its border."""
    for axis in range(3):
        probability.select(axis, 0).fill_(0)
        probability.select(axis, -1).fill_(0)
    vertices, faces = mcubes.marching_cubes(np.asarray(probability.numpy()), 0.5)
    return len(vertices), len(faces)
