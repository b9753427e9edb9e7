"""Which points lie inside a closed surface, for meshes that are asked many times.

A point is inside where the winding number exceeds one half, so that surfaces that cut through themselves (bent knees,
folded cloth) label right: the overlap winds twice and is inside. Not differentiable.
"""

import math
from typing import Any

import igl
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.geometry.free_cells import FreeCells, is_closed

POINTS_PER_CHUNK = 256


class InsideTest:
    """Inside or not, for one mesh; what can be computed once is computed once.

    The winding number is constant wherever no surface is crossed. So for a closed mesh space is cut into cells, and
    the cells that no triangle touches get their answer for good, one evaluation for each region of them; only points in
    the remaining cells are asked one by one, by libigl's fast winding numbers (Barill et al., SIGGRAPH 2018) from a
    hierarchy that is kept. A mesh with holes has no such regions: there every point is asked.

    vertices: [v, 3] in any unit; faces: [f, 3], counter-clockwise seen from outside. Survives pickling and forking.

    Raises ValueError for a mesh without faces and for vertices that are not finite.
    """

    def __init__(self, vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]) -> None:
        if not len(faces):
            raise ValueError("An inside test got a mesh without faces: give a closed surface.")
        if not bool(torch.isfinite(vertices).all()):
            raise ValueError("An inside test got vertices that are not finite: repair the mesh first.")
        self._vertices = vertices.detach().cpu().double().numpy()
        self._faces = np.ascontiguousarray(faces.detach().cpu().numpy(), dtype=np.int64)
        self._hierarchy = _hierarchy(self._vertices, self._faces)
        self.closed = is_closed(self._vertices, self._faces)
        """Whether the surface has no border; where it has one, labels near the holes are a guess."""
        self._cells = FreeCells(self._vertices, self._faces, self._inside) if self.closed else None

    def contains(self, points: Float[Tensor, "p 3"]) -> Bool[Tensor, " p"]:
        """True where the winding number exceeds one half; on the points' device. NaN is outside."""
        positions = points.detach().cpu().double().numpy()
        if self._cells is None:
            return torch.from_numpy(self._inside(positions)).to(points.device)
        inside, unknown = self._cells.look_up(positions)
        if len(unknown):
            inside[unknown] = self._inside(positions[unknown])
        return torch.from_numpy(inside).to(points.device)

    def winding_numbers(self, points: Float[Tensor, "p 3"]) -> Float[Tensor, " p"]:
        """Fast winding numbers, float64: 1 inside and 0 outside of a closed surface to about 1e-2."""
        return torch.from_numpy(self._winding(points.detach().cpu().double().numpy())).to(points.device)

    def _winding(self, positions: np.ndarray) -> np.ndarray:
        return np.asarray(self._hierarchy.winding_number(np.ascontiguousarray(positions)))

    def _inside(self, positions: np.ndarray) -> np.ndarray:
        return self._winding(positions) > 0.5

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_hierarchy"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._hierarchy = _hierarchy(self._vertices, self._faces)


def _hierarchy(vertices: np.ndarray, faces: np.ndarray) -> Any:
    hierarchy = igl.FastWindingNumberBVH()
    hierarchy.init(np.ascontiguousarray(vertices), faces)
    return hierarchy


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
