"""What is photographed as a garment: a closed coloured surface, and how one is made of a field."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from datamodules.synthetic.body_light import sky_share
from datamodules.synthetic.human_mesh import BoundedField, human_mesh
from models.geometry.grids import Bounds
from models.geometry.mesh import Mesh
from models.geometry.normals import vertex_normals

OCCLUSION = 0.7
"""Exponent of the share of the sky that a vertex sees: in pictures creases are less dark than under an open sky."""


class GarmentShape(NamedTuple):
    """A closed surface; +y up, z > 0 the front (of birds: the right flank, the beak points to +x)."""

    mesh: Mesh
    """With the unlit colours at its vertices."""
    sky: Tensor
    """[v] by what the light is less where the surface lies in creases or under arms, 0 to 1."""


class SolidField:
    """A solid from its distance bound, for `human_mesh`: below 0 inside."""

    def __init__(self, distance: Callable[[Tensor], Tensor], bounds: Bounds) -> None:
        """distance: [p] from [3, p], centimetres."""
        self.distance = distance
        self.bounds = bounds

    def __call__(self, points_cm: Tensor) -> Tensor:
        """[p] from [p, 3]."""
        return self.distance(points_cm.T)


def shape_of(field: BoundedField, resolution: int, colour: Callable[[Tensor], Tensor]) -> GarmentShape:
    """The surface of a field with cells of 204.8 / resolution cm; colour: [p, 3] in 0..1 from points [p, 3]."""
    mesh = human_mesh(field, resolution, newton_steps=1)
    sky = sky_share(field, mesh.vertices, vertex_normals(mesh.vertices[None], mesh.faces)[0]) ** OCCLUSION
    return GarmentShape(Mesh(mesh.vertices, mesh.faces, vertex_colors=colour(mesh.vertices).clamp(0, 1)), sky)


def joined(first: GarmentShape, second: GarmentShape) -> GarmentShape:
    """Both surfaces as one."""
    a, b = first.mesh, second.mesh
    assert a.vertex_colors is not None
    assert b.vertex_colors is not None
    mesh = Mesh(
        torch.cat([a.vertices, b.vertices]),
        torch.cat([a.faces, b.faces + len(a.vertices)]),
        vertex_colors=torch.cat([a.vertex_colors, b.vertex_colors]),
    )
    return GarmentShape(mesh, torch.cat([first.sky, second.sky]))


def moved(shape: GarmentShape, rotation: np.ndarray, scale: float, to: np.ndarray) -> GarmentShape:
    """Turned by a rotation [3, 3], scaled, and moved to a point [3]."""
    turn = torch.from_numpy(scale * rotation).float()
    vertices = shape.mesh.vertices @ turn.T + torch.from_numpy(to).float()
    return shape._replace(mesh=shape.mesh.with_vertices(vertices))
