"""A solid with folds, a lump on its left and known albedo, in place of a person."""

import torch
from torch import Tensor

from models.geometry.mesh import Mesh
from models.geometry.primitives import icosphere

RADII_CM = (26.0, 88.0, 18.0)


class StandinBody:
    """An upright ellipsoid with horizontal folds; its left half (+x) is red, its right half green."""

    def __init__(self, fold_cm: float = 0.15) -> None:
        self.fold_cm = fold_cm

    def __call__(self, points_cm: Tensor) -> Tensor:
        radii = points_cm.new_tensor(RADII_CM)
        scaled = points_cm / radii
        first, second = scaled.norm(dim=1), (scaled / radii).norm(dim=1).clamp(min=1e-9)
        return first * (first - 1) / second - self.fold_cm * torch.sin(points_cm[:, 1] * 1.5)

    def albedo(self, points_cm: Tensor) -> Tensor:
        left = (points_cm[:, :1] > 0).to(points_cm)
        return torch.cat([left, 1 - left, torch.zeros_like(left)], 1)

    def mesh(self, subdivisions: int = 5) -> Mesh:
        """Its corners lie on the surface."""
        sphere = icosphere(subdivisions)
        directions = sphere.vertices.double() * torch.tensor(RADII_CM)
        scale = torch.ones(len(directions), dtype=torch.float64)
        for _ in range(30):
            scale = scale - self(directions * scale[:, None]) / directions.norm(dim=1) * 0.7
        return sphere.with_vertices((directions * scale[:, None]).float())
