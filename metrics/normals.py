"""Angles between normal maps, in degrees, inside a mask."""

import math

import torch
from jaxtyping import Bool, Float
from kornia.filters import gaussian_blur2d
from torch import Tensor
from torchmetrics import Metric


def normal_angles_degrees(
    predicted: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]
) -> Float[Tensor, "b h w"]:
    """Angle between normals, 0 to 180, pixel by pixel; lengths do not matter.

    A pixel without a normal (length 0, or no number) in either map gets 90: knowing nothing must not pass for being
    right. By atan2 of cross and dot product, exact near 0 where the arc cosine is not.
    """
    cross = torch.linalg.vector_norm(torch.linalg.cross(predicted, truth, dim=1), dim=1)
    angle = torch.atan2(cross, (predicted * truth).sum(1)) * (180 / math.pi)
    missing = ~(predicted != 0).any(1) | ~(truth != 0).any(1) | angle.isnan()
    return torch.where(missing, 90.0, angle)


def normal_error_degrees(
    predicted: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"], mask: Bool[Tensor, "b h w"]
) -> Float[Tensor, " b"]:
    """Mean angle inside the mask, picture by picture; NaN where the mask is empty. Lower is better."""
    return (normal_angles_degrees(predicted, truth) * mask).sum((1, 2)) / mask.sum((1, 2))


def detail_gain_percent(
    coarse: Float[Tensor, "b 3 h w"],
    fine: Float[Tensor, "b 3 h w"],
    truth: Float[Tensor, "b 3 h w"],
    mask: Bool[Tensor, "b h w"],
) -> Float[Tensor, ""]:
    """How much lower the fine normals' error is than the coarse ones', in percent of the latter, over all masked
    pixels.

    10 degrees coarse and 6 fine is a gain of 40. Negative: the detail makes it worse. NaN when the masks are empty.
    """
    metric = DetailGainPercent().to(coarse.device)
    metric.update(coarse, fine, truth, mask)
    return metric.compute()


class NormalErrorDegrees(Metric):
    """Mean angle over the masked pixels of all pictures. NaN when the masks are empty."""

    higher_is_better = False
    full_state_update = False
    total: Tensor
    pixels: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("pixels", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self, predicted: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"], mask: Bool[Tensor, "b h w"]
    ) -> None:
        """Adds a batch."""
        self.total += (normal_angles_degrees(predicted, truth) * mask).sum(dtype=torch.float64)
        self.pixels += mask.sum()

    def compute(self) -> Float[Tensor, ""]:
        """Degrees."""
        return (self.total / self.pixels).float()


class DetailGainPercent(Metric):
    """`detail_gain_percent` over the masked pixels of all pictures: the test that detail is detail."""

    higher_is_better = True
    full_state_update = False
    coarse_total: Tensor
    fine_total: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("coarse_total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("fine_total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(
        self,
        coarse: Float[Tensor, "b 3 h w"],
        fine: Float[Tensor, "b 3 h w"],
        truth: Float[Tensor, "b 3 h w"],
        mask: Bool[Tensor, "b h w"],
    ) -> None:
        """Adds a batch; the mask marks the wrinkles."""
        self.coarse_total += (normal_angles_degrees(coarse, truth) * mask).sum(dtype=torch.float64)
        self.fine_total += (normal_angles_degrees(fine, truth) * mask).sum(dtype=torch.float64)

    def compute(self) -> Float[Tensor, ""]:
        """Percent."""
        return (100 * (1 - self.fine_total / self.coarse_total)).float()


def relief(normals: Float[Tensor, "b 3 h w"], covered: Bool[Tensor, "b h w"], share: float) -> Float[Tensor, "b 3 h w"]:
    """Normals less their Gaussian mean over the covered pixels around: what is finer than `share` of the side.

    0 outside. A wrinkle turns normals by a few degrees, an error of the whole cheek by more: the relief shows the
    former.
    """
    deviation = share * normals.shape[-1]
    size = 2 * math.ceil(3 * deviation) + 1
    mask = covered[:, None].to(normals)
    blurred = gaussian_blur2d(torch.cat([normals * mask, mask], 1), (size, size), (deviation, deviation), "constant")
    return (normals - blurred[:, :3] / blurred[:, 3:].clamp_min(1e-6)) * mask


class ReliefGainPercent(Metric):
    """How much nearer the fine relief is to the true one than the coarse relief is, in percent, over masked pixels.

    Distances are lengths of differences of `relief`. Higher is better; 0 when the fine stage adds nothing. Unlike
    `DetailGainPercent` it does not see errors of the coarse shape, which are several times as large as wrinkles.

    Args:
        share: what counts as fine, as a share of the picture's side.
    """

    higher_is_better = True
    full_state_update = False
    coarse_total: Tensor
    fine_total: Tensor

    def __init__(self, share: float = 0.02) -> None:
        super().__init__()
        self.share = share
        self.add_state("coarse_total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("fine_total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(
        self,
        coarse: Float[Tensor, "b 3 h w"],
        fine: Float[Tensor, "b 3 h w"],
        truth: Float[Tensor, "b 3 h w"],
        covered: Bool[Tensor, "b h w"],
        mask: Bool[Tensor, "b h w"],
    ) -> None:
        """Adds a batch: `covered` is where all three have normals, `mask` (wrinkles) where they are compared."""
        wanted = relief(truth, covered, self.share)
        for total, given in ((self.coarse_total, coarse), (self.fine_total, fine)):
            distance = (relief(given, covered, self.share) - wanted).norm(dim=1)
            total += (distance * (mask & covered)).sum(dtype=torch.float64)

    def compute(self) -> Float[Tensor, ""]:
        """Percent; NaN without pixels."""
        return (100 * (1 - self.fine_total / self.coarse_total)).float()
