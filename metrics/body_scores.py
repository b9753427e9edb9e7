"""Everything that is asked of a reconstructed body, one body a row, and the table's means over bodies.

A failed reconstruction stays in every mean, as what it would be if nothing were there: see `FAILED`.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from metrics.body_surfaces import AlignmentKind, compare_body_surfaces
from metrics.normal_reprojection import normal_reprojection
from metrics.soundness import is_measurable, mesh_soundness
from metrics.volumes import iou_volume
from models.geometry.mesh import Mesh

FAILED = {
    "distances": "half of the truth's height",
    "squared distances": "its square",
    "iou_volume, precision, recall, F-scores, watertight, components, volume_ratio": "0",
    "normals": "empty pictures, and 90 degrees on the surface",
}
"""What a prediction counts that is missing, has no faces or vertices that are not finite."""

DISTANCES = ("p2s_cm", "s2p_cm", "p2s_vertices_cm", "chamfer_l1_cm")
SQUARES = ("chamfer_l2_cm2", "chamfer_l2_squared_means_cm2")
VOLUMES = ("iou_volume", "precision", "recall", "volume_ratio")
FSCORES_CM = {"fscore_5mm": 0.5, "fscore_1cm": 1.0, "fscore_2cm": 2.0}
SOUNDNESS = ("components", "watertight")
NORMALS = (
    "normal_error_surface_degrees",
    "normal_error_pifuhd",
    "normal_error_pifuhd_covered",
    "normal_error_degrees",
    "normal_error_front_degrees",
    "normal_error_right_degrees",
    "normal_error_back_degrees",
    "normal_error_left_degrees",
)
COLUMNS = (*DISTANCES, *SQUARES, "chamfer_l2_dm2", *FSCORES_CM, *VOLUMES, *NORMALS, *SOUNDNESS, "failed")
"""Of a row, in this order."""
SPREAD = ("p2s_cm", "s2p_cm", "chamfer_l1_cm", "chamfer_l2_cm2", "iou_volume")
"""Columns with median and 95th percentile beside the mean: a few ghost limbs dominate the mean of distances."""


def body_scores(
    predicted_cm: Mesh | None,
    truth_cm: Mesh,
    *,
    points: int = 10_000,
    volume_points: int = 100_000,
    normal_size: int = 512,
    seed: int = 0,
    alignment: AlignmentKind = "none",
) -> dict[str, float]:
    """One row, `COLUMNS`, all numbers finite.

    Args:
        predicted_cm: in the truth's frame; None, no faces or vertices that are not finite: a failure.
        truth_cm: closed, in centimetres, the origin within the body (`models.geometry.view_cameras`).
        points: on each surface, for distances and normals.
        volume_points: in the box of both, for volumes.
        normal_size: side of the pictures of normals; 0 leaves the pictures out (NaN in their columns).
        seed: of all points.
        alignment: of the surfaces only; volumes and pictures are compared as they are.
    """
    if not is_measurable(truth_cm):
        raise ValueError(
            "A true mesh has no faces or vertices that are not finite: repair it, nothing can be measured."
        )
    if predicted_cm is None or not is_measurable(predicted_cm):
        row = _failed_row(truth_cm)
    else:
        surfaces = compare_body_surfaces(predicted_cm, truth_cm, count=points, seed=seed, alignment=alignment)
        volumes = iou_volume(predicted_cm, truth_cm, count=volume_points, seed=seed)
        soundness = mesh_soundness(predicted_cm)
        row = {name: getattr(surfaces, name) for name in (*DISTANCES, *SQUARES, "chamfer_l2_dm2", NORMALS[0])}
        row |= {name: surfaces.fscore(threshold) for name, threshold in FSCORES_CM.items()}
        row |= {name: float(getattr(volumes, name)) for name in VOLUMES}
        row |= {name: float(getattr(soundness, name)) for name in SOUNDNESS}
        row["failed"] = 0.0
    pictures = {name: float("nan") for name in NORMALS[1:]}
    if normal_size:
        seen = normal_reprojection(None if row["failed"] else predicted_cm, truth_cm, size=normal_size)
        pictures = {name: float(getattr(seen, name)) for name in pictures}
    row |= pictures
    return {name: row[name] for name in COLUMNS}


def _failed_row(truth: Mesh) -> dict[str, float]:
    height = float(truth.vertices[:, 1].max() - truth.vertices[:, 1].min())
    row = dict.fromkeys(COLUMNS, 0.0)
    row |= dict.fromkeys(DISTANCES, height / 2) | dict.fromkeys(SQUARES, (height / 2) ** 2)
    return row | {"chamfer_l2_dm2": (height / 2) ** 2 / 100, "normal_error_surface_degrees": 90.0, "failed": 1.0}


def summary(table: Float[Tensor, "bodies columns"]) -> dict[str, Tensor]:
    """Over rows of `COLUMNS`: the mean of every column under its name, for `SPREAD` `<name>_median` and `<name>_p95`
    (the worse 5 % lie beyond: above it, below it for IoU), `failures`, their number, and `bodies`. NaN without rows.
    """
    means = table.mean(0)
    result = {name: means[column] for column, name in enumerate(COLUMNS) if name != "failed"}
    for name in SPREAD:
        column = table[:, COLUMNS.index(name)]
        quantiles = column.new_tensor([0.5, 0.05 if name == "iou_volume" else 0.95])
        found = column.quantile(quantiles) if len(column) else torch.full_like(quantiles, torch.nan)
        result[f"{name}_median"], result[f"{name}_p95"] = found
    result["failures"] = table[:, COLUMNS.index("failed")].sum()
    result["bodies"] = result["failures"].new_tensor(float(len(table)))
    return result


class BodyScores(Metric):
    """`body_scores` over bodies, with the `summary` of all of them; several processes' bodies are pooled."""

    higher_is_better = None
    full_state_update = False
    rows: list[Tensor] | Tensor

    def __init__(
        self,
        *,
        points: int = 10_000,
        volume_points: int = 100_000,
        normal_size: int = 512,
        seed: int = 0,
        alignment: AlignmentKind = "none",
    ) -> None:
        super().__init__()
        self.points, self.volume_points, self.normal_size = points, volume_points, normal_size
        self.seed = seed
        self.alignment: AlignmentKind = alignment
        self.add_state("rows", [], dist_reduce_fx="cat")

    def update(self, predicted_cm: Mesh | None, truth_cm: Mesh, index: int = 0) -> None:
        """Adds a body; None is a reconstruction that failed. index: its place in the data, which `table_of_all` goes
        by."""
        row = body_scores(
            predicted_cm,
            truth_cm,
            points=self.points,
            volume_points=self.volume_points,
            normal_size=self.normal_size,
            seed=self.seed,
            alignment=self.alignment,
        )
        assert isinstance(self.rows, list)
        # flat and float32: what torchmetrics gathers from a process without bodies
        values = [float(index), *(row[name] for name in COLUMNS)]
        self.rows.append(torch.tensor(values, dtype=torch.float32, device=self.device))

    def table(self) -> Float[Tensor, "bodies columns"]:
        """The rows of this process so far, `COLUMNS` across; of all inside `compute`."""
        return self._indexed()[:, 1:]

    def table_of_all(self) -> Float[Tensor, "bodies columns"]:
        """The rows of all processes by the bodies' indices; each process must ask."""
        with self.sync_context():
            rows = self._indexed()
        return rows[rows[:, 0].argsort(stable=True), 1:]

    def _indexed(self) -> Float[Tensor, "bodies columns"]:
        rows = dim_zero_cat(self.rows) if len(self.rows) else torch.zeros(0)
        return rows.reshape(-1, 1 + len(COLUMNS))

    def compute(self) -> dict[str, Tensor]:
        """float32, on the metric's device."""
        result = summary(self.table())
        if not self.normal_size:
            result = {name: value for name, value in result.items() if name not in NORMALS[1:]}
        return result
