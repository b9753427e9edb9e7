"""The surface of a procedural person as a closed mesh."""

import math
from typing import Protocol

import mcubes
import numpy as np
import torch
from torch import Tensor

from models.geometry.components import connected_components, keep_parts
from models.geometry.grids import Bounds
from models.geometry.mesh import Mesh

BOX_CM = 204.8
"""The side of the cube that a resolution divides."""
COARSEST = 8
SPECK_CM3 = 0.05
"""A hundredth of a finger tip."""
LIPSCHITZ = 2.0
"""No farther from the surface than this times the field's value."""


class BoundedField(Protocol):
    """Negative inside, and near the surface about the distance in centimetres; a person (`HumanField`) or a thing."""

    @property
    def bounds(self) -> Bounds:
        """A box around all that is inside."""
        ...

    def __call__(self, points_cm: Tensor, /) -> Tensor:
        """[p] from [p, 3]."""
        ...


def human_mesh(field: BoundedField, resolution: int, newton_steps: int = 2) -> Mesh:
    """A closed mesh with cells of 204.8 / resolution cm, in the frame of the field (cm).

    Only cells near the surface are evaluated; then every vertex takes Newton steps onto the field's zero. Air pockets
    between cloth and skin and specks go, which nobody sees; nothing else: at coarse resolutions fingers fall into
    pieces, and keeping only the largest would cut them off. At 512 there is one piece.
    """
    volume, lower, cell = sampled_grid(field, resolution)
    vertices, faces = mcubes.marching_cubes(volume, 0.0)
    points = torch.from_numpy(vertices * cell + lower).float()
    mesh = Mesh(points, torch.from_numpy(faces.astype(np.int64))[:, [0, 2, 1]].contiguous())
    parts = connected_components(mesh)
    mesh = keep_parts(mesh, parts, parts.volume > SPECK_CM3)
    points = mesh.vertices
    for _ in range(newton_steps):
        points = newton_step(field, points, clip_cm=cell / 2, epsilon_cm=0.02)
    return mesh.with_vertices(points)


def sampled_grid(field: BoundedField, resolution: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Values [x, y, z] at the nodes of a grid, its first node [3] and the cell's size, cm.

    Values are the field's near the surface; elsewhere only their sign is. Nodes outside the person's box are left out;
    the border is outside.
    """
    cell = BOX_CM / resolution
    lower = (np.floor(np.array(field.bounds.lower) / cell) - 1) * cell
    blocks = np.ceil((np.array(field.bounds.upper) + cell - lower) / (cell * COARSEST)).astype(int)
    size = blocks * COARSEST
    volume = torch.full(tuple(int(s) for s in size), math.inf)
    first = torch.from_numpy(lower).float()
    corners = torch.cartesian_prod(*(torch.arange(int(count)) for count in blocks)) * COARSEST
    side = COARSEST
    while True:
        middle = first + (corners + (side - 1) / 2) * cell
        values = field(middle)
        if side == 1:
            volume[corners[:, 0], corners[:, 1], corners[:, 2]] = values
            break
        near = values.abs() < LIPSCHITZ * math.sqrt(3) / 2 * side * cell
        _fill(volume, corners[~near & (values < 0)], side)
        side //= 2
        halves = torch.cartesian_prod(*([torch.tensor([0, side])] * 3))
        corners = (corners[near][:, None] + halves).flatten(0, 1)
    grid = volume.clamp_(-cell * 4, cell * 4)
    for axis in range(3):
        grid.select(axis, 0).clamp_(min=cell)
        grid.select(axis, -1).clamp_(min=cell)
    return grid.numpy(), lower, cell


def newton_step(field: BoundedField, points: Tensor, *, clip_cm: float, epsilon_cm: float) -> Tensor:
    """Points [p, 3] moved by −f ∇f / |∇f|², at most by the clip."""
    value = field(points)
    gradient = field_gradient(field, points, epsilon_cm)
    step = value / gradient.square().sum(-1).clamp_min(0.1)
    move = gradient * step[:, None]
    length = move.norm(dim=-1, keepdim=True)
    return points - move * (clip_cm / length.clamp_min(clip_cm))


def field_gradient(field: BoundedField, points: Tensor, epsilon_cm: float = 0.05) -> Tensor:
    """[p, 3] by four values at the corners of a tetrahedron."""
    corners = points.new_tensor([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]])
    return sum(corner * field(points + epsilon_cm * corner)[:, None] for corner in corners) / (4 * epsilon_cm)  # pyright: ignore[reportReturnType]


def _fill(volume: Tensor, corners: Tensor, side: int) -> None:
    """−inf in the cubes of a side at corners [n, 3]."""
    offsets = torch.cartesian_prod(*([torch.arange(side)] * 3))
    nodes = (corners[:, None] + offsets).flatten(0, 1)
    volume[nodes[:, 0], nodes[:, 1], nodes[:, 2]] = -math.inf
