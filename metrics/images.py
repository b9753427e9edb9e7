"""Colour errors of renderings against photographs, measured over the skin that the photograph shows."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torchmetrics import Metric


class SkinErrors(NamedTuple):
    """One number for each picture."""

    error_grey_levels: Float[Tensor, " b"]
    """Mean over all skin pixels, the uncovered ones at their worst."""
    covered_error_grey_levels: Float[Tensor, " b"]
    """Mean over the covered skin pixels only. Not a gate: a face that shrinks or turns away can lower it."""
    coverage_percent: Float[Tensor, " b"]
    """Share of the skin that the rendering covers."""


def skin_error_grey_levels(
    rendered: Float[Tensor, "b 3 h w"],
    covered: Bool[Tensor, "b h w"],
    photo: Float[Tensor, "b 3 h w"],
    skin: Bool[Tensor, "b h w"],
) -> SkinErrors:
    """Mean absolute RGB difference, 0 to 255, over the segmented skin; lower is better. NaN where there is no skin.

    The divisor is the skin of the photograph, not the overlap. A skin pixel that the rendering does not cover costs
    what the worst colour there would: max(p, 1 - p) * 255 in each channel. So giving up a pixel never pays, whatever
    the colours: a mid-grey pixel left out costs 127.5, a white or a black one 255. So does a colour that is no number.
    """
    difference = (rendered.clamp(0, 1) - photo).abs().mean(1)
    worst = torch.maximum(photo, 1 - photo).mean(1)
    difference = torch.where(difference.isnan(), worst, difference)
    seen = skin & covered
    area = skin.sum((1, 2))
    covered_total = (difference * seen).sum((1, 2))
    missed_total = (worst * (skin & ~covered)).sum((1, 2))
    return SkinErrors(
        255 * (covered_total + missed_total) / area,
        255 * covered_total / seen.sum((1, 2)),
        100 * seen.sum((1, 2)) / area,
    )


def psnr_db(
    predicted: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"], mask: Bool[Tensor, "b h w"] | None = None
) -> Float[Tensor, " b"]:
    """Peak signal-to-noise ratio in decibels for values in [0, 1], inside the mask; higher is better, inf for equal
    pictures.

    A difference of 0.1 everywhere is 20 dB. NaN where the mask is empty.
    """
    inside = torch.ones_like(truth[:, 0], dtype=torch.bool) if mask is None else mask
    square = ((predicted - truth).square().mean(1) * inside).sum((1, 2)) / inside.sum((1, 2))
    return -10 * square.log10()


class SkinErrorGreyLevels(Metric):
    """`skin_error_grey_levels`, averaged over the pictures that show skin: `error`, `covered_error`,
    `coverage_percent`.
    """

    higher_is_better = False
    full_state_update = False
    totals: Tensor
    pictures: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("totals", torch.zeros(3, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("pictures", torch.zeros(3, dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self,
        rendered: Float[Tensor, "b 3 h w"],
        covered: Bool[Tensor, "b h w"],
        photo: Float[Tensor, "b 3 h w"],
        skin: Bool[Tensor, "b h w"],
    ) -> None:
        """Adds a batch."""
        errors = torch.stack(list(skin_error_grey_levels(rendered, covered, photo, skin)))
        self.totals += errors.nansum(1)
        self.pictures += (~errors.isnan()).sum(1)

    def compute(self) -> dict[str, Tensor]:
        """Grey levels (0 to 255) and percent; NaN without pictures."""
        error, covered_error, coverage = (self.totals / self.pictures).float()
        return {"error": error, "covered_error": covered_error, "coverage_percent": coverage}


class PsnrDb(Metric):
    """PSNR of the mean squared error over the masked pixels of all pictures, in decibels."""

    higher_is_better = True
    full_state_update = False
    total: Tensor
    values: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("values", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self,
        predicted: Float[Tensor, "b 3 h w"],
        truth: Float[Tensor, "b 3 h w"],
        mask: Bool[Tensor, "b h w"] | None = None,
    ) -> None:
        """Adds a batch."""
        inside = torch.ones_like(truth[:, 0], dtype=torch.bool) if mask is None else mask
        self.total += ((predicted - truth).square() * inside.unsqueeze(1)).sum(dtype=torch.float64)
        self.values += 3 * inside.sum()

    def compute(self) -> Float[Tensor, ""]:
        """Decibels; NaN without pixels, inf when all are equal."""
        return (-10 * (self.total / self.values).log10()).float()
