"""A dark bag behind the lips for pictures of open mouths; no part of any model's bases."""

from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.geometry.topology import boundary_loops
from models.morphable.linear import MorphableModel

RING_DEPTHS_MM = (6.0, 16.0, 28.0)
RING_SIZES = (1.0, 0.85, 0.5)
NEAR_COLOUR, FAR_COLOUR = (0.26, 0.09, 0.08), (0.04, 0.015, 0.015)


class MouthInterior(NamedTuple):
    """Rings of vertices behind the rim of the mouth, joined to it without a gap.

    Append `vertices_mm(face)` to the face's vertices and `faces` to its triangles; ids below the model's
    number of vertices are the face's own.
    """

    rim: Int[Tensor, " n"]
    faces: Int[Tensor, "f 3"]
    albedo: Float[Tensor, "p 3"]

    def vertices_mm(self, face_vertices_mm: Float[Tensor, "b v 3"]) -> Float[Tensor, "b p 3"]:
        """Positions of the bag behind a face with this rim: rings that shrink towards the back. Differentiable."""
        rim = face_vertices_mm[:, self.rim]
        centre = rim.mean(1, keepdim=True)
        back = rim.new_tensor([0.0, 0.0, -1.0])
        rings = [centre + size * (rim - centre) + depth * back for depth, size in zip(RING_DEPTHS_MM, RING_SIZES)]
        return torch.cat([*rings, centre + (RING_DEPTHS_MM[-1] + 6.0) * back], dim=1)


def mouth_interior(model: MorphableModel) -> MouthInterior:
    """The bag of a model whose mouth is a hole (the procedural face, BFM's front, ICT's face).

    Raises:
        ValueError: when no boundary of the mesh runs around the mouth.
    """
    mouth = model.mean_mm[model.landmark_faces[60:68, 0]].mean(0)
    loops = boundary_loops(model.faces)
    distances = [float((model.mean_mm[loop].mean(0) - mouth).norm()) for loop in loops]
    if not loops or min(distances) > 15.0:
        raise ValueError(f"{model.name} has no opening at the mouth; render it without a mouth interior.")
    rim = loops[distances.index(min(distances))]
    n, first = len(rim), model.number_of_vertices
    ring_ids = [rim, *(first + k * n + torch.arange(n) for k in range(len(RING_DEPTHS_MM)))]
    faces = []
    for near, far in pairwise(ring_ids):
        # the face has the rim's edges forwards, so the bag must have them backwards
        faces.append(torch.stack([near.roll(-1), near, far], 1))
        faces.append(torch.stack([near.roll(-1), far, far.roll(-1)], 1))
    last, end = ring_ids[-1], torch.full((n,), first + len(RING_DEPTHS_MM) * n)
    faces.append(torch.stack([last.roll(-1), last, end], 1))
    fade = torch.cat([torch.full((n,), k / len(RING_DEPTHS_MM)) for k in range(len(RING_DEPTHS_MM))] + [torch.ones(1)])
    albedo = torch.lerp(torch.tensor(NEAR_COLOUR), torch.tensor(FAR_COLOUR), fade[:, None])
    return MouthInterior(rim, torch.cat(faces), albedo.to(model.mean_mm))
