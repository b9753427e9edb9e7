"""Errors of shapes in millimetres: vertex by vertex where the topology is shared, point to surface where it is not.

Mean and root mean square (RMSE) are kept apart, and the alignment is part of every call: numbers of different
alignments cannot be compared. Lower is better but for the reductions.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric

from models.geometry.alignment import similarity_alignment
from models.geometry.distances import SurfaceTree

AlignmentKind = Literal["none", "rigid", "similarity"]


class VertexErrorsMm(NamedTuple):
    """One number for each shape of a batch."""

    mean_mm: Float[Tensor, " b"]
    rmse_mm: Float[Tensor, " b"]


class SurfaceErrorsMm(NamedTuple):
    """Over the points of one shape."""

    mean_mm: float
    rmse_mm: float
    median_mm: float
    number_of_points: int


def vertex_error_mm(
    predicted_mm: Float[Tensor, "b v 3"],
    truth_mm: Float[Tensor, "b v 3"],
    *,
    alignment: AlignmentKind,
    weights: Float[Tensor, " v"] | None = None,
) -> VertexErrorsMm:
    """Distance between corresponding vertices after the best alignment of the prediction with the truth.

    `weights` (a region, all ones when left out) count in the alignment and in the means. `similarity` takes the size
    out of the prediction; it aligns in the truth's millimetres, so a small prediction gains nothing.
    """
    weight = torch.ones_like(truth_mm[0, :, 0]) if weights is None else weights
    weight = (weight / weight.sum()).double()
    predicted, truth = predicted_mm.double(), truth_mm.double()
    if alignment != "none":
        motion = similarity_alignment(
            predicted, truth, weights=weight.expand(len(truth), -1), scale=alignment == "similarity"
        )
        predicted = motion.apply(predicted)
    square = (predicted - truth).square().sum(-1)
    return VertexErrorsMm(((square.sqrt() * weight).sum(1)).float(), (square * weight).sum(1).sqrt().float())


def error_reduction_percent(error: Float[Tensor, " b"], baseline_error: Float[Tensor, " b"]) -> Float[Tensor, ""]:
    """How much lower the mean error is than the baseline's, in percent: 25 for 3 against 4 mm; negative when higher."""
    return 100 * (1 - error.mean() / baseline_error.mean())


def point_to_surface_mm(
    points_mm: Float[Tensor, "p 3"], vertices_mm: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]
) -> SurfaceErrorsMm:
    """Distance from each point (a scan) to the nearest point of the surface (a prediction). One direction, no
    alignment.
    """
    return _summary(SurfaceTree(vertices_mm, faces).closest(points_mm).distance)


def point_to_plane_mm(
    points_mm: Float[Tensor, "p 3"], vertices_mm: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]
) -> SurfaceErrorsMm:
    """|(p - q) . n| for each point p (a prediction), its nearest surface point q (of a scan) and the normal n of q's
    triangle.

    Never larger than `point_to_surface_mm`: a point beside an open border costs little.
    """
    tree = SurfaceTree(vertices_mm, faces)
    found = tree.closest(points_mm)
    offset = points_mm.detach().double().cpu() - found.closest
    return _summary((offset * tree.face_normals[found.face_index]).sum(1).abs())


def _summary(distance: Tensor) -> SurfaceErrorsMm:
    if not len(distance):
        raise ValueError("A surface error of no points was asked for: give at least one point.")
    return SurfaceErrorsMm(
        float(distance.mean()), float(distance.square().mean().sqrt()), float(distance.median()), len(distance)
    )


class VertexErrorMm(Metric):
    """`vertex_error_mm`, averaged over shapes: `compute` gives `mean_mm` and `rmse_mm` (mean of the RMSE of each
    shape).
    """

    higher_is_better = False
    full_state_update = False
    totals: Tensor
    shapes: Tensor

    def __init__(self, alignment: AlignmentKind) -> None:
        super().__init__()
        self.alignment: AlignmentKind = alignment
        self.add_state("totals", torch.zeros(2, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("shapes", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self,
        predicted_mm: Float[Tensor, "b v 3"],
        truth_mm: Float[Tensor, "b v 3"],
        weights: Float[Tensor, " v"] | None = None,
    ) -> None:
        """Adds a batch."""
        errors = vertex_error_mm(predicted_mm, truth_mm, alignment=self.alignment, weights=weights)
        self.totals += torch.stack([errors.mean_mm.sum(), errors.rmse_mm.sum()])
        self.shapes += len(predicted_mm)

    def compute(self) -> dict[str, Tensor]:
        """Millimetres; NaN without shapes."""
        mean, rmse = (self.totals / self.shapes).float()
        return {"mean_mm": mean, "rmse_mm": rmse}


class VertexErrorReductionPercent(Metric):
    """How much lower the mean vertex error is than that of a baseline shape, the mean face, aligned the same way.

    Mean errors are averaged over shapes before they are divided. Higher is better: 0 is the baseline, 100 the truth.
    """

    higher_is_better = True
    full_state_update = False
    error: Tensor
    baseline_error: Tensor

    def __init__(self, alignment: AlignmentKind) -> None:
        super().__init__()
        self.alignment: AlignmentKind = alignment
        self.add_state("error", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("baseline_error", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(
        self,
        predicted_mm: Float[Tensor, "b v 3"],
        truth_mm: Float[Tensor, "b v 3"],
        baseline_mm: Float[Tensor, "v 3"],
        weights: Float[Tensor, " v"] | None = None,
    ) -> None:
        """Adds a batch, all against one baseline shape."""
        baseline = baseline_mm.expand_as(truth_mm)
        kind = self.alignment
        self.error += vertex_error_mm(predicted_mm, truth_mm, alignment=kind, weights=weights).mean_mm.sum()
        self.baseline_error += vertex_error_mm(baseline, truth_mm, alignment=kind, weights=weights).mean_mm.sum()

    def compute(self) -> Float[Tensor, ""]:
        """Percent; NaN without shapes."""
        return error_reduction_percent(self.error[None], self.baseline_error[None]).float()
