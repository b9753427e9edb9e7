"""From a field to the mesh of its surface, at about 1 % of the queries of dense evaluation.

Values are positive inside (`models.geometry.grids`), triangles wind counter-clockwise seen from outside, and the border
of the box counts as outside, so meshes are closed. No network is known here: a query is any function of points.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from models.geometry.coarse_to_fine import BYTES_OF_A_COARSE_NODE, sign_grid
from models.geometry.grids import Bounds, Grid, Query, grid_over, grid_to_world, node_slabs, node_values
from models.geometry.marching_cubes import CORNERS, CrossedCells, crossed, marching_cubes
from models.geometry.memory import require_memory
from models.geometry.mesh import Mesh


class EmptySurfaceError(ValueError):
    """A field without a surface in the box."""


class Extraction(NamedTuple):
    mesh: Mesh
    """In the units of the box, float32, on the CPU."""
    queries: int
    """Points at which the field was asked."""
    dense_queries: int
    """Nodes of the finest grid: what dense evaluation asks."""


def extract(
    query: Query,
    bounds: Bounds,
    resolution: int,
    *,
    coarse: int = 32,
    chunk: int = 65536,
    device: torch.device | str = "cpu",
    memory_bytes: int | None = None,
) -> Extraction:
    """The surface where `query` is 0, from a coarse grid and halvings along it, with the count of queries.

    The mesh is that of `extract_mesh_dense`, face by face, but for pieces that no coarse cell notices
    (`models.geometry.coarse_to_fine`). Networks may differ in the last bit between batches of different points; so may
    the vertices then.

    Args:
        query: values [p] at points [p 3] (float32 on `device`); > 0 inside. Called without gradients.
        bounds: the box; whatever the solid has outside is cut off, and the cut closed.
        resolution: cells along the longest side of the box.
        coarse: cells along it in the first grid, at least.
        chunk: points of one query.
        device: where the points are given to the query.
        memory_bytes: what the work here may take; None: what the machine has free.

    Raises EmptySurfaceError when no coarse node is inside, and ValueError for NaN, for an empty box and for a
    resolution that would take more memory than there is, with the largest one that fits.
    """
    found = sign_grid(query, bounds, resolution, coarse, chunk=chunk, device=device, memory_bytes=memory_bytes)
    if not len(found.crossed.cells):
        raise _nothing_found(float(found.values.max()), len(found.values), bounds)
    return Extraction(_mesh(found.crossed, found.grid), found.queries, found.grid.number_of_nodes)


def extract_mesh(
    query: Query,
    bounds: Bounds,
    resolution: int,
    *,
    coarse: int = 32,
    chunk: int = 65536,
    device: torch.device | str = "cpu",
    memory_bytes: int | None = None,
) -> Mesh:
    """The mesh of `extract`."""
    return extract(query, bounds, resolution, coarse=coarse, chunk=chunk, device=device, memory_bytes=memory_bytes).mesh


def extract_mesh_dense(
    query: Query,
    bounds: Bounds,
    resolution: int,
    *,
    chunk: int = 65536,
    device: torch.device | str = "cpu",
    progress: Callable[[float], None] | None = None,
) -> Mesh:
    """The mesh with the field asked at every node: the truth for `extract`, some hundred times as slow.

    The grid goes by in slabs; `progress` is told the share that is done. Raises as `extract` does.
    """
    grid = grid_over(bounds, resolution)
    _, ny, nz = (count + 1 for count in grid.cells)
    require_memory(9 * BYTES_OF_A_COARSE_NODE * ny * nz, f"A layer of {ny} x {nz} nodes", None, "take fewer cells")
    corners = torch.tensor(CORNERS)
    before: Tensor | None = None
    found: list[CrossedCells] = []
    largest, done = -torch.inf, 0
    for slab in node_slabs(grid, 8):
        values = node_values(query, grid, slab, chunk=chunk, device=device).reshape(-1, ny, nz)
        largest, first = max(largest, float(values.max())), int(slab[0, 0])
        if before is not None:
            values, first = torch.cat([before, values]), first - 1
        inside = values > 0
        differs = torch.zeros(len(values) - 1, ny - 1, nz - 1, dtype=torch.bool)
        for i, j, k in CORNERS[1:]:
            corner = inside[i : len(values) - 1 + i, j : ny - 1 + j, k : nz - 1 + k]
            differs |= corner != inside[:-1, :-1, :-1]
        cells = differs.nonzero()
        nodes = cells[:, None] + corners
        found.append(CrossedCells(cells + torch.tensor([first, 0, 0]), values[nodes.unbind(-1)]))
        before, done = values[-1:], done + len(slab)
        if progress is not None:
            progress(done / grid.number_of_nodes)
    together = CrossedCells(*(torch.cat(parts) for parts in zip(*found)))
    if not bool(crossed(together.corner_values).any()):
        raise _nothing_found(float(largest), grid.number_of_nodes, bounds)
    return _mesh(together, grid)


def with_vertex_colors(
    mesh: Mesh,
    colors: Callable[[Tensor], Tensor],
    *,
    chunk: int = 65536,
    device: torch.device | str = "cpu",
) -> Mesh:
    """The mesh with a colour at every vertex: `colors` gives RGB `[p 3]`, in [0, 1], at points `[p 3]` on `device`."""
    parts = []
    with torch.no_grad():
        for points in mesh.vertices.split(chunk):
            parts.append(colors(points.to(device)).detach().float().cpu())
    given = torch.cat(parts) if parts else torch.zeros(0, 3)
    if given.shape != mesh.vertices.shape:
        raise ValueError(
            f"Colours of the shape {tuple(given.shape)} were given for {mesh.number_of_vertices} vertices: "
            "give one RGB row for each."
        )
    if bool(given.isnan().any()):
        raise ValueError("Colours of vertices are NaN: look for diverged weights, and colour the mesh again.")
    return replace(mesh, vertex_colors=given.clamp(0, 1).to(mesh.vertices.device))


def _mesh(cells: CrossedCells, grid: Grid) -> Mesh:
    surface = marching_cubes(cells)
    return Mesh(grid_to_world(grid, surface.positions).float(), surface.faces)


def _nothing_found(largest: float, asked: int, bounds: Bounds) -> EmptySurfaceError:
    box = f"the box from {tuple(bounds.lower)} to {tuple(bounds.upper)}"
    return EmptySurfaceError(
        f"The field has no surface in {box}: its largest value at {asked} points is {largest:.3g}, and inside is above "
        "0; check the sign, the units and the box, raise `coarse` for something thin, or train longer."
    )
