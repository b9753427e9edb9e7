"""The connected parts of a mesh, and which of them to keep.

At a coarse resolution a thin wrist breaks and the finger tips of a body float free although they belong to it: keeping
the largest part alone would cut them off. So a part goes only when it is small AND far from what is kept.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as graph_components
from scipy.spatial import KDTree
from torch import Tensor

from models.geometry.mesh import Mesh


class Components(NamedTuple):
    """k connected parts: faces hang together when they share a vertex."""

    of_vertex: Int[Tensor, " v"]
    """Number of its part, the part with the largest volume first; -1 for a vertex in no face."""
    volume: Float[Tensor, " k"]
    """Signed, float64: negative for a hollow inside a part. Meaningful where the part is closed."""


def signed_volume(vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, ""]:
    """Volume inside a closed mesh (float64), positive when triangles wind counter-clockwise seen from outside."""
    return _tetrahedra(vertices, faces).sum()


def connected_components(mesh: Mesh) -> Components:
    """The parts of a mesh, the largest volume first."""
    count, labels = 0, np.zeros(0, np.int64)
    if mesh.number_of_vertices:
        faces = mesh.faces.cpu().numpy()
        start, end = faces.reshape(-1), np.roll(faces, -1, 1).reshape(-1)
        graph = coo_array((np.ones(len(start), np.int8), (start, end)), shape=(mesh.number_of_vertices,) * 2)
        count, labels = graph_components(graph, directed=False)
    part_of_vertex = torch.from_numpy(labels.astype(np.int64))
    part_of_face = part_of_vertex[mesh.faces[:, 0].cpu()]
    volume = torch.zeros(count, dtype=torch.float64)
    volume.index_add_(0, part_of_face, _tetrahedra(mesh.vertices.cpu(), mesh.faces.cpu()))
    has_faces = torch.zeros(count, dtype=torch.bool)
    has_faces[part_of_face] = True
    order = torch.where(has_faces, volume, -torch.inf).argsort(descending=True, stable=True)[: int(has_faces.sum())]
    rank = torch.full((count,), -1)
    rank[order] = torch.arange(len(order))
    return Components(rank[part_of_vertex], volume[order])


def without_floating_parts(
    mesh: Mesh,
    *,
    smallest_share_of_volume: float = 0.01,
    farthest_share_of_size: float = 0.03,
    fill_hollows: bool = False,
) -> Mesh:
    """The mesh without small parts that float far from it, the other vertices as they were.

    A part stays when its volume is at least `smallest_share_of_volume` of the largest part's, or when one of its
    vertices is nearer to a part that stays than `farthest_share_of_size` of the largest part's longest side (5 cm for a
    standing person of 180 cm: a finger tip behind a broken joint stays, and with it what hangs on it in the same way).
    Hollows inside parts (negative volume) go when `fill_hollows` says so, else with the part that is nearest to them.
    """
    parts = connected_components(mesh)
    if len(parts.volume) < 2:
        return mesh
    vertices = [mesh.vertices[parts.of_vertex == part].cpu().double().numpy() for part in range(len(parts.volume))]
    reach = farthest_share_of_size * float(np.ptp(vertices[0], axis=0).max())
    solid = parts.volume >= 0
    solid[0] = True
    kept = solid & (parts.volume >= smallest_share_of_volume * parts.volume[0])
    waiting = (solid & ~kept).nonzero()[:, 0].tolist()
    front = kept.nonzero()[:, 0].tolist()
    while front and waiting:
        tree = KDTree(np.concatenate([vertices[part] for part in front]))
        front = [
            part for part in waiting if float(tree.query(vertices[part], distance_upper_bound=reach)[0].min()) <= reach
        ]
        kept[front] = True
        waiting = [part for part in waiting if part not in front]
    if not fill_hollows and not bool(solid.all()):
        solids = solid.nonzero()[:, 0].tolist()
        tree = KDTree(np.concatenate([vertices[part] for part in solids]))
        part_of_row = np.repeat(solids, [len(vertices[part]) for part in solids])
        for hollow in (~solid).nonzero()[:, 0].tolist():
            distance, row = (np.asarray(found) for found in tree.query(vertices[hollow]))
            kept[hollow] = kept[part_of_row[row[distance.argmin()]]]
    return keep_parts(mesh, parts, kept)


def keep_parts(mesh: Mesh, parts: Components, kept: Tensor) -> Mesh:
    """The parts that `kept` [k] marks, with their colours; vertices in no face go. Meshes with a texture stay whole."""
    if mesh.face_uv is not None:
        raise ValueError(
            "Parts of a mesh with texture coordinates were to be removed: remove them before it is textured."
        )
    stays = kept[parts.of_vertex.clamp_min(0)] & (parts.of_vertex >= 0)
    stays = stays.to(mesh.vertices.device)
    number = torch.cumsum(stays, 0) - 1
    faces = number[mesh.faces[stays[mesh.faces[:, 0]]]]
    colors = None if mesh.vertex_colors is None else mesh.vertex_colors[stays]
    return replace(mesh, vertices=mesh.vertices[stays], faces=faces, vertex_colors=colors)


def _tetrahedra(vertices: Tensor, faces: Tensor) -> Tensor:
    """Signed volumes between each triangle and the middle of the vertices (near them, so that little cancels)."""
    if not len(vertices):
        return torch.zeros(0, dtype=torch.float64)
    centred = vertices.double() - vertices.double().mean(0)
    a, b, c = (centred[faces[:, corner]] for corner in range(3))
    return (a * torch.linalg.cross(b, c)).sum(1) / 6
