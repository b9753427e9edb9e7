"""Points on a surface, evenly by area."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.geometry.normals import face_area_vectors


class SurfaceSamples(NamedTuple):
    points: Float[Tensor, "p 3"]
    """Differentiable to the vertices, the choice of face and weights held."""
    normals: Float[Tensor, "p 3"]
    """Unit normals of the faces."""
    face_index: Int[Tensor, " p"]


def sample_surface(
    vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"], count: int, generator: torch.Generator | None = None
) -> SurfaceSamples:
    """`count` independent points, each with the same chance per area. The same generator state gives the same points.

    Raises ValueError when the mesh has no area.
    """
    area_vectors = face_area_vectors(vertices[None], faces)[0]
    areas = torch.linalg.vector_norm(area_vectors, dim=1)
    cumulative = areas.detach().double().cumsum(0)
    if not len(faces) or not float(cumulative[-1]) > 0:
        raise ValueError(
            "Points on a mesh without area were asked for: give a mesh with faces that are not degenerate."
        )
    # searchsorted and not torch.multinomial, which stops at 2^24 faces and is float32
    chance = _random(count, 1, generator).to(vertices.device)[:, 0]
    face_index = torch.searchsorted(cumulative, chance * cumulative[-1], right=True).clamp_max(len(faces) - 1)
    weights = _random(count, 2, generator).to(vertices)
    root = weights[:, :1].sqrt()
    barycentrics = torch.cat([1 - root, root * (1 - weights[:, 1:]), root * weights[:, 1:]], 1)
    points = (vertices[faces[face_index]] * barycentrics.unsqueeze(-1)).sum(1)
    normals = torch.nn.functional.normalize(area_vectors[face_index], dim=1)
    return SurfaceSamples(points, normals, face_index)


def _random(rows: int, columns: int, generator: torch.Generator | None) -> Tensor:
    device = "cpu" if generator is None else generator.device
    return torch.rand(rows, columns, generator=generator, dtype=torch.float64, device=device)
