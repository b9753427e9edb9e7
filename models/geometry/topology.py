"""How triangles hang together: edges, neighbours, boundaries. Index arithmetic only; nothing here is differentiable."""

from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor


class EdgeTopology(NamedTuple):
    """The undirected edges of a mesh, e of them, sorted."""

    edges: Int[Tensor, "e 2"]
    """Vertex indices, the smaller first."""
    edge_faces: Int[Tensor, "e 2"]
    """The first two faces at the edge; -1 where there is none: `edge_faces[e, 1] == -1` marks a boundary edge."""
    face_edges: Int[Tensor, "f 3"]
    """Edge of each face from corner i to corner i + 1."""
    face_count: Int[Tensor, " e"]
    """Number of faces at the edge: 1 at a boundary, 2 inside, more where the surface is not a manifold."""


class VertexNeighbours(NamedTuple):
    """Vertices joined by an edge, as compressed rows: vertex i has `indices[offsets[i]:offsets[i + 1]]`, sorted."""

    offsets: Int[Tensor, " v_plus_1"]
    indices: Int[Tensor, " two_e"]


def unique_edges(faces: Int[Tensor, "f 3"]) -> EdgeTopology:
    """Edges with the faces on their sides. A tetrahedron has 6, each between two faces."""
    corners = torch.stack([faces, faces.roll(-1, 1)], -1).reshape(-1, 2).sort(1).values
    above = _above(faces)
    # one number an edge: `unique` over rows of two takes ten times as long
    numbers = corners[:, 0].long() * above + corners[:, 1]
    unique, edge_of_corner, face_count = torch.unique(numbers, return_inverse=True, return_counts=True)
    edges = torch.stack([unique // above, unique % above], 1).to(faces.dtype)
    order = torch.argsort(edge_of_corner, stable=True)
    first = torch.cumsum(face_count, 0) - face_count
    face_of_place = order // 3
    second = torch.where(face_count > 1, first + 1, first)
    edge_faces = torch.stack(
        [face_of_place[first], torch.where(face_count > 1, face_of_place[second], torch.full_like(first, -1))], 1
    )
    return EdgeTopology(edges, edge_faces, edge_of_corner.reshape(-1, 3), face_count)


def vertex_neighbours(faces: Int[Tensor, "f 3"], number_of_vertices: int) -> VertexNeighbours:
    """The one-ring of every vertex; a vertex in no face has none."""
    edges = unique_edges(faces).edges
    both_ways = torch.cat([edges, edges.flip(1)])
    order = torch.argsort(both_ways[:, 0] * number_of_vertices + both_ways[:, 1])
    count = torch.bincount(both_ways[:, 0], minlength=number_of_vertices)
    return VertexNeighbours(torch.cat([count.new_zeros(1), count.cumsum(0)]), both_ways[order, 1])


def boundary_edges(faces: Int[Tensor, "f 3"]) -> Int[Tensor, "e 2"]:
    """Directed edges with a face on one side only, in that face's direction: the surface lies on their left."""
    topology = unique_edges(faces)
    directed = torch.stack([faces, faces.roll(-1, 1)], -1)
    return directed[topology.face_count[topology.face_edges] == 1]


def boundary_loops(faces: Int[Tensor, "f 3"]) -> list[Int[Tensor, " n"]]:
    """Closed chains of boundary vertices in the direction of their faces, the longest first.

    A watertight mesh has none, a disc one. Where two loops touch in a vertex they may come back as one or as two.
    """
    following: dict[int, list[int]] = {}
    for start, end in boundary_edges(faces).tolist():
        following.setdefault(start, []).append(end)
    loops = []
    while following:
        vertex = next(iter(following))
        loop = []
        while vertex in following:
            loop.append(vertex)
            ends = following[vertex]
            end = ends.pop()
            if not ends:
                del following[vertex]
            vertex = end
        loops.append(torch.tensor(loop, dtype=faces.dtype, device=faces.device))
    return sorted(loops, key=len, reverse=True)


def euler_characteristic(faces: Int[Tensor, "f 3"]) -> int:
    """Vertices - edges + faces, counting used vertices only: 2 for a sphere, 0 for a torus, 1 for a disc."""
    return len(torch.unique(faces)) - len(unique_edges(faces).edges) + len(faces)


def is_watertight(faces: Int[Tensor, "f 3"]) -> bool:
    """Whether every edge has exactly two faces that run along it in opposite directions (closed, consistently wound).

    An empty mesh encloses nothing and is not watertight.
    """
    if not len(faces):
        return False
    start, end, above = faces.long(), faces.roll(-1, 1).long(), _above(faces)
    forward = (start * above + end).flatten().sort().values
    backward = (end * above + start).flatten().sort().values
    return bool((forward[1:] != forward[:-1]).all()) and bool((forward == backward).all())


def _above(faces: Int[Tensor, "f 3"]) -> int:
    """More than every vertex index."""
    return int(faces.max()) + 1 if len(faces) else 1
