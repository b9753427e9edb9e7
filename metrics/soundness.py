"""Whether a predicted mesh is one whole, closed body."""

from typing import NamedTuple

import torch

from models.geometry.components import connected_components
from models.geometry.mesh import Mesh
from models.geometry.topology import euler_characteristic, is_watertight


class Soundness(NamedTuple):
    components: int
    """Connected parts: 1 for a body in one piece, more with floating pieces or hollows."""
    watertight: bool
    """Closed and consistently wound: every edge has one face on either side."""
    euler_characteristic: int
    """2 for each closed part without handles."""
    volume: float
    """Signed, in cubed units of the vertices: positive when triangles wind counter-clockwise seen from outside."""


def mesh_soundness(mesh: Mesh) -> Soundness:
    """Parts, closedness, handles and volume of a mesh."""
    parts = connected_components(mesh)
    faces = mesh.faces.cpu()
    return Soundness(
        len(parts.volume),
        is_watertight(faces),
        euler_characteristic(faces) if len(faces) else 0,
        float(parts.volume.sum()),
    )


def is_measurable(mesh: Mesh | None) -> bool:
    """Whether there is a surface at all: faces with an area and finite vertices."""
    if mesh is None or not mesh.number_of_faces or not bool(torch.isfinite(mesh.vertices).all()):
        return False
    a, b, c = (mesh.vertices[mesh.faces[:, corner]].double() for corner in range(3))
    return float(torch.linalg.cross(b - a, c - a).abs().sum()) > 0
