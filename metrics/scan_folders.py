"""The NoW evaluation of a folder of predictions against a folder of scans."""

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from metrics.scans import PooledErrorsMm, now_scan_errors_mm, pooled_errors_mm
from models.geometry.array_files import read_array
from models.geometry.files import read_mesh
from models.geometry.plain_text import ends_in_a_cut_number, read_plain_text

MESH_SUFFIXES = (".ply", ".obj", ".glb")
MILLIMETRES = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
Unit = Literal["mm", "cm", "m"]


class FolderErrors(NamedTuple):
    """Pooled over every prediction, and one by one."""

    pooled: PooledErrorsMm
    median_of_prediction_mm: dict[str, float]
    """By the prediction's path below its folder."""
    subjects_without_prediction: tuple[str, ...]


def evaluate_scan_folder(
    predictions: Path,
    scans: Path,
    *,
    prediction_unit: Unit = "m",
    scan_unit: Unit = "mm",
    metrical: bool = False,
) -> FolderErrors:
    """Judges `predictions/<subject>/<challenge>/<picture>.{ply,obj,glb}` against the one scan in `scans/<subject>/`.

    Beside each mesh stands a file of the same stem with the seven landmarks (`metrics.scans.NOW_LANDMARKS`), 7 rows of
    x y z in the mesh's frame and unit, as `.npy` or `.txt`. Each prediction is aligned on its own; the distances of all
    are pooled. Without `metrical` the unit of the predictions does not matter.

    Raises FileNotFoundError or ValueError that names the missing or broken file; nothing is left out silently.
    """
    for folder in (predictions, scans):
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{folder} is not a folder: give the folder that holds one folder for each subject."
            )
    subjects = {folder.name: folder for folder in sorted(scans.iterdir()) if folder.is_dir()}
    files = _meshes(predictions)
    if not files:
        raise FileNotFoundError(f"{predictions} holds no mesh ({', '.join(MESH_SUFFIXES)}): put the predictions there.")
    distances: dict[str, Tensor] = {}
    loaded: tuple[str, Tensor, Tensor] | None = None
    for file in files:
        name = file.relative_to(predictions).as_posix()
        subject = name.split("/")[0]
        if subject not in subjects:
            raise FileNotFoundError(f"{file} has no scan: put the scan of its subject into {scans / subject}.")
        if loaded is None or loaded[0] != subject:
            scan_file = _only_mesh(subjects[subject])
            scan = MILLIMETRES[scan_unit] * read_mesh(scan_file, texture=False).vertices.double()
            loaded = (subject, scan, MILLIMETRES[scan_unit] * read_seven_landmarks(scan_file))
        _, scan, scan_landmarks = loaded
        mesh = read_mesh(file, texture=False)
        if not mesh.number_of_faces:
            raise ValueError(f"{file} has no faces: export the prediction as a surface, not as points.")
        factor = MILLIMETRES[prediction_unit]
        landmarks = factor * read_seven_landmarks(file)
        try:
            errors = now_scan_errors_mm(
                scan, scan_landmarks, factor * mesh.vertices.double(), mesh.faces, landmarks, metrical=metrical
            )
        except ValueError as error:
            raise ValueError(f"{file} against the scan in {subjects[subject]}: {error}") from error
        distances[name] = errors.distances_mm
    judged = {name.split("/")[0] for name in distances}
    return FolderErrors(
        pooled_errors_mm(torch.cat(list(distances.values()))),
        {name: float(value.median()) for name, value in distances.items()},
        tuple(sorted(set(subjects) - judged)),
    )


def read_seven_landmarks(mesh_file: Path) -> Tensor:
    """[7 3] float64 from `<stem>.npy` or `<stem>.txt` beside a mesh."""
    candidates = [mesh_file.with_suffix(suffix) for suffix in (".npy", ".txt")]
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"{candidates[0]} does not exist (nor the .txt): give 7 rows x y z for {mesh_file.name}."
        )
    try:
        values = read_array(path) if path.suffix == ".npy" else _read_rows(path)
        points = torch.from_numpy(np.asarray(values, dtype=np.float64))
    except (ValueError, OSError, TypeError) as error:
        raise ValueError(f"{path} is not a readable list of landmarks ({error}): give 7 rows x y z.") from error
    if points.shape != (7, 3) or not bool(torch.isfinite(points).all()):
        raise ValueError(
            f"{path} holds an array of shape {tuple(points.shape)}: give 7 rows of 3 finite numbers x y z."
        )
    return points


def _read_rows(path: Path) -> np.ndarray:
    text = read_plain_text(path)
    if ends_in_a_cut_number(text):
        raise ValueError("it is cut short in its last row")
    return np.loadtxt(text.splitlines())


def _meshes(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in MESH_SUFFIXES)


def _only_mesh(folder: Path) -> Path:
    found = _meshes(folder)
    if len(found) != 1:
        raise ValueError(f"{folder} holds {len(found)} meshes: keep exactly one scan for each subject.")
    return found[0]
