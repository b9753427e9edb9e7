"""How well labels of sampled points are met. Not volumetric: the numbers depend on how the points were drawn."""

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric


class OccupancyPoints(Metric):
    """Intersection over union, precision and recall of the inside over all points of all bodies.

    Logits above 0 are inside. Points near the surface are harder than others, so numbers of different samplings cannot
    be compared, and `iou_volume` is another quantity (PIFu's training log shows this one). Higher is better.
    """

    higher_is_better = True
    full_state_update = False
    both: Tensor
    said: Tensor
    true: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("both", "said", "true"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, logits: Float[Tensor, "b p"], occupancy: Float[Tensor, "b p"]) -> None:
        """Adds a batch; `occupancy` is 1 inside and 0 outside."""
        said, true = logits > 0, occupancy > 0.5
        self.both += (said & true).sum(dtype=torch.float64)
        self.said += said.sum(dtype=torch.float64)
        self.true += true.sum(dtype=torch.float64)

    def compute(self) -> dict[str, Tensor]:
        """`iou_points`, `precision_points`, `recall_points`; NaN where nothing is inside."""
        return {
            "iou_points": (self.both / (self.said + self.true - self.both)).float(),
            "precision_points": (self.both / self.said).float(),
            "recall_points": (self.both / self.true).float(),
        }
