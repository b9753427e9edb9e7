"""Exact distances from points to the triangles of a mesh (libigl, on the CPU, in float64)."""

from typing import NamedTuple

import igl
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


class ClosestSurfacePoints(NamedTuple):
    """For each query point the nearest point of a surface. float64, on the CPU."""

    distance: Float[Tensor, " p"]
    """Euclidean, unsigned."""
    face_index: Int[Tensor, " p"]
    closest: Float[Tensor, "p 3"]


class SurfaceTree:
    """A mesh made ready for many queries.

    Raises ValueError for a mesh without faces and for vertices that are not finite.
    """

    def __init__(self, vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]) -> None:
        if not len(faces):
            raise ValueError("Distances to a mesh without faces were asked for: give a surface, not a point cloud.")
        if not bool(torch.isfinite(vertices).all()):
            raise ValueError("Distances to a mesh with vertices that are not finite were asked for: repair the mesh.")
        self._vertices = np.ascontiguousarray(vertices.detach().cpu().double().numpy())
        self._faces = np.ascontiguousarray(faces.detach().cpu().long().numpy())
        self._tree = igl.AABB()
        self._tree.init(self._vertices, self._faces)

    @property
    def face_normals(self) -> Float[Tensor, "f 3"]:
        """Unit normals; 0 where a face has no area."""
        a, b, c = (self._vertices[self._faces[:, corner]] for corner in range(3))
        return torch.nn.functional.normalize(torch.from_numpy(np.cross(b - a, c - a)), dim=1, eps=1e-300)

    def closest(self, points: Float[Tensor, "p 3"]) -> ClosestSurfacePoints:
        """The nearest point of the surface to each query point."""
        queries = np.ascontiguousarray(points.detach().cpu().double().numpy())
        if not np.isfinite(queries).all():
            raise ValueError("Distances from points that are not finite were asked for: remove those points.")
        if not len(queries):
            nowhere = torch.zeros(0, 3, dtype=torch.float64)
            return ClosestSurfacePoints(nowhere[:, 0], torch.zeros(0, dtype=torch.int64), nowhere)
        square, face, closest = self._tree.squared_distance(self._vertices, self._faces, queries)
        return ClosestSurfacePoints(
            torch.from_numpy(np.sqrt(square).reshape(-1)),
            torch.from_numpy(np.asarray(face, np.int64).reshape(-1)),
            torch.from_numpy(np.asarray(closest).reshape(-1, 3)),
        )


def point_to_mesh_distance(
    points: Float[Tensor, "p 3"], vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]
) -> ClosestSurfacePoints:
    """Distance, face and nearest surface point for each query point. Not differentiable.

    A point 2 above the middle of a triangle has distance 2, and the point of the triangle below it is its nearest.
    """
    return SurfaceTree(vertices, faces).closest(points)
