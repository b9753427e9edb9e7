"""The cameras and silhouettes of the Articulated Mesh Animation data, with their oddities."""

import re
from pathlib import Path

import numpy as np
from scipy import ndimage

from datamodules.body_pictures import Silhouette, read_silhouette, silhouette_of
from models.geometry.plain_text import ends_in_a_cut_number

REAL_SIZE = (1200, 1600)
"""Height and width of the real pictures, to which the faulty regions refer."""


def read_projection(path: Path) -> np.ndarray:
    """[3, 4] float64: pixels (x right, y down) times depth from the world of the meshes. The third row has unit length
    and the sign makes depths in front of the camera positive.

    Raises ValueError when the file holds no 3 x 4 finite numbers or a singular matrix.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        numbers = np.array(text.split(), dtype=np.float64)
    except ValueError:
        numbers = np.zeros(0)
    if ends_in_a_cut_number(text) or numbers.size != 12 or not np.isfinite(numbers).all():
        raise ValueError(f"The camera {path} does not hold 3 x 4 finite numbers: copy it from the download again.")
    projection = numbers.reshape(3, 4)
    determinant = np.linalg.det(projection[:, :3])
    length = np.linalg.norm(projection[2, :3])
    if length == 0 or abs(determinant) < 1e-12 * np.abs(projection[:, :3]).max() ** 3:
        raise ValueError(f"The camera {path} is a singular matrix: copy it from the download again.")
    return projection / (length * np.sign(determinant))


def read_intrinsics(path: Path) -> np.ndarray:
    """[3, 3] K of a .rad file (rows 'K11 = number'), divided by K33; its lens distortion is left unread.

    Raises ValueError when entries are missing.
    """
    found = dict(re.findall(r"K(\d\d)\s*=\s*(\S+)", path.read_text(encoding="utf-8", errors="replace")))
    try:
        intrinsics = np.array([[float(found[f"{i}{j}"]) for j in (1, 2, 3)] for i in (1, 2, 3)])
    except (KeyError, ValueError):
        raise ValueError(f"The lens {path} has no rows 'K11 = number' to K33: copy it again or delete it.") from None
    return intrinsics / intrinsics[2, 2]


def intrinsics_of(projection: np.ndarray) -> np.ndarray:
    """[3, 3] upper triangular K with K33 = 1 of a normalised projection matrix (RQ decomposition)."""
    forward = projection[2, :3]
    center = projection[:2, :3] @ forward
    down = projection[1, :3] - center[1] * forward
    focal_y = np.linalg.norm(down)
    right = projection[0, :3] - center[0] * forward
    skew = right @ down / focal_y
    focal_x = np.linalg.norm(right - skew * down / focal_y)
    return np.array([[focal_x, skew, center[0]], [0, focal_y, center[1]], [0, 0, 1]])


def picture_up(projection: np.ndarray) -> np.ndarray:
    """[3] unit direction of the world that points up in the pictures of a camera."""
    forward = projection[2, :3]
    down = projection[1, :3] - (projection[1, :3] @ forward) * forward
    return -down / np.linalg.norm(down)


def camera_centre(projection: np.ndarray) -> np.ndarray:
    """[3] where the camera stands in the world."""
    return -np.linalg.solve(projection[:, :3], projection[:, 3])


def faulty_regions(sequence: str, camera: int) -> list[tuple[slice, slice]]:
    """Rows and columns, of 1200 x 1600 pixels, in which silhouettes of a camera hold what is no person."""
    name = sequence.lower()
    regions = []
    if camera in (4, 5):
        regions.append((slice(None), slice(1455, None)))
    if camera == 2 and name.endswith(("march", "squat")):
        regions.append((slice(1000, None), slice(None)))
    if camera == 5 and name.endswith(("march", "d_squat")):
        regions.append((slice(None), slice(1420, None)))
    return regions


def read_clean_silhouette(path: Path, sequence: str, camera: int) -> Silhouette:
    """The largest connected part of a silhouette outside of the faulty regions of its camera.

    Raises FileNotFoundError or ValueError as `read_silhouette`.
    """
    person = np.array(read_silhouette(path).pixels) > 0
    height, width = person.shape
    for rows, columns in faulty_regions(sequence, camera):
        first_row = round((rows.start or 0) * height / REAL_SIZE[0])
        first_column = round((columns.start or 0) * width / REAL_SIZE[1])
        person[first_row:, first_column:] = False
    labelled: tuple[np.ndarray, int] = ndimage.label(person, structure=np.ones((3, 3)))  # type: ignore[assignment]
    sizes = np.bincount(labelled[0].reshape(-1))
    sizes[0] = 0
    return silhouette_of((labelled[0] == sizes.argmax()) & person, path)
