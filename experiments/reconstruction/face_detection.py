"""Faces in photographs, found without a download: the cascades that come inside OpenCV's wheel (Viola and Jones, 2001).

They find upright faces seen from the front; turned heads are tried in profile and rolled pictures at two angles. A
detector gives a square that reaches from the forehead to the chin; `FaceBox` is the box of the 68 iBUG points inside
it.
"""

import functools
import math
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from datamodules.face_records import Box

SEARCH_SIDE = 640
"""Pictures are searched at this size: finer does not find more portraits."""
SMALLEST_SHARE = 0.08
"""Smaller faces than this share of the picture's shorter side are not looked for."""
BACKGROUND_SHARE = 0.4
"""Faces with less than this share of the largest one's side are bystanders."""
CENTER_SHIFT = (-0.007, 0.143)
BOX_SHARE = (0.85, 0.80)
"""Centre and size of the landmarks' box against the detector's square, in sides of the square: medians over 79
portraits
with machine-made landmarks (deviations 0.05, 0.03 and 0.05, 0.05)."""


class FaceBox(NamedTuple):
    """The box around the brows, jaw and chin of one face, in pixels of the photograph."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def side(self) -> float:
        return max(self.right - self.left, self.bottom - self.top)


def find_face(photo: Image.Image) -> Box:
    """The box of the one face in a photograph, brows to chin: left, top, right, bottom.

    Raises:
        ValueError: no face, or several of similar size.
    """
    faces = detect_faces(photo)
    if not faces:
        raise ValueError("no upright face was found; give its landmarks or its box")
    if len(faces) > 1:
        raise ValueError(f"{len(faces)} faces of similar size were found; give the landmarks or the box of one of them")
    return faces[0].left, faces[0].top, faces[0].right, faces[0].bottom


def detect_faces(photo: Image.Image) -> list[FaceBox]:
    """The faces of a photograph from left to right, without much smaller bystanders; empty when there is none."""
    shrink = min(1.0, SEARCH_SIDE / max(photo.size))
    size = (max(1, round(photo.width * shrink)), max(1, round(photo.height * shrink)))
    grey = cv2.equalizeHist(np.asarray(photo.resize(size, Image.Resampling.BOX).convert("L")))
    squares = upright(grey) or profiles(grey) or rolled(grey)
    boxes = [landmark_box(square / shrink) for square in squares]
    largest = max((box.side for box in boxes), default=0.0)
    return sorted(box for box in boxes if box.side >= BACKGROUND_SHARE * largest)


def upright(grey: np.ndarray) -> list[np.ndarray]:
    """Squares [x, y, side] of frontal faces."""
    return search("haarcascade_frontalface_alt2.xml", grey, neighbours=5)


def profiles(grey: np.ndarray) -> list[np.ndarray]:
    """Faces turned to the left, then to the right."""
    turned = search("haarcascade_profileface.xml", grey, neighbours=5)
    if turned:
        return turned
    mirrored = search("haarcascade_profileface.xml", np.ascontiguousarray(grey[:, ::-1]), neighbours=5)
    return [np.array([grey.shape[1] - x - side, y, side]) for x, y, side in mirrored]


def rolled(grey: np.ndarray) -> list[np.ndarray]:
    """Frontal faces of a head that leans to one side, by turning the picture."""
    height, width = grey.shape
    for degrees in (-30.0, 30.0):
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        squares = search("haarcascade_frontalface_alt2.xml", cv2.warpAffine(grey, turn, (width, height)), neighbours=5)
        if squares:
            back = cv2.invertAffineTransform(turn)
            centers = [back @ [x + side / 2, y + side / 2, 1] for x, y, side in squares]
            return [np.array([c[0] - s[2] / 2, c[1] - s[2] / 2, s[2]]) for c, s in zip(centers, squares)]
    return []


def search(cascade: str, grey: np.ndarray, *, neighbours: int) -> list[np.ndarray]:
    smallest = max(24, math.ceil(SMALLEST_SHARE * min(grey.shape)))
    found = classifier(cascade).detectMultiScale(grey, 1.1, neighbours, minSize=(smallest, smallest))
    return [np.array([x, y, side], dtype=float) for x, y, side, _ in found]


@functools.cache
def classifier(cascade: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / cascade))  # type: ignore[attr-defined]


def landmark_box(square: np.ndarray) -> FaceBox:
    """The box of the 68 points inside a detector's square."""
    x, y, side = (float(value) for value in square)
    center_x, center_y = x + side * (0.5 + CENTER_SHIFT[0]), y + side * (0.5 + CENTER_SHIFT[1])
    half_width, half_height = side * BOX_SHARE[0] / 2, side * BOX_SHARE[1] / 2
    return FaceBox(center_x - half_width, center_y - half_height, center_x + half_width, center_y + half_height)
