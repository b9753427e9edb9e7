"""The .mat files of 300W-LP and AFLW2000-3D: landmarks and the pose of a fitted Basel face."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from models.geometry.mat_files import read_mat

MICROMETRES_PER_MM = 1000.0
LARGEST, LEAST = 1e6, {"Pose_Para": 7}
"""Above every pixel, angle and scale; and how many numbers an entry holds at least."""


def read_annotation(path: Path, required: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The named arrays of a .mat file. Raises ValueError naming the file and the first one missing."""
    try:
        entries = read_mat(path)
    except (OSError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"The annotation {path} cannot be read ({reason}): download it again.") from None
    for name in required:
        if name not in entries:
            raise ValueError(f"The annotation {path} has no entry {name}: it is from another data set.")
        if entries[name].dtype.kind not in "fiu":
            raise ValueError(f"The entry {name} of the annotation {path} holds no numbers: download it again.")
        if entries[name].size < LEAST.get(name, 1) or not np.abs(entries[name].astype(np.float64)).max() <= LARGEST:
            raise ValueError(
                f"The entry {name} of the annotation {path} holds {entries[name].size} numbers, or some that cannot be "
                "right: download it again."
            )
    return {name: np.asarray(entries[name], dtype=np.float64) for name in required}


def without_picture(annotations: Iterable[Path], suffix: str) -> list[str]:
    """A sentence for each annotation whose picture, of the same name, is not there."""
    return [
        f"The annotation {path} has no picture {path.stem}{suffix}: unpack the download again."
        for path in sorted(annotations)
        if not path.with_suffix(suffix).is_file()
    ]


def landmarks_of(points: np.ndarray, path: Path) -> np.ndarray:
    """[68, 2] in the pixel-centre convention from [2|3, 68] or [68, 2|3] pixel indices, y down."""
    rows = points.T if points.shape[0] in (2, 3) else points
    if rows.shape[0] != 68 or rows.shape[1] < 2 or not np.isfinite(rows).all():
        raise ValueError(
            f"The landmarks in {path} have the shape {points.shape}, not 68 finite points: download it again."
        )
    return rows[:, :2] + 0.5


def require_in_picture(points: np.ndarray, size: tuple[int, int], path: Path) -> None:
    """Raises ValueError when points [68, 2] lie farther outside of a picture (width, height) than half its sides."""
    if (points < -0.5 * np.asarray(size)).any() or (points > 1.5 * np.asarray(size)).any():
        raise ValueError(
            f"The landmarks in {path} lie far outside their picture of {size[0]} x {size[1]} pixels: download it again."
        )


def pose_of(pose_para: np.ndarray, picture_size: tuple[int, int]) -> dict:
    """What `Pose_Para` (pitch, yaw, roll, tx, ty, tz, scale) says in the conventions of this project.

    Angles as in `rotation_from_face_angles`; the origin of the Basel face model in pixels, y down (theirs runs up: a
    point y lies in row h - 1 - y); pixels per mm (theirs per micrometre). The origin is the Basel model's, so the
    translation holds for that model alone.
    """
    pitch, yaw, roll, x, y, _, scale = (float(value) for value in pose_para.reshape(-1)[:7])
    return {
        "pitch": pitch,
        "yaw": yaw,
        "roll": roll,
        "origin_px": [x + 0.5, picture_size[1] - 1 - y + 0.5],
        "pixels_per_mm": scale * MICROMETRES_PER_MM,
        "model": "Basel face model 2009",
    }
