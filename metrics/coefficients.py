"""How well the coefficients of a morphable model are recovered, mode by mode."""

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric


def coefficient_correlation(predicted: Float[Tensor, "n k"], truth: Float[Tensor, "n k"]) -> Float[Tensor, " k"]:
    """Pearson's correlation over the n pictures for each of the k modes, -1 to 1; higher is better.

    Scale and offset of the prediction do not matter, so a timid regressor is not punished twice: look at the errors in
    millimetres for those. A mode without variation (or with less than two pictures) gets NaN.
    """
    metric = CoefficientCorrelation(predicted.shape[1]).to(predicted.device)
    metric.update(predicted, truth)
    return metric.compute()


class CoefficientCorrelation(Metric):
    """`coefficient_correlation` gathered over batches and processes, from sums in float64."""

    higher_is_better = True
    full_state_update = False
    sums: Tensor
    products: Tensor
    pictures: Tensor

    def __init__(self, modes: int) -> None:
        super().__init__()
        self.add_state("sums", torch.zeros(2, modes, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("products", torch.zeros(3, modes, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("pictures", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, predicted: Float[Tensor, "n k"], truth: Float[Tensor, "n k"]) -> None:
        """Adds a batch of coefficients."""
        x, y = predicted.detach().double(), truth.detach().double()
        self.sums += torch.stack([x.sum(0), y.sum(0)])
        self.products += torch.stack([(x * x).sum(0), (y * y).sum(0), (x * y).sum(0)])
        self.pictures += len(x)

    def compute(self) -> Float[Tensor, " k"]:
        """One correlation for each mode."""
        mean_x, mean_y = self.sums / self.pictures
        mean_xx, mean_yy, mean_xy = self.products / self.pictures
        variances = (mean_xx - mean_x**2) * (mean_yy - mean_y**2)
        varied = variances > 1e-12 * mean_xx * mean_yy  # below that the difference is rounding
        correlation = (mean_xy - mean_x * mean_y) / variances.where(varied, 1.0).sqrt()
        return correlation.where(varied, torch.nan).clamp(-1, 1).float()
