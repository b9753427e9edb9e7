"""Normals of faces, of vertices and of UV position maps."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def face_area_vectors(vertices: Float[Tensor, "b v 3"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, "b f 3"]:
    """(b - a) x (c - a) of each triangle: its direction is the outward normal, its length twice the area. Differentiable."""
    a, b, c = (vertices.index_select(1, faces[:, corner]) for corner in range(3))
    return torch.linalg.cross(b - a, c - a)


def face_normals(vertices: Float[Tensor, "b v 3"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, "b f 3"]:
    """Outward unit normals of the triangles; 0, with gradient 0, where a triangle has no area. Differentiable."""
    return _unit(face_area_vectors(vertices, faces))


def vertex_normals(vertices: Float[Tensor, "b v 3"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, "b v 3"]:
    """Unit normals of the vertices: the normalised sum of the unnormalised normals of the faces around (area-weighted).

    0, with gradient 0, at a vertex in no face. Differentiable.
    """
    area_vectors = face_area_vectors(vertices, faces)
    corner_vectors = area_vectors.repeat_interleave(3, 1)
    return _unit(torch.zeros_like(vertices).index_add(1, faces.flatten(), corner_vectors))


def grid_normals(positions: Float[Tensor, "b 3 h w"], valid: Bool[Tensor, "h w"]) -> Float[Tensor, "b 3 h w"]:
    """Unit normals dP/du x dP/dv of a UV position map. Differentiable.

    u runs right and v UP, so the rows run against v. Differences are central where both neighbours are valid, one-sided
    where one is; a texel without a valid neighbour along u or v, and an invalid texel, get 0.
    """
    along_u = _valid_difference(positions, valid, 3)
    along_v = -_valid_difference(positions, valid, 2)
    return _unit_image(torch.linalg.cross(along_u, along_v, dim=1))


def _valid_difference(positions: Tensor, valid: Tensor, axis: int) -> Tensor:
    length = positions.shape[axis]
    step = (positions.narrow(axis, 1, length - 1) - positions.narrow(axis, 0, length - 1)) * (
        valid.narrow(axis - 2, 1, length - 1) & valid.narrow(axis - 2, 0, length - 1)
    )
    zero = torch.zeros_like(positions.narrow(axis, 0, 1))
    return torch.cat([step, zero], axis) + torch.cat([zero, step], axis)


def _unit(vectors: Tensor) -> Tensor:
    square = (vectors * vectors).sum(-1, keepdim=True)
    return torch.where(square > 0, vectors * torch.where(square > 0, square, torch.ones_like(square)).rsqrt(), 0.0)


def _unit_image(vectors: Tensor) -> Tensor:
    return _unit(vectors.movedim(1, -1)).movedim(-1, 1)
