"""Which points lie inside a closed surface, for meshes that are asked many times.

A point is inside where the winding number exceeds one half, so that surfaces that cut through themselves (bent knees,
folded cloth) label right: the overlap winds twice and is inside. Not differentiable.
"""

import math

import igl
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.geometry.free_cells import FreeCells

POINTS_PER_CHUNK = 256


class InsideTest:
    """Inside or not, for one mesh; what can be computed once is computed once.

    A closed surface is asked through cells of space and columns of triangles (`FreeCells`), exactly. A surface with
    holes has a winding number that changes from point to point: there libigl's fast winding numbers answer (Barill et
    al., SIGGRAPH 2018), from a hierarchy that is kept.

    vertices: [v, 3] in any unit; faces: [f, 3], counter-clockwise seen from outside. Survives pickling and forking.

    Raises ValueError for a mesh without faces and for vertices that are not finite.
    """

    def __init__(self, vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]) -> None:
        if not len(faces):
            raise ValueError("An inside test got a mesh without faces: give a closed surface.")
        if not bool(torch.isfinite(vertices).all()):
            raise ValueError("An inside test got vertices that are not finite: repair the mesh first.")
        positions = vertices.detach().cpu().double().numpy()
        triangles = faces.detach().cpu().long().numpy()
        self.closed = is_closed(positions, triangles)
        """Whether the surface has no border; where it has one, labels near the holes are a guess."""
        self._test = FreeCells(positions, triangles) if self.closed else FastWinding(positions, triangles)

    def contains(self, points: Float[Tensor, "p 3"]) -> Bool[Tensor, " p"]:
        """True where the winding number exceeds one half; on the points' device. NaN is outside."""
        return self.winding_numbers(points) > 0.5

    def winding_numbers(self, points: Float[Tensor, "p 3"]) -> Float[Tensor, " p"]:
        """float64: whole numbers for a closed surface, anything in between around holes."""
        winding = self._test.winding_numbers(points.detach().cpu().double().numpy())
        return torch.from_numpy(winding.astype(np.float64)).to(points.device)


class FastWinding:
    """libigl's winding numbers, for surfaces that may have holes."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        self._mesh = (np.ascontiguousarray(vertices), np.ascontiguousarray(faces))
        self._hierarchy = igl.FastWindingNumberBVH()
        self._hierarchy.init(*self._mesh)

    def winding_numbers(self, positions: np.ndarray) -> np.ndarray:
        """[p] float64 for [p, 3] float64."""
        return np.asarray(self._hierarchy.winding_number(np.ascontiguousarray(positions)))

    def __reduce__(self) -> tuple[type["FastWinding"], tuple[np.ndarray, np.ndarray]]:
        return FastWinding, self._mesh  # the hierarchy cannot be pickled


def is_closed(vertices: np.ndarray, faces: np.ndarray) -> bool:
    """Whether the triangles bound a volume: every edge is run along equally often in both directions.

    Vertices at the same place count as one, as along the seams of a texture.
    """
    if _has_no_boundary(faces, len(vertices)):
        return True
    _, merged = np.unique(vertices + 0.0, axis=0, return_inverse=True)  # + 0.0: -0.0 is 0.0
    return _has_no_boundary(merged.reshape(-1)[faces], len(vertices))


def _has_no_boundary(faces: np.ndarray, number_of_vertices: int) -> bool:
    start, end = faces.reshape(-1), np.roll(faces, -1, 1).reshape(-1)
    forward, backward = start * number_of_vertices + end, end * number_of_vertices + start
    return bool((np.sort(forward) == np.sort(backward)).all())


def winding_numbers_reference(
    vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"], points: Float[Tensor, "p 3"]
) -> Float[Tensor, " p"]:
    """Winding numbers in float64 as the sum of every triangle's solid angle (Van Oosterom and Strackee, 1983): the
    definition of truth, p * f work."""
    corners = vertices.detach().double()[faces]
    chunks = [_solid_angles(corners, chunk) for chunk in points.detach().double().split(POINTS_PER_CHUNK)]
    return torch.cat(chunks) / (4 * math.pi) if chunks else points.new_zeros(0, dtype=torch.float64)


def _solid_angles(corners: Tensor, points: Tensor) -> Tensor:
    a, b, c = (corners[None] - points[:, None, None]).unbind(2)
    length_a, length_b, length_c = (torch.linalg.vector_norm(edge, dim=-1) for edge in (a, b, c))
    volume = (a * torch.linalg.cross(b, c)).sum(-1)
    base = length_a * length_b * length_c
    base = base + (a * b).sum(-1) * length_c + (b * c).sum(-1) * length_a + (c * a).sum(-1) * length_b
    return (2 * torch.atan2(volume, base)).sum(-1)
