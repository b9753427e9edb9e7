"""What a wrong answer about inside and outside costs."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

OccupancyLoss = Literal["bce", "mse", "extended_bce"]


def occupancy_loss(
    logits: Float[Tensor, "*batch p"],
    occupancy: Float[Tensor, "*batch p"],
    weights: Float[Tensor, "*batch p"] | None = None,
    kind: OccupancyLoss = "bce",
    gamma: float | None = None,
    count: Tensor | None = None,
) -> Float[Tensor, ""]:
    """Mean loss over the points that count. Differentiable in the logits.

    "mse" is PIFu's squared difference of probability and label (Saito et al. 2019). "extended_bce" is PIFuHD's
    −γ o log f − (1 − γ)(1 − o) log(1 − f), where γ, the weight of the points INSIDE, is the share of those OUTSIDE, so
    that the rarer inside weighs as much in total (Saito et al. 2020, equation 4).

    Args:
        logits: positive inside.
        occupancy: 1 inside, 0 outside.
        weights: what each point counts, 0 where it does not, such as outside a window; the mean is over the weights.
        gamma: of "extended_bce"; None takes the share of outside points from each row's own points.
        count: what the sum is divided by where several processes share a batch, the mean of their sums of weights; None
            takes that of this one.
    """
    if weights is None:
        weights = torch.ones_like(logits)
    if kind == "mse":
        errors = (torch.sigmoid(logits) - occupancy).square()
    else:
        inside, outside = occupancy * softplus(-logits), (1 - occupancy) * softplus(logits)
        errors = inside + outside
        if kind == "extended_bce":
            share = share_outside(occupancy, weights) if gamma is None else gamma
            errors = share * inside + (1 - share) * outside
    return (errors * weights).sum() / (weights.sum() if count is None else count).clamp_min(1e-8)


def share_outside(
    occupancy: Float[Tensor, "*batch p"], weights: Float[Tensor, "*batch p"]
) -> Float[Tensor, "*batch 1"]:
    """The share of the counting points of each row that are outside."""
    return 1 - (occupancy * weights).sum(-1, keepdim=True) / weights.sum(-1, keepdim=True).clamp_min(1e-8)
