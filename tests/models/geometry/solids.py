"""Fields for tests of extraction."""

from torch import Tensor

from experiments.benchmarks.capsule_body import CAPSULE_BODY as BODY
from experiments.benchmarks.capsule_body import Capsule, capsules
from models.geometry.grids import Query

__all__ = ["BODY", "Capsule", "CountingQuery", "capsules"]


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
