"""Bodies on grids of voxels (`models.geometry.voxel_cube`), and what a first stage may get wrong."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate, max_pool3d

from models.geometry.coarse_to_fine import sign_grid
from models.geometry.grids import Bounds, Query
from models.geometry.voxel_cube import HALF_CUBE_CM, voxel_axis

ROUGHNESS = 0.6
"""Smooth noise of about half a standard deviation moves the surface where it exceeds this: a fifth of it."""


def occupied_voxels(
    query: Query, resolution: int, *, coarse: int = 32, chunk: int = 65536, device: torch.device | str = "cpu"
) -> Float[Tensor, "1 r r r"]:
    """Which voxels' centres a field has inside, as 0 and 1 on the CPU, asked only where its surface is.

    Coarse grid, halvings and surface tracking as in `models.geometry.coarse_to_fine`; a part that hides between the
    coarse nodes is missed. Voxels at the faces of the cube are outside.
    """
    half = HALF_CUBE_CM * (1 - 1 / resolution)
    centres = Bounds((-half, -half, -half), (half, half, half))
    cells = resolution - 1  # between centres
    coarse_cells = max(1, coarse * cells // resolution)  # 31 for 32: 63 cells are halved once from there, from 32 never
    found = sign_grid(query, centres, cells, coarse_cells, chunk=chunk, device=device)
    return filled_lines(found.nodes, found.values > 0, resolution)


def filled_lines(nodes: Tensor, inside: Tensor, resolution: int) -> Float[Tensor, "1 r r r"]:
    """A whole grid from nodes (x, y, z) that were asked: every other one is as the last asked one before it along x.

    Between a node and the next one that was asked there is no surface, since every crossed cell was asked.
    """
    grid = torch.full((resolution,) * 3, -1, dtype=torch.int8)
    grid[nodes[:, 2], nodes[:, 1], nodes[:, 0]] = inside.to(torch.int8)
    grid[:, :, 0] = grid[:, :, 0].clamp_min(0)
    place = torch.arange(resolution).expand_as(grid) * (grid >= 0)
    return grid.gather(2, place.cummax(dim=2).values).float()[None]


def corrupted(
    truth: Float[Tensor, "b 1 r r r"], generator: torch.Generator | None = None
) -> Float[Tensor, "b 1 r r r"]:
    """True grids with the mistakes of a first stage: rough skin, holes and lumps, and limbs that are not there.

    A ghost limb is a piece of the same body turned by 90 or 180 degrees about its vertical axis, as silhouettes that
    are read wrongly make them. Not differentiable.
    """
    made = truth
    for _ in range(int(torch.randint(0, 3, (1,), generator=generator))):
        made = torch.maximum(made, _ghost(truth, generator))
    made = _rough(made, generator)
    for _ in range(int(torch.randint(0, 5, (1,), generator=generator))):
        ball = _ball(truth, 2.0, 8.0, generator)
        added = torch.rand((), generator=generator) < 0.5
        made = torch.maximum(made, ball) if added else made * (1 - ball)
    return made


def _rough(grids: Tensor, generator: torch.Generator | None) -> Tensor:
    """The surface moved by a voxel, outwards where smooth noise is high and inwards where it is low."""
    side = max(2, grids.shape[-1] // 6)
    noise = torch.randn(len(grids), 1, side, side, side, generator=generator).to(grids)
    noise = interpolate(noise, size=grids.shape[2:], mode="trilinear", align_corners=False)
    wider, narrower = _widened(grids), 1 - _widened(1 - grids)
    return torch.where(noise > ROUGHNESS, wider, torch.where(noise < -ROUGHNESS, narrower, grids))


def _widened(grids: Tensor) -> Tensor:
    for kernel, padding in (((3, 1, 1), (1, 0, 0)), ((1, 3, 1), (0, 1, 0)), ((1, 1, 3), (0, 0, 1))):
        grids = max_pool3d(grids, kernel, 1, padding)
    return grids


def _ghost(grids: Tensor, generator: torch.Generator | None) -> Tensor:
    turned = torch.rot90(grids, int(torch.randint(1, 4, (1,), generator=generator)), dims=(2, 4))
    return turned * _ball(turned, 10.0, 30.0, generator)


def _ball(grids: Tensor, smallest_cm: float, largest_cm: float, generator: torch.Generator | None) -> Tensor:
    """Balls around random voxels of the grids, one a grid; nothing around an empty grid."""
    axis = voxel_axis(grids.shape[-1])
    balls = torch.zeros_like(grids)
    for ball, grid in zip(balls[:, 0], grids[:, 0], strict=True):
        radius = smallest_cm + (largest_cm - smallest_cm) * float(torch.rand((), generator=generator))
        occupied = grid.nonzero()
        chosen = float(torch.rand((), generator=generator))
        if len(occupied):
            z, y, x = ((axis - axis[int(place)]).square() for place in occupied[int(chosen * len(occupied))])
            ball.copy_(z[:, None, None] + y[:, None] + x <= radius**2)
    return balls
