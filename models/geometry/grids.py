"""Regular grids of nodes over a box, and the values of a field on them.

A field (`Query`) is positive INSIDE the solid, its surface where it is 0: logits of an occupancy, or minus a signed
distance. Node (i, j, k) lies at lower + cell * (i, j, k), and nowhere else in the suite is this said a second time: the
box -1..1 with 4 cells along its side has nodes at -1, -0.5, 0, 0.5, 1.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

Query = Callable[[Tensor], Tensor]
"""Values `[p]` at points `[p 3]`, > 0 inside."""

JUST_OUTSIDE = 1e-6
"""Below 0 by this is a node of the box's border that lies inside the solid: the box cuts the solid there."""


class Bounds(NamedTuple):
    """A box along the axes."""

    lower: tuple[float, float, float]
    upper: tuple[float, float, float]


class Grid(NamedTuple):
    """Cubic cells from `lower` on."""

    lower: tuple[float, float, float]
    cell: float
    """Side of a cell."""
    cells: tuple[int, int, int]
    """How many along x, y, z; nodes are one more."""

    @property
    def number_of_nodes(self) -> int:
        return math.prod(count + 1 for count in self.cells)


def grid_over(bounds: Bounds, resolution: int) -> Grid:
    """The grid with `resolution` cells along the longest side of the box; shorter sides are rounded up to whole cells,
    so that the grid reaches past their upper end by less than one.

    Raises ValueError for a box without volume or with ends that are not finite, and for a resolution below 1.
    """
    sides = [upper - lower for lower, upper in zip(bounds.lower, bounds.upper)]
    if not all(math.isfinite(side) and side > 0 for side in sides):
        raise ValueError(f"The box from {bounds.lower} to {bounds.upper} is empty: every upper end must be the larger.")
    if resolution < 1:
        raise ValueError(f"A grid with {resolution} cells along its longest side was asked for: give 1 or more.")
    cell = max(sides) / resolution
    nx, ny, nz = (max(1, math.ceil(side / cell - 1e-6)) for side in sides)
    x, y, z = bounds.lower
    return Grid((float(x), float(y), float(z)), cell, (nx, ny, nz))


def grid_to_world(grid: Grid, index: Float[Tensor, "p 3"] | Int[Tensor, "p 3"]) -> Float[Tensor, "p 3"]:
    """Positions (float64) of nodes, or of points between them, given in cells from the first node."""
    return torch.tensor(grid.lower, dtype=torch.float64) + grid.cell * index.double()


def node_values(
    query: Query, grid: Grid, nodes: Int[Tensor, "p 3"], *, chunk: int = 65536, device: torch.device | str = "cpu"
) -> Float[Tensor, " p"]:
    """The field at nodes of the grid, float32 on the CPU, asked for `chunk` points at a time; not differentiable.

    Points reach the query as float32 on `device`. At the border of the box whatever is inside becomes just outside, so
    that the surface of the values is closed: the solid cut by the box. Infinite values become the largest finite ones.

    Raises ValueError when the field gives NaN, or not one number for each point.
    """
    values = torch.empty(len(nodes), dtype=torch.float32)
    with torch.no_grad():
        for start in range(0, len(nodes), chunk):
            some = nodes[start : start + chunk]
            given = query(grid_to_world(grid, some).float().to(device))
            if given.shape != (len(some),):
                raise ValueError(
                    f"A field gave values of the shape {tuple(given.shape)} for {len(some)} points: "
                    "give one number for each point."
                )
            values[start : start + chunk] = given.detach().float().cpu()
    if bool(values.isnan().any()):
        raise ValueError(
            f"A field gave NaN at {int(values.isnan().sum())} of {len(values)} points: "
            "look for diverged weights or a point behind a camera, and query again."
        )
    last = torch.tensor(grid.cells)
    border = ((nodes <= 0) | (nodes >= last)).any(1)
    limit = torch.finfo(torch.float32).max / 4  # differences of two values stay finite
    return torch.where(border & (values > 0), -JUST_OUTSIDE, values).clamp_(-limit, limit)


def node_slabs(grid: Grid, thickness: int) -> Iterator[Int[Tensor, "p 3"]]:
    """All nodes, at most `thickness` layers of x at a time, z running fastest."""
    nx, ny, nz = (count + 1 for count in grid.cells)
    for start in range(0, nx, thickness):
        layers = torch.arange(start, min(start + thickness, nx))
        yield torch.cartesian_prod(layers, torch.arange(ny), torch.arange(nz)).reshape(-1, 3)


def dense_field(
    query: Query, bounds: Bounds, resolution: int, *, chunk: int = 65536, device: torch.device | str = "cpu"
) -> Float[Tensor, "x y z"]:
    """The field at every node of the grid over the box, as `node_values` gives it: 17 million numbers at 256 cubed."""
    grid = grid_over(bounds, resolution)
    parts = [node_values(query, grid, slab, chunk=chunk, device=device) for slab in node_slabs(grid, 8)]
    nx, ny, nz = (count + 1 for count in grid.cells)
    return torch.cat(parts).reshape(nx, ny, nz)
