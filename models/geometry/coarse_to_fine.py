"""Finding the cells that a surface crosses while asking the field at few nodes.

1. Every node of a coarse grid is asked.
2. A cell whose corners lie on both sides is halved, and the new nodes are asked, until the finest cells are reached.
3. From every crossed finest cell the surface is followed through crossed faces into cells that halving missed, until it
   closes (bulges into cells whose corners agree, thin limbs).

So a connected piece of surface that one crossed coarse cell touches is found whole: exactly the cells of dense
evaluation, at about 1 % of its queries at 512 cubed. A piece that hides between the coarse nodes altogether is missed;
more coarse cells find it.

Nothing here is as large as the finest grid: nodes are kept as a sorted list of those that were asked.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.geometry.grids import Bounds, Grid, Query, grid_over, node_values
from models.geometry.marching_cubes import CORNERS, CrossedCells, crossed
from models.geometry.memory import require_memory

OUTSIDE = -1.0
"""Value of nodes beyond the grid, where its size is no multiple of a coarse cell; the field is not asked there."""
BYTES_OF_A_HALVED_CELL = 27 * 8 * 6
"""27 nodes with keys, their sorting and look-ups."""
BYTES_OF_A_CROSSED_CELL = 700
"""With its share of the surface: corners, triangles, edges and their sorting. A halved cell has four of them: together
1 kB a crossed cell, where 0.8 to 1.0 kB were measured at 256, 512 and 1024 cubed (69, 264 and 884 MB)."""
BYTES_OF_A_COARSE_NODE = 220


class SignGrid(NamedTuple):
    """Where the field was asked, and where its surface lies."""

    grid: Grid
    nodes: Int[Tensor, "p 3"]
    """Every node that was asked."""
    values: Float[Tensor, " p"]
    crossed: CrossedCells
    """Of the finest size, sorted."""

    @property
    def queries(self) -> int:
        return len(self.nodes)


def sign_grid(
    query: Query,
    bounds: Bounds,
    resolution: int,
    coarse: int = 32,
    *,
    chunk: int = 65536,
    device: torch.device | str = "cpu",
    memory_bytes: int | None = None,
) -> SignGrid:
    """Asks the field as described above.

    Args:
        query, bounds, resolution, chunk, device: as in `models.geometry.extraction.extract_mesh`.
        coarse: cells along the longest side of the first grid, at least; the next count that halvings take to
            `resolution`.
        memory_bytes: what the surface may take; None: what the machine has free.

    Raises ValueError when it would take more, before it does, with the largest resolution that fits.
    """
    grid = grid_over(bounds, resolution)
    halvings = max(0, math.floor(math.log2(resolution / coarse)))
    stride = 2**halvings
    coarse_cells = torch.tensor([math.ceil(count / stride) for count in grid.cells])
    coarse_nodes = int((coarse_cells + 1).prod())
    require_memory(
        BYTES_OF_A_COARSE_NODE * coarse_nodes,
        f"A first grid of {' x '.join(str(int(count)) for count in coarse_cells)} cells",
        memory_bytes,
        "give a smaller `coarse`",
    )
    known = KnownNodes(query, grid, coarse_cells * stride + 1, chunk, device)
    cells = torch.cartesian_prod(*(torch.arange(int(count)) * stride for count in coarse_cells))
    values = known.ask(cells[:, None] + stride * torch.tensor(CORNERS))
    while stride > 1:
        halved = cells[crossed(values)]
        _require_finest(len(halved), stride, resolution, memory_bytes)
        stride //= 2
        cells, values = halve(halved, stride, known.ask)
    start = CrossedCells(cells[crossed(values)], values[crossed(values)])
    surface = follow_surface(start, grid, known.ask)
    return SignGrid(grid, *known.asked(), surface)


def halve(
    cells: Int[Tensor, "c 3"], stride: int, ask: Callable[[Tensor], Tensor]
) -> tuple[Int[Tensor, "n 3"], Float[Tensor, "n 8"]]:
    """The eight halves, of side `stride`, of each cell, with the values at their corners that `ask` gives."""
    offsets, children = torch.cartesian_prod(*[torch.arange(3)] * 3), torch.tensor(CORNERS)
    values = ask(cells[:, None] + stride * offsets)
    corners = children[:, None] + children
    place = (corners * torch.tensor([9, 3, 1])).sum(-1)
    return (cells[:, None] + stride * children).reshape(-1, 3), values[:, place].reshape(-1, 8)


def follow_surface(start: CrossedCells, grid: Grid, ask: Callable[[Tensor], Tensor]) -> CrossedCells:
    """All crossed cells that hang together with those of `start` through crossed faces, sorted."""
    shape = torch.tensor(grid.cells)
    steps = torch.tensor([shape[1] * shape[2], shape[2], 1])
    corners = torch.tensor(CORNERS)
    front, seen = start, _sorted_unique((start.cells * steps).sum(1))
    found = [start]
    while len(front.cells):
        inside = front.corner_values > 0
        neighbours = []
        for axis in range(3):
            for side, step in ((0, -1), (1, 1)):
                face = inside[:, corners[:, axis] == side]
                next_cells = front.cells[face.any(1) & ~face.all(1)].clone()
                next_cells[:, axis] += step
                within = (next_cells[:, axis] >= 0) & (next_cells[:, axis] < shape[axis])
                neighbours.append((next_cells[within] * steps).sum(1))
        keys = _sorted_unique(torch.cat(neighbours))
        keys = keys[~_contains(seen, keys)]
        if not len(keys):
            break
        cells = torch.stack([keys // steps[0], keys // steps[1] % shape[1], keys % shape[2]], 1)
        front = CrossedCells(cells, ask(cells[:, None] + corners))
        found.append(front)
        seen = torch.cat([seen, keys]).sort().values
    together = CrossedCells(*(torch.cat(parts) for parts in zip(*found)))
    order = (together.cells * steps).sum(1).argsort()
    return CrossedCells(together.cells[order], together.corner_values[order])


class KnownNodes:
    """Values of nodes, each asked of the field once.

    Two sorted lists, so that a few new nodes need not be sorted into millions: the recent one joins the other when it
    has grown.
    """

    def __init__(self, query: Query, grid: Grid, shape: Tensor, chunk: int, device: torch.device | str) -> None:
        self._query, self._grid, self._chunk, self._device = query, grid, chunk, device
        self._shape = shape
        self._steps = torch.tensor([int(shape[1] * shape[2]), int(shape[2]), 1])
        empty = torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.float32)
        self._settled, self._recent = empty, empty

    def ask(self, nodes: Int[Tensor, "c k 3"]) -> Float[Tensor, "c k"]:
        """The values at some nodes, repeated ones too; those not known yet are asked of the field."""
        keys, inverse = torch.unique((nodes * self._steps).sum(-1), return_inverse=True)
        values = torch.empty(len(keys), dtype=torch.float32)
        new = torch.ones(len(keys), dtype=torch.bool)
        for known_keys, known_values in (self._settled, self._recent):
            if len(known_keys):
                place = torch.searchsorted(known_keys, keys).clamp_max_(len(known_keys) - 1)
                found = known_keys[place] == keys
                values[found] = known_values[place[found]]
                new &= ~found
        if bool(new.any()):
            values[new] = self._evaluate(keys[new])
            self._remember(keys[new], values[new])
        return values[inverse]

    def asked(self) -> tuple[Int[Tensor, "p 3"], Float[Tensor, " p"]]:
        """All nodes of the grid that the field was asked at, sorted, with their values."""
        keys, values = _merged(self._settled, self._recent)
        nodes = self._nodes(keys)
        within = (nodes <= torch.tensor(self._grid.cells)).all(1)
        return nodes[within], values[within]

    def _nodes(self, keys: Tensor) -> Tensor:
        return torch.stack([keys // self._steps[0], keys // self._steps[1] % self._shape[1], keys % self._shape[2]], 1)

    def _evaluate(self, keys: Tensor) -> Tensor:
        nodes = self._nodes(keys)
        within = (nodes <= torch.tensor(self._grid.cells)).all(1)
        values = torch.full((len(nodes),), OUTSIDE, dtype=torch.float32)
        values[within] = node_values(self._query, self._grid, nodes[within], chunk=self._chunk, device=self._device)
        return values

    def _remember(self, keys: Tensor, values: Tensor) -> None:
        self._recent = _merged(self._recent, (keys, values))
        if len(self._recent[0]) > len(self._settled[0]) // 8:
            self._settled = _merged(self._settled, self._recent)
            self._recent = keys[:0], values[:0]


def _merged(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    keys, order = torch.cat([first[0], second[0]]).sort()
    return keys, torch.cat([first[1], second[1]])[order]


def _sorted_unique(keys: Tensor) -> Tensor:
    return torch.unique(keys)


def _contains(sorted_keys: Tensor, keys: Tensor) -> Tensor:
    if not len(sorted_keys):
        return torch.zeros(len(keys), dtype=torch.bool)
    place = torch.searchsorted(sorted_keys, keys).clamp_max_(len(sorted_keys) - 1)
    return sorted_keys[place] == keys


def _require_finest(halved: int, stride: int, resolution: int, memory_bytes: int | None) -> None:
    """The surface meets about stride squared finest cells for every cell that it meets now, a quarter when halved."""
    finest = halved * stride**2
    needed = BYTES_OF_A_HALVED_CELL * finest // 4 + BYTES_OF_A_CROSSED_CELL * finest
    require_memory(
        needed,
        f"The surface at the resolution {resolution}",
        memory_bytes,
        lambda share: f"take a resolution of at most {max(1, int(0.9 * resolution * share**0.5))}",
    )
