"""The body protocol of `threefold evaluate`: distances, volumes and normals of meshes against true meshes."""

from pathlib import Path
from typing import Any

from experiments.commands.progress import progress_bar
from experiments.errors import UserError
from metrics.body_folders import BodyFolderScores, PredictionFrame, Unit, evaluate_body_folder, record
from metrics.body_scores import FAILED
from metrics.body_surfaces import AlignmentKind

SHOWN = {
    "p2s_cm": "P2S cm",
    "p2s_vertices_cm": "P2S of vertices cm",
    "s2p_cm": "S2P cm",
    "chamfer_l1_cm": "Chamfer-L1 cm",
    "chamfer_l2_cm2": "Chamfer-L2 cm²",
    "chamfer_l2_dm2": "Chamfer-L2 dm²",
    "fscore_1cm": "F-score at 1 cm",
    "iou_volume": "IoU",
    "normal_error_pifuhd": "normals (PIFuHD)",
    "normal_error_degrees": "normals °",
}
"""In the printed table; the JSON file has everything."""


def evaluate_bodies(
    pred: Path,
    gt: Path,
    *,
    pred_unit: Unit,
    gt_unit: Unit,
    pred_frame: PredictionFrame,
    height_cm: float,
    alignment: AlignmentKind,
    points: int,
    volume_points: int,
    seed: int,
) -> dict[str, Any]:
    """The numbers with the settings that they depend on, ready for a JSON file; also prints them."""
    for name, value in (("points", points), ("volume_points", volume_points)):
        if value < 100:
            raise UserError(
                f"--{name} {value} is too few to measure with; give 100 or more (10000 and 100000 are usual)"
            )
    if height_cm < 0:
        raise UserError(
            f"--height_cm {height_cm:g} is no height; give centimetres, or 0 to leave the sizes as they are"
        )
    with progress_bar("evaluate", unit="body") as progress:
        scores = evaluate_body_folder(
            pred,
            gt,
            prediction_unit=pred_unit,
            truth_unit=gt_unit,
            prediction_frame=pred_frame,
            height_cm=height_cm,
            points=points,
            volume_points=volume_points,
            seed=seed,
            alignment=alignment,
            progress=progress,
        )
    settings = {
        "points": points,
        "volume_points": volume_points,
        "seed": seed,
        "alignment": alignment,
        "height_cm": height_cm,
        "pred_frame": pred_frame,
        "pred_unit": pred_unit,
        "gt_unit": gt_unit,
    }
    print(report(scores, height_cm, alignment))
    return {"protocol": "body", "settings": settings, "failures_count_as": FAILED, **record(scores)}


def report(scores: BodyFolderScores, height_cm: float, alignment: AlignmentKind) -> str:
    """Rows of bodies, their mean and median, and everything that was not as expected, by name."""
    size = f"truths scaled to {height_cm:g} cm" if height_cm else "sizes as given"
    lines = [f"{len(scores.rows)} bodies, {size}, alignment: {alignment}", ""]
    lines.append(f"| body | {' | '.join(SHOWN.values())} |")
    lines.append(f"|---|{'---:|' * len(SHOWN)}")
    for name, row in scores.rows.items():
        mark = " (failed)" if row["failed"] else ""
        lines.append(f"| {name}{mark} | {' | '.join(f'{row[column]:.4g}' for column in SHOWN)} |")
    lines.append(f"| **mean** | {' | '.join(f'{scores.summary[column]:.4g}' for column in SHOWN)} |")
    medians = [scores.summary.get(f"{column}_median") for column in SHOWN]
    lines.append(f"| **median** | {' | '.join('' if value is None else f'{value:.4g}' for value in medians)} |")
    lines.append("")
    for names, text in (
        (scores.without_prediction, "without prediction, counted as failures"),
        (scores.empty_predictions, "predictions without a surface, counted as failures"),
        (
            scores.inside_out_predictions,
            "predictions that are inside out, so that they hold no volume; turn their faces",
        ),
        (scores.without_truth, "predictions without truth, not measured"),
        (scores.open_truths, "true meshes that are not closed, so that their volumes are a guess"),
    ):
        if names:
            lines.append(f"{text}: {', '.join(names)}")
    if scores.summary["failures"]:
        rules = "; ".join(f"{what}: {penalty}" for what, penalty in FAILED.items())
        lines.append(f"{int(scores.summary['failures'])} failures count as: {rules}")
    return "\n".join(lines).rstrip()
