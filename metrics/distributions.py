"""Fréchet distance of two sets of pictures: how far apart the Gaussians of their features lie (Heusel et al. 2017).

‖m₁ − m₂‖² + tr(C₁ + C₂ − 2 (C₁ C₂)^½), in float64. Lower is better, 0 for equal statistics. The estimate is biased
upward for small sets, so sets of different sizes, and other features, may not be compared. The features decide its
name: see `FrechetDistances`.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class GaussianStatistics(NamedTuple):
    """float64."""

    mean: Float[Tensor, " k"]
    covariance: Float[Tensor, "k k"]
    """Unbiased: divided by n − 1."""
    count: int


def gaussian_statistics(features: Float[Tensor, "n k"]) -> GaussianStatistics:
    """Mean and covariance of the rows; the definition that the accumulator is tested against."""
    rows = features.double()
    mean = rows.mean(0)
    return GaussianStatistics(mean, (rows - mean).T @ (rows - mean) / max(len(rows) - 1, 1), len(rows))


def frechet_distance(
    first: GaussianStatistics, second: GaussianStatistics, root: Float[Tensor, "k k"] | None = None
) -> float:
    """The distance; NaN where a set has fewer than two members.

    tr (C₁ C₂)^½ is the sum of the roots of the eigenvalues of R C₂ R, R = C₁^½, which is symmetric: it stays exact
    where a general matrix root fails, with fewer pictures than features. `root` is R where it is known
    (`covariance_root`).

    For one feature, mean 1 and deviation 2 against mean 4 and deviation 3: (1 − 4)² + (2 − 3)² = 10.
    """
    if min(first.count, second.count) < 2:
        return float("nan")
    if root is None:
        root = covariance_root(first.covariance)
    middle = root @ second.covariance @ root
    roots = torch.linalg.eigvalsh((middle + middle.T) / 2).clamp_min(0).sqrt()
    traces = first.covariance.trace() + second.covariance.trace() - 2 * roots.sum()
    return max(float((first.mean - second.mean).square().sum() + traces), 0.0)


def covariance_root(covariance: Float[Tensor, "k k"]) -> Float[Tensor, "k k"]:
    """The symmetric root; eigenvalues below 0, which rounding makes, count as 0."""
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T


class FeatureStatistics(Metric):
    """Mean and covariance of features that come batch by batch, of every picture once, over all processes.

    Sums in float64, whose size does not grow with the number of pictures. A process holds back its last picture: a
    sampler that gives every process equally many repeats a picture there, which only all together can tell.
    """

    higher_is_better = None
    full_state_update = False
    count: Tensor
    total: Tensor
    products: Tensor
    indices: list[Tensor] | Tensor
    held: list[Tensor] | Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("total", torch.zeros(features, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("products", torch.zeros(features, features, dtype=torch.float64), dist_reduce_fx="sum")
        # flat and float32: what torchmetrics gathers from a process without pictures
        self.add_state("indices", [], dist_reduce_fx="cat")
        self.add_state("held", [], dist_reduce_fx="cat")

    def update(self, features: Float[Tensor, "b k"], index: Int[Tensor, " b"]) -> None:
        """Adds a batch; `index` tells the pictures apart. Several rows of one picture (several views) all count."""
        assert isinstance(self.indices, list)
        index = index.float()
        if not len(index):
            return
        rows = torch.cat([index[:, None], features.float()], 1)
        if self.held:
            rows = torch.cat([self.held_rows(), rows])
        last = rows[:, 0] == index[-1]
        self.held = [rows[last].flatten()]
        self.indices.append(rows[~last, 0])
        self._add(rows[~last, 1:])

    def held_rows(self) -> Float[Tensor, "n columns"]:
        """Index and features of the pictures held back."""
        held = dim_zero_cat(self.held) if len(self.held) else self.total.new_zeros(0, dtype=torch.float32)
        return held.reshape(-1, 1 + self.features)

    def compute(self) -> GaussianStatistics:
        """Of all processes; NaN without pictures."""
        known = dim_zero_cat(self.indices) if len(self.indices) else self.total.new_zeros(0, dtype=torch.float32)
        held = self.held_rows()
        # two processes that hold one picture back hold equal rows
        fresh = torch.unique(held[~torch.isin(held[:, 0], known)], dim=0)[:, 1:].double()
        count = self.count + len(fresh)
        mean = (self.total + fresh.sum(0)) / count
        products = self.products + fresh.T @ fresh
        covariance = (products - count * mean[:, None] * mean) / (count - 1).clamp_min(1)
        return GaussianStatistics(mean, covariance, int(count))

    def _add(self, features: Tensor) -> None:
        rows = features.double()
        self.count += len(rows)
        self.total += rows.sum(0)
        self.products += rows.T @ rows


class FrechetDistances(nn.Module):
    """Distances of several sets of renderings, each under its name, to one set of photographs.

    The figures begin with the network's `score_name`: `fid` for Inception with its published weights, `fid_stand_in`
    for random features, so that nobody takes one for the other.

    Args:
        network: pictures in [0, 1] -> `features` numbers; has `features` and `score_name`.
        names: of the sets of renderings.
    """

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.score_name, self.names = str(network.score_name), names
        size = int(network.features)  # type: ignore[arg-type]
        self.real = FeatureStatistics(size)
        self.rendered = nn.ModuleDict({name: FeatureStatistics(size) for name in names})
        # kept in a list: its weights belong to the measure, not to a checkpoint
        self._network = [network.eval().requires_grad_(False)]

    def update_real(self, photographs: Float[Tensor, "b 3 h w"], index: Int[Tensor, " b"]) -> None:
        """Adds photographs, on white."""
        self.real.update(self.describe(photographs), index)

    def update(self, name: str, pictures: Float[Tensor, "b 3 h w"], index: Int[Tensor, " b"]) -> None:
        """Adds renderings to the set of that name; a picture may be rendered several times."""
        if name not in self.rendered:
            raise ValueError(f'No set of renderings is called "{name}": choose one of {", ".join(self.names)}.')
        self.rendered[name].update(self.describe(pictures), index)  # type: ignore[operator]

    @torch.no_grad()
    def describe(self, pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k"]:
        """Features of the pictures as a file of 8 bits would hold them; in float32 whatever the training's precision.

        A colour that is no number is black.
        """
        network = self._network[0].to(pictures.device)
        stored = (255 * pictures.float().nan_to_num(nan=0.0).clamp(0, 1)).round() / 255
        with torch.autocast(pictures.device.type, enabled=False):
            return network(stored)

    def compute(self) -> dict[str, float]:
        """`<score name>_<name>` for every set, NaN for one without pictures; every process asks for all of them."""
        real = self.real.compute()
        sets = {name: metric.compute() for name, metric in self.rendered.items()}  # type: ignore[operator]
        root = covariance_root(real.covariance) if real.count > 1 else None
        return {f"{self.score_name}_{name}": frechet_distance(real, found, root) for name, found in sets.items()}

    def reset(self) -> None:
        """Forgets all pictures."""
        self.real.reset()
        for metric in self.rendered.values():
            metric.reset()  # type: ignore[operator]
