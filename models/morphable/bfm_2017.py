"""Basel Face Models 2017 and 2019 (Gerig et al. 2018): Statismo .h5 files, licensed, read from the user's own
copy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from models.morphable.assembly import FileArrays, assemble, landmark_vertices
from models.morphable.feature_registration import NamedLandmarks, complete_landmarks
from models.morphable.linear import MorphableModel
from models.morphable.model_files import file_hash, interleaved, require_file

REGISTER = "register at https://faces.dmi.unibas.ch/bfm and download the Basel Face Model 2017 or 2019"
LANDMARK_NAMES = {
    "center.chin.tip": 8,
    "center.nose.tip": 30,
    "right.eye.corner_outer": 36,
    "right.eye.corner_inner": 39,
    "left.eye.corner_inner": 42,
    "left.eye.corner_outer": 45,
    "right.lips.corner": 48,
    "center.lips.upper.outer": 51,
    "left.lips.corner": 54,
    "center.lips.lower.outer": 57,
    "center.lips.upper.inner": 62,
    "center.lips.lower.inner": 66,
}
"""The file's named points (right is the person's own) among the 68."""


def bfm_2017(
    path: Path, *, identity_size: int = 80, albedo_size: int = 80, landmark_ids: Path | None = None
) -> MorphableModel:
    """A Basel Face Model of 2017 or 2019 (for example `model2017-1_bfm_nomouth.h5`, `model2019_face12.h5`).

    Millimetres, colours 0..1, standard deviations are the square roots of pcaVariance. The files name a dozen
    points but not the 68: give `landmark_ids`, a text file of 68 vertex ids (0-based), for exact ones;
    otherwise the rest is laid in by the shape of an average face and is good to a few millimetres. Needs the
    package h5py.

    Raises:
        FileNotFoundError: when the file is missing; says where to register.
        ValueError: for a damaged file, a missing package, or landmarks that cannot be found.
    """
    require_file(path, "a Basel Face Model of 2017 or 2019", REGISTER)
    content = _read(path)
    mean = interleaved(content["shape_mean"] + content["expression_mean"], "shape/model/mean")
    ids = _listed(landmark_ids) if landmark_ids else complete_landmarks(mean, _named(content["landmarks"], path))
    landmark_faces, landmark_barycentrics = landmark_vertices(ids)
    arrays = FileArrays(
        mean_mm=mean,
        identity_mm=_scaled(content, "shape", identity_size),
        expression_mm=_scaled(content, "expression", None),
        faces=content["cells"].astype(np.int64),
        landmark_faces=landmark_faces,
        landmark_barycentrics=landmark_barycentrics,
        albedo_mean=interleaved(content["color_mean"], "color/model/mean"),
        albedo_basis=_scaled(content, "color", albedo_size),
    )
    return assemble(arrays, f"bfm_2017[{path.stem}]", file_hash(path), licensed=True, files=[path])


def _read(path: Path) -> dict[str, Any]:
    try:
        import h5py  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ValueError(
            f"{path} is an .h5 file and the package h5py is not installed; run pip install h5py."
        ) from error
    try:
        with h5py.File(path, "r") as file:
            content = {
                f"{part}_{key}": np.asarray(file[f"{part}/model/{name}"], dtype=np.float64)
                for part in ("shape", "expression", "color")
                for key, name in (("mean", "mean"), ("basis", "pcaBasis"), ("variance", "pcaVariance"))
            }
            cells = np.asarray(file["shape/representer/cells"])
            content["cells"] = cells.T if cells.shape[0] == 3 and cells.shape[1] != 3 else cells
            listed: Any = file.get("metadata/landmarks/json")
            text = b"[]" if listed is None else listed[()]
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a Basel Face Model of 2017 or 2019 ({error}); fetch it again.") from error
    if isinstance(text, np.ndarray):
        text = text.tobytes() if text.dtype.kind in "SV" else text.ravel()[0]
    return content | {"landmarks": text.decode() if isinstance(text, bytes) else str(text)}


def _scaled(content: dict[str, Any], part: str, size: int | None) -> ndarray:
    """[k v 3] modes times their standard deviations; 2009's files hold those deviations, 2017's their squares."""
    deviations = np.sqrt(content[f"{part}_variance"].ravel()[:size])
    return interleaved(content[f"{part}_basis"][:, :size] * deviations, f"{part}/model/pcaBasis")


def _named(text: str, path: Path) -> NamedLandmarks:
    try:
        listed = json.loads(text.strip("\x00 \n"))
        pairs = listed.items() if isinstance(listed, dict) else ((item["id"], item["coordinates"]) for item in listed)
        points = {LANDMARK_NAMES[name]: position for name, position in pairs if name in LANDMARK_NAMES}
        positions = np.array(list(points.values()), dtype=np.float64).reshape(-1, 3)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} names its landmarks in an unknown way; give landmark_ids.") from error
    if len(points) < 5:
        raise ValueError(
            f"{path} names {len(points)} of the expected landmarks; give landmark_ids, a file of 68 vertex ids."
        )
    return NamedLandmarks(np.array(list(points)), positions)


def _listed(path: Path) -> ndarray:
    require_file(path, "a list of 68 vertex ids", "write one id per line, counted from zero, in iBUG order")
    try:
        ids = np.loadtxt(path, dtype=np.int64).ravel()
    except ValueError as error:
        raise ValueError(f"{path} holds something that is no whole number; write 68 vertex ids.") from error
    if len(ids) != 68:
        raise ValueError(f"{path} lists {len(ids)} vertex ids; 68 were expected.")
    return ids
