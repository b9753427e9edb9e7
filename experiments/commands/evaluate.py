"""`threefold evaluate`: meshes of any method against scans."""

import json as json_format
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from experiments.commands.parsing import call
from experiments.errors import UserError

CURVE_MM = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)


def evaluate(
    pred: Path,
    gt: Path,
    pred_unit: Literal["mm", "cm", "m"] = "m",
    gt_unit: Literal["mm", "cm", "m"] = "mm",
    metrical: bool = False,
    json: Path | None = None,
) -> None:
    """Measures faces against scans by the protocol of the NoW challenge: median, mean and deviation of the distances
    from every scan vertex near the face to the aligned prediction, in mm, and the share below a row of distances.

    PRED/SUBJECT/.../PICTURE.{obj,ply,glb} is judged against the one mesh in GT/SUBJECT/. Beside every mesh stands a
    file of the same name, .txt or .npy, with seven rows x y z: outer and inner corner of the right eye, inner and outer
    corner of the left eye, below the nose, right and left corner of the mouth. `threefold reconstruct` writes
    neutral.ply and neutral.txt for this.

    Args:
        pred: folder of the predictions.
        gt: folder of the scans.
        pred_unit: unit of the predictions.
        gt_unit: unit of the scans.
        metrical: align without scale, so that the size counts as well.
        json: file for the numbers, with commit and hardware.
    """
    from lightning_modules.callbacks.provenance import origin
    from metrics.scan_folders import evaluate_scan_folder

    if json is not None and json.suffix != ".json":  # told before the work begins
        raise UserError(f"--json {json} does not end in .json; give the name of a JSON file")
    errors = evaluate_scan_folder(pred, gt, prediction_unit=pred_unit, scan_unit=gt_unit, metrical=metrical)
    pooled = errors.pooled
    result: dict[str, Any] = {
        "protocol": "NoW, metrical" if metrical else "NoW",
        "median_mm": pooled.median_mm,
        "mean_mm": pooled.mean_mm,
        "std_mm": pooled.std_mm,
        "points": pooled.number_of_points,
        "percent_below_mm": {str(limit): share_below(pooled, limit) for limit in CURVE_MM},
        "median_of_prediction_mm": errors.median_of_prediction_mm,
        "subjects_without_prediction": list(errors.subjects_without_prediction),
    }
    print(report(result))
    if json is not None:
        json.parent.mkdir(parents=True, exist_ok=True)
        json.write_text(json_format.dumps({**result, "origin": origin()}, indent=2) + "\n")


def share_below(pooled: Any, limit_mm: float) -> float:
    nearest = int((pooled.thresholds_mm - limit_mm).abs().argmin())
    return float(pooled.cumulative_percent[nearest])


def report(result: dict[str, Any]) -> str:
    """The result as a few lines."""
    lines = [
        f"{len(result['median_of_prediction_mm'])} predictions, {result['points']} scan points ({result['protocol']})",
        f"median {result['median_mm']:.3f} mm, mean {result['mean_mm']:.3f} mm, std {result['std_mm']:.3f} mm",
        ", ".join(f"{share:.1f} % below {limit} mm" for limit, share in result["percent_below_mm"].items()),
    ]
    if result["subjects_without_prediction"]:
        lines.append(f"without prediction: {', '.join(result['subjects_without_prediction'])}")
    return "\n".join(lines)


def run(verb: str, arguments: Sequence[str]) -> int:
    call(evaluate, arguments, verb=verb)
    return 0
