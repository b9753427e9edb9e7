"""Which face of which photograph: landmarks, a box or the detector say where it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from datamodules.crops import Crop, box_crop, face_crop
from datamodules.landmarks import read_landmarks
from datamodules.pictures import read_picture, read_segmentation
from experiments.errors import UserError
from experiments.reconstruction.choice import choose
from experiments.reconstruction.face_detection import detect_faces


class FacePlace(NamedTuple):
    """Where a face is, and how it was found."""

    crop: Crop
    found: str
    """In words."""


@dataclass(frozen=True)
class FaceInPhoto:
    """One face to reconstruct."""

    path: Path
    photo: Image.Image
    """Upright RGB."""
    crop: Crop
    """The square that the network sees, in pixels of the photograph."""
    landmarks: np.ndarray | None
    """[68, 2] in pixels of the photograph."""
    segmentation: Image.Image | None
    """Classes in CelebAMask-HQ's numbering, of the photograph's size."""
    found: str
    """How the face was found, and which of several this is, in words."""

    @property
    def place(self) -> FacePlace:
        return FacePlace(self.crop, self.found)


@dataclass(frozen=True)
class Hints:
    """What the user says about a photograph."""

    landmarks: Path | None = None
    """A file of 68 rows, or a folder that holds NAME.txt for NAME.jpg."""
    box: tuple[float, float, float, float] | None = None
    """x, y of the upper left corner, width, height: from brow to chin and ear to ear."""
    mask: Path | None = None
    """A picture of class indices, or a folder that holds NAME.png for NAME.jpg."""
    person: int | None = None
    """Which of several faces, counted from the left, from 1; the largest when None."""


def face_in_photo(path: Path, hints: Hints, place: FacePlace | None = None) -> FaceInPhoto:
    """Reads a photograph and finds the face in it, of several the largest, unless its `place` is known already.

    Raises:
        ValueError, FileNotFoundError: one sentence naming the file: the picture, the landmarks or the mask cannot be
            read; there is no face, or there are fewer than `person`; the box lies outside the picture.
    """
    photo = read_picture(path)
    landmarks_path = companion(hints.landmarks, path, ".txt")
    mask_path = companion(hints.mask, path, ".png")
    landmarks = None if landmarks_path is None else read_landmarks(landmarks_path)
    segmentation = None if mask_path is None else read_segmentation(mask_path, photo.size)
    if place is None and landmarks is not None:
        place = FacePlace(crop_of_landmarks(landmarks, landmarks_path, photo), f"landmarks {landmarks_path}")
    elif place is None and hints.box is not None:
        place = FacePlace(crop_of_box(hints.box, path, photo), "box")
    place = place or place_of_detection(path, photo, hints.person)
    return FaceInPhoto(path, photo, place.crop, landmarks, segmentation, place.found)


def companion(given: Path | None, picture: Path, suffix: str) -> Path | None:
    """The file that belongs to a picture: the one given, or the one of its name in the folder given."""
    if given is None:
        return None
    path = given / f"{picture.stem}{suffix}" if given.is_dir() else given
    if not path.is_file():
        raise UserError(f"{path} does not exist; give the file that belongs to {picture.name}, or leave the option out")
    return path


def crop_of_landmarks(landmarks: np.ndarray, source: Path | None, photo: Image.Image) -> Crop:
    center = landmarks.mean(0)
    if not (0 <= center[0] <= photo.width and 0 <= center[1] <= photo.height):
        raise UserError(
            f"{source}: the landmarks lie outside their picture of {photo.width} x {photo.height} pixels; write "
            "them in pixels of that picture, origin at the top left"
        )
    try:
        return face_crop(landmarks)
    except ValueError as error:
        raise UserError(f"{source}: {error}") from None


def crop_of_box(box: tuple[float, float, float, float], path: Path, photo: Image.Image) -> Crop:
    x, y, width, height = box
    inside = 0 <= x + width / 2 <= photo.width and 0 <= y + height / 2 <= photo.height
    if not inside or width <= 0 or height <= 0:
        raise UserError(
            f"{path}: the box x {x:g} y {y:g} width {width:g} height {height:g} is not inside the picture of "
            f"{photo.width} x {photo.height} pixels; give the corner and the size of a face in it"
        )
    return box_crop(x, y, x + width, y + height)


def place_of_detection(path: Path, photo: Image.Image, person: int | None) -> FacePlace:
    faces = detect_faces(photo)
    if not faces:
        raise UserError(
            f"{path}: no upright face was found; say where it is with --box X Y WIDTH HEIGHT or --landmarks FILE, "
            "or give a picture in which the face is larger"
        )
    taken = choose(path, [face.side for face in faces], person, one="face", several="faces")
    return FacePlace(box_crop(*faces[taken.index]), taken.remark)
