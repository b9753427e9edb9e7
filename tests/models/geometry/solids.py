"""Fields of solids that are known by formula: values > 0 inside, minus the signed distance."""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.geometry.grids import Query

Capsule = tuple[tuple[float, float, float], tuple[float, float, float], float]
"""Two ends of an axis, and the radius."""

BODY: tuple[Capsule, ...] = (
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
"""A standing figure in the box from -1 to 1, with finger-like ends of 0.02."""


def capsules(parts: Sequence[Capsule]) -> Query:
    """The union of capsules; a sphere is one whose ends coincide."""
    start = torch.tensor([part[0] for part in parts])
    axis = torch.tensor([part[1] for part in parts]) - start
    length = axis.square().sum(1).clamp_min(1e-12)
    radius = torch.tensor([part[2] for part in parts])

    def field(points: Tensor) -> Tensor:
        offset = points[:, None] - start
        along = ((offset * axis).sum(-1) / length).clamp(0, 1)
        return (radius - (offset - along[..., None] * axis).norm(dim=-1)).amax(1)

    return field


class CountingQuery:
    """A field that remembers how it was asked."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.points = 0
        self.largest_batch = 0

    def __call__(self, points: Tensor) -> Tensor:
        self.points += len(points)
        self.largest_batch = max(self.largest_batch, len(points))
        return self.query(points)
