"""Several pictures of one person and where they were taken from, as a file says it."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.articulated_cameras import read_clean_silhouette, read_projection
from datamodules.articulated_files import sequence_files
from datamodules.crops import Crop
from datamodules.pictures import read_picture
from experiments.errors import UserError
from experiments.reconstruction.bodies.body_frame import BodyFrame, body_frame
from experiments.reconstruction.bodies.people import Hints, Person, person_in_picture
from experiments.reconstruction.bodies.views import BODY_HEIGHT_CM, CROP_OF_HEIGHT, BodyView, parallel_view
from models.geometry.view_cameras import HALF_EXTENT_CM, view_from_projection

FORM = (
    '{"views": [{"picture": "front.jpg", "yaw": 0}, {"picture": "side.jpg", "yaw": 90}]}, or for each picture '
    '"projection": 3 rows of 4 numbers that take points to pixels'
)
KEYS = {"picture", "mask", "person", "yaw", "pitch", "center", "pixels_per_cm", "projection"}


def turned_views(pictures: list[Path], yaws_degrees: list[float], hints: Hints) -> list[BodyView]:
    """Pictures of a person on a turntable, or walked around at the same height, from afar.

    Raises:
        UserError: as `person_in_picture`, or there are more or fewer angles than pictures.
    """
    if len(yaws_degrees) != len(pictures):
        raise UserError(f"--yaws has {len(yaws_degrees)} angles for {len(pictures)} pictures; give one for each")
    people = [person_in_picture(path, hints) for path in pictures]
    return [parallel_view(person, math.radians(yaw)) for person, yaw in zip(people, yaws_degrees)]


def described_views(path: Path) -> tuple[list[BodyView], BodyFrame | None]:
    """The views that a JSON file lists, paths relative to it; and the body's frame where they have projections.

    A view has `picture`, and if wanted `mask` and `person`; then either `projection` (3 x 4, points of any world to
    pixels of the picture, any scale and sign), or `yaw` and `pitch` in degrees for a picture taken from afar, and with
    them `center` [x, y] and `pixels_per_cm` of a person of 180 cm where they are known better than the mask shows.

    Raises:
        UserError: the file has another form, a picture or mask is missing, a matrix cannot be.
    """
    entries = read_entries(path)
    people = [person_of(entry, path) for entry in entries]
    projected = ["projection" in entry for entry in entries]
    if all(projected):
        matrices = [matrix_of(entry, path) for entry in entries]
        frame = body_frame(people, matrices, [f"{entry['picture']} in {path}" for entry in entries])
        return [projected_view(person, frame.projection(matrix)) for person, matrix in zip(people, matrices)], frame
    if any(projected):
        raise UserError(f"{path}: some views have a projection and others do not; give one for each, or yaws only")
    return [yaw_view(person, entry, path) for person, entry in zip(people, entries)], None


def articulated_views(folder: Path, frame: int | None) -> tuple[list[BodyView], BodyFrame]:
    """The views of one frame of a sequence in the layout of the Articulated Mesh Animation data: images/, silhouettes/
    and calibration/; no meshes are needed. The first frame when none is given.

    Raises:
        UserError: a folder or the frame is missing, or fewer than two cameras have all three files.
    """
    files = sequence_files(folder)
    frames = sorted({number for _, number in files.pictures})
    if not frames or not files.cameras:
        raise UserError(f"{folder} lacks images/ or calibration/; give a sequence's folder, or a JSON file: {FORM}")
    number = frames[0] if frame is None else frame
    if number not in frames:
        raise UserError(f"{folder} has no pictures of frame {number}; it has {frames[0]} to {frames[-1]}")
    cameras = [
        camera
        for camera in sorted(files.cameras)
        if (camera, number) in files.pictures and (camera, number) in files.silhouettes
    ]
    if len(cameras) < 2:
        raise UserError(
            f"{folder} has {len(cameras)} camera(s) with picture, silhouette and calibration of frame {number}; two or "
            "more are needed"
        )
    people, matrices = [], []
    for camera in cameras:
        path = files.pictures[camera, number]
        silhouette = read_clean_silhouette(files.silhouettes[camera, number], files.name, camera)
        picture = read_picture(path)
        if picture.size != silhouette.pixels.size:
            raise UserError(f"{path} and {files.silhouettes[camera, number]} differ in size; give both in one size")
        people.append(Person(path, picture, np.asarray(silhouette.pixels) > 0, "silhouette"))
        matrices.append(torch.from_numpy(read_projection(files.cameras[camera])))
    framed = body_frame(people, matrices, [str(files.cameras[camera]) for camera in cameras])
    views = [projected_view(person, framed.projection(matrix)) for person, matrix in zip(people, matrices)]
    return views, framed


def read_entries(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise UserError(f"--views {path} does not exist; give a JSON file such as {FORM}")
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["views"]
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not of the form {FORM} ({type(error).__name__}: {error})") from None
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path}: views is no list of views; the form is {FORM}")
    for number, entry in enumerate(entries, 1):
        unknown = sorted(set(entry) - KEYS)
        if unknown:
            raise UserError(f"{path}: view {number} has the key {unknown[0]!r}; known are {', '.join(sorted(KEYS))}")
        if not isinstance(entry.get("picture"), str):
            raise UserError(f"{path}: view {number} names no picture; the form is {FORM}")
        if "projection" not in entry and "yaw" not in entry:
            raise UserError(f"{path}: view {number} ({entry['picture']}) has neither yaw nor projection; give one")
        person = entry.get("person", 1)
        if isinstance(person, bool) or not isinstance(person, int):
            raise UserError(f"{path}: the person of view {number} is not a whole number; count from the left, from 1")
        if not isinstance(entry.get("mask", ""), str):
            raise UserError(f"{path}: the mask of view {number} is not the name of a file; name it, or take it out")
    return entries


def person_of(entry: dict[str, Any], path: Path) -> Person:
    picture = path.parent / entry["picture"]
    if not picture.is_file():
        raise UserError(f"{path} names the picture {picture}, which does not exist; add it or take the view out")
    mask = path.parent / entry["mask"] if isinstance(entry.get("mask"), str) else None
    return person_in_picture(picture, Hints(mask=mask, person=entry.get("person")))


def matrix_of(entry: dict[str, Any], path: Path) -> Float[Tensor, "3 4"]:
    try:
        matrix = torch.tensor(entry["projection"], dtype=torch.float64)
    except (TypeError, ValueError):
        matrix = torch.zeros(0)
    if matrix.shape != (3, 4) or not bool(matrix.isfinite().all()):
        raise UserError(f"{path}: the projection of {entry['picture']} is not 3 rows of 4 finite numbers; correct it")
    return matrix


def projected_view(person: Person, projection: Float[Tensor, "3 4"]) -> BodyView:
    """The square around the mask, as training crops the pictures of real cameras."""
    left, top, right, bottom = person.box
    crop = Crop((left + right) / 2, (top + bottom) / 2, CROP_OF_HEIGHT * max(bottom - top, right - left))
    height, width = person.mask.shape
    return BodyView(person, view_from_projection(projection, (height, width)), crop)


def yaw_view(person: Person, entry: dict[str, Any], path: Path) -> BodyView:
    numbers = {name: entry.get(name, 0.0) for name in ("yaw", "pitch")}
    crop = None
    if "center" in entry or "pixels_per_cm" in entry:
        try:
            x, y = (float(value) for value in entry["center"])
            crop = Crop(x, y, 2 * HALF_EXTENT_CM * float(entry["pixels_per_cm"]))
        except (KeyError, TypeError, ValueError):
            crop = None
        if crop is None or not crop.side > 0 or not all(math.isfinite(value) for value in crop):
            raise UserError(
                f"{path}: {entry['picture']} needs both center, as two numbers, and pixels_per_cm above 0, of a person "
                f"of {BODY_HEIGHT_CM:.0f} cm; or neither"
            )
    if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in numbers.values()):
        raise UserError(f"{path}: yaw and pitch of {entry['picture']} are not numbers; give degrees")
    return parallel_view(person, math.radians(numbers["yaw"]), math.radians(numbers["pitch"]), crop)
