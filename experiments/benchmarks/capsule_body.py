"""A standing figure of capsules: a field that costs next to nothing, so that dense evaluation at 512 cubed is quick."""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.geometry.grids import Query

Capsule = tuple[tuple[float, float, float], tuple[float, float, float], float]
"""Two ends of an axis, and the radius."""

CAPSULE_BODY: tuple[Capsule, ...] = (
    ((0, -0.15, 0), (0, 0.45, 0), 0.2),
    ((0, 0.75, 0.02), (0, 0.82, 0.02), 0.13),
    ((0, 0.4, 0), (0, 0.8, 0.02), 0.06),
    ((-0.12, 0.42, 0), (-0.5, 0.05, 0.1), 0.07),
    ((-0.5, 0.05, 0.1), (-0.62, -0.3, 0.22), 0.055),
    ((-0.62, -0.3, 0.22), (-0.66, -0.42, 0.25), 0.02),
    ((0.12, 0.42, 0), (0.52, 0.1, -0.1), 0.07),
    ((0.52, 0.1, -0.1), (0.75, 0.3, -0.05), 0.05),
    ((0.75, 0.3, -0.05), (0.83, 0.38, -0.02), 0.02),
    ((-0.1, -0.2, 0), (-0.17, -0.6, 0.05), 0.1),
    ((-0.17, -0.6, 0.05), (-0.18, -0.92, -0.05), 0.07),
    ((0.1, -0.2, 0), (0.2, -0.58, 0.1), 0.1),
    ((0.2, -0.58, 0.1), (0.2, -0.92, 0), 0.07),
)
"""In the box from -1 to 1, with finger-like ends of radius 0.02."""


def capsules(parts: Sequence[Capsule]) -> Query:
    """The union of capsules, minus the signed distance (> 0 inside); a sphere is a capsule whose ends coincide."""
    starts = [part[0] for part in parts]
    axes = [tuple(b - a for a, b in zip(part[0], part[1])) for part in parts]

    def field(points: Tensor) -> Tensor:
        x, y, z = points.unbind(1)
        nearest = torch.full_like(x, torch.inf)
        for (x0, y0, z0), (dx, dy, dz), (_, _, radius) in zip(starts, axes, parts):
            px, py, pz = x - x0, y - y0, z - z0
            length = max(dx * dx + dy * dy + dz * dz, 1e-12)
            along = (px * dx).add_(py, alpha=dy).add_(pz, alpha=dz).div_(length).clamp_(0, 1)
            px, py, pz = (offset.sub_(along, alpha=step) for offset, step in ((px, dx), (py, dy), (pz, dz)))
            distance = px.square_().add_(py.square_()).add_(pz.square_()).sqrt_().sub_(radius)
            nearest = torch.minimum(nearest, distance)
        return -nearest

    return field
