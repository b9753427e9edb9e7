"""`threefold evaluate`: meshes of any method against scans of faces or true meshes of bodies."""

import json as json_format
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from experiments.commands.parsing import call
from experiments.errors import UserError
from models.geometry.atomic import replace_when_complete

CURVE_MM = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
Unit = Literal["mm", "cm", "m"]
Protocol = Literal["now", "body"]


def evaluate(
    pred: Path,
    gt: Path,
    protocol: Protocol | None = None,
    pred_unit: Unit = "m",
    gt_unit: Unit | None = None,
    metrical: bool = False,
    pred_frame: Literal["truth", "body"] = "truth",
    height_cm: float = 180.0,
    alignment: Literal["none", "rigid", "similarity"] = "none",
    points: int = 10_000,
    volume_points: int = 100_000,
    seed: int = 0,
    json: Path | None = None,
) -> None:
    """Measures meshes of any method against the truth, by one of two protocols.

    now, for faces: the protocol of the NoW challenge, that is median, mean and deviation of the distances from every
    scan vertex near the face to the aligned prediction, in mm, and the share below a row of distances.
    PRED/SUBJECT/.../PICTURE.{obj,ply,glb} is judged against the one mesh in GT/SUBJECT/. Beside every mesh stands a
    file of the same name, .txt or .npy, with seven rows x y z: outer and inner corner of the right eye, inner and outer
    corner of the left eye, below the nose, right and left corner of the mouth. `threefold reconstruct` writes
    neutral.ply and neutral.txt for this.

    body: P2S, S2P, Chamfer, F-score, IoU of volumes and errors of normals, nothing aligned unless asked for, in cm of a
    person of 180 cm. The mesh GT/NAME.{ply,obj,glb}, or the one in GT/NAME/, is compared with the one of that name in
    PRED; a prediction that is missing or empty is a failure and stays in every mean.

    Args:
        pred: folder of the predictions.
        gt: folder of the scans or true meshes.
        protocol: now or body; without it, now when seven landmarks lie beside every mesh of GT and body when beside
            none.
        pred_unit: unit of the predictions.
        gt_unit: unit of the truth; mm for now and m for body when left out.
        metrical: now only: align without scale, so that the size counts as well.
        pred_frame: body only: truth when predictions lie where the truth lies, body when each is centred already and
            180 cm high, as `threefold reconstruct` writes them.
        height_cm: body only: the truth is scaled to this height and the prediction with it; 0 leaves the sizes.
        alignment: body only: moves the prediction's surface onto the truth first, for methods without a common frame.
        points: body only: points on each surface.
        volume_points: body only: points in the box around both.
        seed: body only: of the points.
        json: file for the numbers, with commit and hardware.
    """
    from lightning_modules.callbacks.provenance import origin

    if json is not None and json.suffix != ".json":  # told before the work begins
        raise UserError(f"--json {json} does not end in .json; give the name of a JSON file")
    if (protocol or protocol_of(gt)) == "now":
        result = evaluate_faces(pred, gt, pred_unit, gt_unit or "mm", metrical)
    else:
        from experiments.commands.evaluate_bodies import evaluate_bodies

        if metrical:
            raise UserError("--metrical belongs to the protocol now; for bodies choose --alignment and --height_cm")
        result = evaluate_bodies(
            pred,
            gt,
            pred_unit=pred_unit,
            gt_unit=gt_unit or "m",
            pred_frame=pred_frame,
            height_cm=height_cm,
            alignment=alignment,
            points=points,
            volume_points=volume_points,
            seed=seed,
        )
    if json is not None:
        with replace_when_complete(json) as (temporary,):
            temporary.write_text(json_format.dumps({**result, "origin": origin()}, indent=2) + "\n")


def protocol_of(gt: Path) -> Protocol:
    """What the true meshes are for: faces have seven landmarks beside them.

    Raises:
        UserError: some have, some have not.
    """
    from metrics.scan_folders import MESH_SUFFIXES

    if not gt.is_dir():
        return "now"  # whose own sentence says so
    meshes = [path for path in gt.rglob("*") if path.suffix.lower() in MESH_SUFFIXES]
    without = [path for path in meshes if not any(path.with_suffix(suffix).is_file() for suffix in (".npy", ".txt"))]
    if not without:
        return "now"
    if len(without) == len(meshes):
        return "body"
    raise UserError(
        f"{len(meshes) - len(without)} of {len(meshes)} meshes in {gt} have seven landmarks beside them and others "
        f"({without[0]}) have none; say --protocol now for faces or --protocol body for bodies"
    )


def evaluate_faces(pred: Path, gt: Path, pred_unit: Unit, gt_unit: Unit, metrical: bool) -> dict[str, Any]:
    """The NoW protocol's numbers; also prints them."""
    from metrics.scan_folders import evaluate_scan_folder

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
    return result


def share_below(pooled: Any, limit_mm: float) -> float:
    nearest = int((pooled.thresholds_mm - limit_mm).abs().argmin())
    return float(pooled.cumulative_percent[nearest])


def report(result: dict[str, Any]) -> str:
    """The faces' result as a few lines."""
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
