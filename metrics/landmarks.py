"""Normalised mean error of the 68 iBUG landmarks, in percent; lower is better."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric

OUTER_EYE_CORNERS = (36, 45)
YAW_BINS_DEGREES = ((0, 30), (30, 60), (60, 90))
Normalisation = Literal["outer_eyes", "box"]


def landmark_nme_percent(
    predicted: Float[Tensor, "b 68 2"],
    truth: Float[Tensor, "b 68 2"],
    weights: Float[Tensor, "b 68"] | None = None,
    *,
    normalisation: Normalisation = "outer_eyes",
) -> Float[Tensor, " b"]:
    """Mean distance of the points in percent of the face's size, picture by picture. No alignment.

    `outer_eyes` divides by the distance of the outer eye corners (points 36 and 45 of the truth, as in 300-W), `box` by
    sqrt(width * height) of the true landmarks' box (as in AFLW2000-3D). Points of weight 0 are unknown: they count
    nowhere. A picture whose size cannot be measured (an eye corner unknown, no point known, size 0) gets NaN; one whose
    prediction is no number gets infinity, so that no mean over pictures forgets it.

    With eye corners 100 px apart and every point 3 px off the result is 3.
    """
    known = torch.ones_like(truth[..., 0]) if weights is None else weights
    distance = torch.linalg.vector_norm(predicted - truth, dim=-1)
    distance = distance.where(known > 0, 0.0).nan_to_num(nan=torch.inf, posinf=torch.inf)
    mean = (known * distance).sum(1) / known.sum(1)
    left, right = OUTER_EYE_CORNERS
    if normalisation == "outer_eyes":
        size = torch.linalg.vector_norm(truth[:, left] - truth[:, right], dim=-1)
        size = size.where((known[:, left] > 0) & (known[:, right] > 0), 0.0)
    else:
        highest = truth.where(known[..., None] > 0, -torch.inf).amax(1)
        lowest = truth.where(known[..., None] > 0, torch.inf).amin(1)
        size = (highest - lowest).clamp_min(0).prod(-1).sqrt()
    return torch.where(size > 0, 100 * mean / size.clamp_min(torch.finfo(size.dtype).tiny), torch.nan)


class LandmarkNmePercent(Metric):
    """Mean over pictures of `landmark_nme_percent`; pictures that cannot be measured are left out. NaN without any."""

    higher_is_better = False
    full_state_update = False
    total: Tensor
    pictures: Tensor

    def __init__(self, normalisation: Normalisation = "outer_eyes") -> None:
        super().__init__()
        self.normalisation: Normalisation = normalisation
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("pictures", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self,
        predicted: Float[Tensor, "b 68 2"],
        truth: Float[Tensor, "b 68 2"],
        weights: Float[Tensor, "b 68"] | None = None,
    ) -> None:
        """Adds a batch; landmarks in pixels (x, y)."""
        error = landmark_nme_percent(predicted, truth, weights, normalisation=self.normalisation)
        self.total += error.nansum()
        self.pictures += (~error.isnan()).sum()

    def compute(self) -> Float[Tensor, ""]:
        """Percent."""
        return (self.total / self.pictures).float()


class LandmarkNmeByYawPercent(Metric):
    """The AFLW2000-3D table: NME by box in the bins |yaw| of 0 to 30, 30 to 60 and 60 to 90 degrees.

    `compute` gives `yaw_0_30`, `yaw_30_60`, `yaw_60_90`, `balanced` (the mean of the three) and `all` (the mean over
    pictures). An empty bin is NaN, and `balanced` with it.
    """

    higher_is_better = False
    full_state_update = False
    totals: Tensor
    pictures: Tensor

    def __init__(self, normalisation: Normalisation = "box") -> None:
        super().__init__()
        self.normalisation: Normalisation = normalisation
        bins = len(YAW_BINS_DEGREES)
        self.add_state("totals", torch.zeros(bins, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("pictures", torch.zeros(bins, dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self,
        predicted: Float[Tensor, "b 68 2"],
        truth: Float[Tensor, "b 68 2"],
        yaw: Float[Tensor, " b"],
        weights: Float[Tensor, "b 68"] | None = None,
    ) -> None:
        """Adds a batch; yaw in radians. Pictures beyond 90 degrees count in the last bin."""
        error = landmark_nme_percent(predicted, truth, weights, normalisation=self.normalisation)
        edges = torch.tensor([high for _, high in YAW_BINS_DEGREES[:-1]], dtype=yaw.dtype, device=yaw.device)
        which = torch.bucketize(yaw.abs() * (180 / math.pi), edges)
        measured = ~error.isnan()
        self.totals.index_add_(0, which[measured], error[measured].to(self.totals))
        self.pictures.index_add_(0, which[measured], torch.ones_like(which[measured]))

    def compute(self) -> dict[str, Tensor]:
        """Percent, by the names above."""
        means = (self.totals / self.pictures).float()
        table = {f"yaw_{low}_{high}": mean for (low, high), mean in zip(YAW_BINS_DEGREES, means)}
        overall = (self.totals.sum() / self.pictures.sum()).float()
        return table | {"balanced": means.mean(), "all": overall}
