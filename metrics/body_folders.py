"""The evaluation of a folder of predicted bodies against a folder of true ones, for the meshes of any method."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from metrics.body_scores import COLUMNS, body_scores, summary
from metrics.body_surfaces import AlignmentKind
from metrics.soundness import is_measurable
from models.geometry.components import signed_volume
from models.geometry.files import read_mesh
from models.geometry.mesh import Mesh
from models.geometry.topology import is_watertight

MESH_SUFFIXES = (".ply", ".obj", ".glb")
"""The first that exists is read where a mesh is stored several times."""
CENTIMETRES = {"mm": 0.1, "cm": 1.0, "m": 100.0}
Unit = Literal["mm", "cm", "m"]
PredictionFrame = Literal["truth", "body"]
PLAUSIBLE_CM = (30.0, 300.0)
LARGEST_GROWTH = 5.0
"""Of a prediction against its truth."""


class BodyFolderScores(NamedTuple):
    """Body by body, and over all of them."""

    rows: dict[str, dict[str, float]]
    """`metrics.body_scores.COLUMNS` by the name of the truth."""
    summary: dict[str, float]
    without_prediction: tuple[str, ...]
    """Counted as failures."""
    empty_predictions: tuple[str, ...]
    """Files without a surface; counted as failures."""
    inside_out_predictions: tuple[str, ...]
    """Closed, but with triangles that wind clockwise seen from outside: they hold no volume, and their normals are
    turned round. Measured as they are."""
    without_truth: tuple[str, ...]
    """Predictions that nothing was compared with."""
    open_truths: tuple[str, ...]
    """True meshes that are not closed: their volumes are a guess."""


class BodyFrame(NamedTuple):
    """body = (position - centre) * scale"""

    centre: Float[Tensor, "3"]
    scale: float

    def apply(self, mesh: Mesh) -> Mesh:
        """The mesh moved and scaled, float64."""
        return mesh.with_vertices((mesh.vertices.double() - self.centre) * self.scale)


def body_frame(truth_cm: Mesh, height_cm: int | float) -> BodyFrame:
    """The frame of the numbers: origin at median x, mid height and median z, height `height_cm` (0: as it is)."""
    vertices = truth_cm.vertices.double()
    lower, upper = vertices[:, 1].min(), vertices[:, 1].max()
    centre = torch.stack([vertices[:, 0].median(), (lower + upper) / 2, vertices[:, 2].median()])
    return BodyFrame(centre, height_cm / float(upper - lower) if height_cm else 1.0)


def evaluate_body_folder(
    predictions: Path,
    truths: Path,
    *,
    prediction_unit: Unit = "m",
    truth_unit: Unit = "m",
    prediction_frame: PredictionFrame = "truth",
    height_cm: int | float = 180.0,
    points: int = 10_000,
    volume_points: int = 100_000,
    normal_size: int = 512,
    seed: int = 0,
    alignment: AlignmentKind = "none",
    progress: Callable[[int, int], None] | None = None,
) -> BodyFolderScores:
    """Judges every mesh below `truths` against the mesh of the same name below `predictions`.

    A mesh's name is its path without suffix; one that is alone in its folder also answers to the folder's name, and
    `mesh` is taken before others in a folder. So `truths/anna.ply`, `truths/anna/scan.obj`, `predictions/anna.obj` and
    `predictions/anna/mesh.glb` are all anna.

    Args:
        prediction_frame: "truth": predictions lie where their truths lie; "body": they are in the body frame already,
            as reconstructions from a picture are, with the height of 180 cm at `height_cm`.
        height_cm: truths are scaled to this height and centred, predictions moved along; 0 leaves sizes as they are.
        points, volume_points, normal_size, seed, alignment: as in `metrics.body_scores.body_scores`.
        progress: told (done, total).

    Missing predictions, and files without a surface, are failures with a penalty and stay in every mean. Raises
    FileNotFoundError or ValueError for folders without meshes, files that cannot be read, names in use twice, units
    that cannot be right, and a prediction many times as high as its truth.
    """
    true_meshes, predicted_meshes = named_meshes(truths), named_meshes(predictions)
    found = {names[0]: _prediction_of(names, predicted_meshes) for names in true_meshes}
    if not any(found.values()):
        raise FileNotFoundError(
            f"{predictions} holds no mesh named like one in {truths} ({', '.join(list(found)[:3])}, ...): give "
            "files or folders the names of the true ones."
        )
    rows: dict[str, dict[str, float]] = {}
    growth: list[float] = []
    empty: list[str] = []
    inside_out: list[str] = []
    open_truths: list[str] = []
    for done, (names, path) in enumerate(true_meshes.items()):
        truth = _in_centimetres(path, truth_unit)
        _require_plausible(path, truth, truth_unit)
        frame = body_frame(truth, height_cm)
        truth = frame.apply(truth)
        if not is_watertight(truth.faces):
            open_truths.append(names[0])
        file = found[names[0]]
        predicted = None if file is None else _in_centimetres(file, prediction_unit)
        if predicted is not None and not is_measurable(predicted):
            empty.append(names[0])
            predicted = None
        if predicted is not None:
            predicted = frame.apply(predicted) if prediction_frame == "truth" else predicted
            growth.append(_height(predicted) / _height(truth))
            _require_no_giant(file, growth[-1], prediction_unit)
            if is_watertight(predicted.faces) and float(signed_volume(predicted.vertices, predicted.faces)) < 0:
                inside_out.append(names[0])
        rows[names[0]] = body_scores(
            predicted,
            truth,
            points=points,
            volume_points=volume_points,
            normal_size=normal_size,
            seed=seed,
            alignment=alignment,
        )
        if len(growth) == 3:
            _require_same_unit(growth, prediction_unit)
        if progress is not None:
            progress(done + 1, len(true_meshes))
    if growth:  # fewer than three may have a surface
        _require_same_unit(growth[:3], prediction_unit)
    table = torch.tensor([[row[name] for name in COLUMNS] for row in rows.values()], dtype=torch.float64)
    used = set(found.values())
    return BodyFolderScores(
        rows,
        {name: float(value) for name, value in summary(table).items()},
        tuple(name for name, file in found.items() if file is None),
        tuple(empty),
        tuple(inside_out),
        tuple(names[0] for names, file in predicted_meshes.items() if file not in used),
        tuple(open_truths),
    )


def named_meshes(folder: Path) -> dict[tuple[str, ...], Path]:
    """The meshes below a folder by the names that they answer to.

    Raises FileNotFoundError without a folder or without meshes in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder: give the folder that holds the meshes.")
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in MESH_SUFFIXES and path.is_file()]
    if not files:
        raise FileNotFoundError(f"{folder} holds no mesh ({', '.join(MESH_SUFFIXES)}): put the meshes there.")
    stored: dict[Path, list[Path]] = {}
    for path in files:
        stored.setdefault(path.with_suffix(""), []).append(path)
    once = {
        stem: min(paths, key=lambda path: MESH_SUFFIXES.index(path.suffix.lower())) for stem, paths in stored.items()
    }
    result: dict[tuple[str, ...], Path] = {}
    for stem, path in once.items():
        names = [stem.relative_to(folder).as_posix()]
        alone = [other for other in once if other.parent == stem.parent] == [stem]
        if stem.parent != folder and (alone or stem.name == "mesh"):
            names.insert(0, stem.parent.relative_to(folder).as_posix())
        result[tuple(names)] = path
    return result


def _prediction_of(names: Sequence[str], predictions: dict[tuple[str, ...], Path]) -> Path | None:
    matching = {path for others, path in predictions.items() if set(others) & set(names)}
    if len(matching) > 1:
        files = " and ".join(str(path) for path in sorted(matching))
        raise ValueError(f"{files} are both predictions of {names[0]}: keep one of them.")
    return next(iter(matching), None)


def _in_centimetres(path: Path, unit: Unit) -> Mesh:
    mesh = read_mesh(path, texture=False)
    return Mesh(mesh.vertices.double() * CENTIMETRES[unit], mesh.faces)


def _height(mesh: Mesh) -> float:
    return float(mesh.vertices[:, 1].max() - mesh.vertices[:, 1].min())


def _require_plausible(path: Path, truth: Mesh, unit: Unit) -> None:
    if not is_measurable(truth):
        raise ValueError(f"{path} has no faces or vertices that are not finite: repair the true mesh.")
    longest = float((truth.vertices.amax(0) - truth.vertices.amin(0)).max())
    if not PLAUSIBLE_CM[0] <= longest <= PLAUSIBLE_CM[1]:
        raise ValueError(
            f"{path} is {longest:.4g} cm long when its numbers are read as {unit}: no person is; give the unit of the "
            f"true meshes ({', '.join(CENTIMETRES)})."
        )


def _require_no_giant(path: Path | None, growth: float, unit: Unit) -> None:
    """A fragment may be small, but nothing that was found in a picture of a person is that large."""
    if growth > LARGEST_GROWTH:
        raise ValueError(
            f"{path} is {growth:.3g} times as high as its truth when read as {unit}: give the unit of the predictions "
            f"({', '.join(CENTIMETRES)}), or mend this one if it alone is too large."
        )


def _require_same_unit(growth: Sequence[float], unit: Unit) -> None:
    """A tenth of the size of most is a matter of units, told before hours are spent."""
    if median(growth) < 1 / LARGEST_GROWTH:
        raise ValueError(
            f"The first predictions are {median(growth):.3g} times as high as the truth when read as {unit}: "
            f"give the unit of the predictions ({', '.join(CENTIMETRES)})."
        )


def record(scores: BodyFolderScores) -> dict[str, Any]:
    """The scores as plain values for a JSON file."""
    return {
        "summary": scores.summary,
        "bodies": scores.rows,
        "without_prediction": list(scores.without_prediction),
        "empty_predictions": list(scores.empty_predictions),
        "inside_out_predictions": list(scores.inside_out_predictions),
        "without_truth": list(scores.without_truth),
        "open_truths": list(scores.open_truths),
    }
