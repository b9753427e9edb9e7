"""How much of a garment's folds a prediction has, wavelength by wavelength.

Distances between surfaces hardly see folds: blurring 4 cm folds by 8 mm moves the surface by 1 mm. So the prediction is
measured where the truth is known in parts: let f0 be the distance to the body without folds and h_k the height of band
k at a true surface point. Where the prediction crosses the true normal, f0 is its height above the smooth body, and
this height is regressed on (h1, h2, h3), all less their means over the cloth around each point. The coefficient c_k is
1 when band k is there in full, 0 when the prediction is smooth at that wavelength. Higher is better; above 1 folds are
exaggerated.

The means are local because a prediction lies centimetres off in a smooth way where wrinkles are fractions of a
millimetre: against the mean of the whole body that error alone, by chance, is as large as any coefficient.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import KDTree
from torch import Tensor
from torchmetrics import Metric

from models.geometry.grids import Query

NO_HEIGHT_CM = 1e-3
"""A band whose heights deviate by less has nothing to be recovered."""
CENTRING_RADII_CM = (8.0, 4.0, 2.0)
"""Around each point, for c1, c2 and c3: about a wavelength, but room for some points."""
BISECTIONS = 12
"""Of an interval between two shifts: half a centimetre becomes a micrometre."""


@runtime_checkable
class FoldTruth(Protocol):
    """`datamodules.samples.BandTruth`, or anything with its members."""

    @property
    def points_cm(self) -> Tensor: ...
    @property
    def normals(self) -> Tensor: ...
    @property
    def shifts_cm(self) -> Tensor: ...
    @property
    def smooth_field_cm(self) -> Tensor: ...
    @property
    def heights_cm(self) -> Tensor: ...


class Crossings(NamedTuple):
    """Where a prediction's surface meets the true normals."""

    shift_cm: Float[Tensor, " q"]
    """Along the normal from the true point, float64; NaN where the prediction does not cross from inside to outside."""
    found: Tensor
    """Bool [q]."""


class BandRecovery(NamedTuple):
    c1: float
    """Of the longest waves; NaN where the truth has none."""
    c2: float
    c3: float
    """Of the shortest waves."""
    points: int
    """True surface points, found or not."""
    share_without_crossing: float
    """Of the points: no surface along the normal. They are not in the coefficients, so read both."""


def band_recovery(
    query: Query, truth: FoldTruth, *, chunk: int = 65536, device: torch.device | str = "cpu"
) -> BandRecovery:
    """The coefficients of one body, whose prediction is the field `query` (> 0 inside, points in centimetres).

    The prediction's surface is sought along the true normals within the truth's shifts (± 3 cm): the crossing nearest
    to the true point, by bisection. NaN for all three when there are no points.

    Raises ValueError when the truth's arrays disagree.
    """
    metric = BandRecoveryOfBodies(chunk=chunk, device=device)
    metric.update(query, truth)
    return metric.recovery()


def normal_crossings(
    query: Query,
    points_cm: Float[Tensor, "q 3"],
    normals: Float[Tensor, "q 3"],
    shifts_cm: Float[Tensor, " s"],
    *,
    chunk: int = 65536,
    device: torch.device | str = "cpu",
) -> Crossings:
    """The crossing from inside to outside nearest to each point, along its normal; shifts must rise."""
    points, directions = points_cm.detach().cpu().double(), normals.detach().cpu().double()
    shifts = shifts_cm.detach().cpu().double()

    def field(shift: Tensor) -> Tensor:
        along = points.unsqueeze(1) + shift.unsqueeze(-1) * directions.unsqueeze(1)
        flat = along.reshape(-1, 3).float().split(chunk)
        with torch.no_grad():
            values = [query(part.to(device)).detach().cpu().double() for part in flat]
        return torch.cat(values).reshape(shift.shape)

    inside = field(shifts.expand(len(points), -1)) > 0
    leaves = inside[:, :-1] & ~inside[:, 1:]
    middle = (shifts[:-1] + shifts[1:]) / 2
    interval = torch.where(leaves, middle.abs(), torch.inf).argmin(1)
    found = leaves.any(1)
    lower, upper = shifts[interval], shifts[interval + 1]
    points, directions = points[found], directions[found]
    low, high = lower[found], upper[found]
    for _ in range(BISECTIONS if bool(found.any()) else 0):
        half = (low + high) / 2
        still_inside = field(half[:, None])[:, 0] > 0
        low, high = torch.where(still_inside, half, low), torch.where(still_inside, high, half)
    shift = torch.full_like(lower, torch.nan)
    shift[found] = (low + high) / 2
    return Crossings(shift, found)


class BandRecoveryOfBodies(Metric):
    """`band_recovery` of many bodies in one regression for each band. `compute` gives
    `c1`, `c2`, `c3`, `points` and `share_without_crossing`.

    A body whose prediction failed altogether counts with all its points as found nowhere: `update(None, truth)`.
    """

    higher_is_better = True
    full_state_update = False
    products: Tensor
    targets: Tensor
    counts: Tensor

    def __init__(self, *, chunk: int = 65536, device: torch.device | str = "cpu") -> None:
        super().__init__()
        self.chunk, self.query_device = chunk, device
        self.add_state("products", torch.zeros(3, 3, 3, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("targets", torch.zeros(3, 3, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("counts", torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, query: Query | None, truth: FoldTruth) -> None:
        """Adds a body; None: there is no prediction."""
        _require_agreement(truth)
        total = len(truth.points_cm)
        if not total:
            return
        self.counts += torch.tensor([total, 0], device=self.counts.device)
        if query is None:
            return
        crossings = normal_crossings(
            query, truth.points_cm, truth.normals, truth.shifts_cm, chunk=self.chunk, device=self.query_device
        )
        found = crossings.found
        self.counts += torch.tensor([0, int(found.sum())], device=self.counts.device)
        if not bool(found.any()):
            return
        smooth = truth.smooth_field_cm.detach().cpu().double()[found]
        distance = _interpolated(smooth, truth.shifts_cm.detach().cpu().double(), crossings.shift_cm[found])
        heights = truth.heights_cm.detach().cpu().double()[found]
        columns = torch.cat([heights, distance[:, None]], 1)
        points, normals = truth.points_cm.cpu()[found], truth.normals.cpu()[found]
        for band, radius in enumerate(CENTRING_RADII_CM):
            centred = less_local_mean(columns, points, normals, radius)
            self.products[band] += (centred[:, :3].T @ centred[:, :3]).to(self.products)
            self.targets[band] += (centred[:, :3].T @ centred[:, 3]).to(self.targets)

    def recovery(self) -> BandRecovery:
        """The coefficients over all bodies so far, in this process."""
        points, found = (int(count) for count in self.counts)
        coefficients = torch.full((3,), torch.nan, dtype=torch.float64)
        for band in range(3):
            products, targets = self.products[band].cpu().double(), self.targets[band].cpu().double()
            present = products.diagonal() > NO_HEIGHT_CM**2 * max(found, 1)
            if bool(present[band]):
                solution = torch.linalg.lstsq(products[present][:, present], targets[present, None]).solution[:, 0]
                coefficients[band] = solution[present[: band + 1].sum() - 1]
        c1, c2, c3 = coefficients.tolist()
        return BandRecovery(c1, c2, c3, points, (points - found) / points if points else float("nan"))

    def compute(self) -> dict[str, Tensor]:
        """NaN where the truth has no such band."""
        return {name: torch.tensor(float(value)) for name, value in self.recovery()._asdict().items()}


def less_local_mean(
    values: Float[Tensor, "q k"], points_cm: Float[Tensor, "q 3"], normals: Float[Tensor, "q 3"], radius_cm: float
) -> Float[Tensor, "q k"]:
    """Values less their mean over the points within the radius whose normals lean the same way: not those of the other
    side of a sleeve. A point alone becomes 0."""
    pairs = KDTree(points_cm.numpy()).query_pairs(radius_cm, output_type="ndarray")
    directions = normals.numpy()
    pairs = pairs[np.einsum("qi,qi->q", directions[pairs[:, 0]], directions[pairs[:, 1]]) > 0]
    first, second = torch.from_numpy(pairs.astype(np.int64)).unbind(1)
    count = torch.ones(len(values), 1, dtype=values.dtype)
    total = values.clone()
    for here, there in ((first, second), (second, first)):
        total.index_add_(0, here, values[there])
        count.index_add_(0, here, torch.ones(len(there), 1, dtype=values.dtype))
    return values - total / count


def _interpolated(values: Tensor, shifts: Tensor, at: Tensor) -> Tensor:
    """Rows of values [q s] at one shift [q] each, linear between the given shifts."""
    upper = torch.searchsorted(shifts, at).clamp(1, len(shifts) - 1)
    share = (at - shifts[upper - 1]) / (shifts[upper] - shifts[upper - 1])
    low, high = values.gather(1, upper[:, None] - 1)[:, 0], values.gather(1, upper[:, None])[:, 0]
    return low + share * (high - low)


def _require_agreement(truth: FoldTruth) -> None:
    q, s = len(truth.points_cm), len(truth.shifts_cm)
    wanted = {"points_cm": (q, 3), "normals": (q, 3), "smooth_field_cm": (q, s), "heights_cm": (q, 3)}
    for name, shape in wanted.items():
        given = tuple(getattr(truth, name).shape)
        if given != shape:
            raise ValueError(f"{name} of the fold truth has the shape {given}, expected {shape}: write the truth anew.")
    if q and s < 2:
        raise ValueError(f"The fold truth has {s} shifts along the normals: give at least two.")
