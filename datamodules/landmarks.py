"""The 68 points of iBUG: their mirror images and their files."""

import math
from pathlib import Path

import numpy as np

from models.geometry.plain_text import ends_in_a_cut_number, read_plain_text

NUMBER_OF_LANDMARKS = 68
LARGEST_PIXEL = 1e6

FLIP_PERMUTATION = (
    *range(16, -1, -1),  # jaw
    *range(26, 16, -1),  # brows
    27, 28, 29, 30, 35, 34, 33, 32, 31,  # bridge and base of the nose
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,  # eyes
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55,  # outer lips
    64, 63, 62, 61, 60, 67, 66, 65,  # inner lips
)  # fmt: skip
"""Point i of the mirrored face is point FLIP_PERMUTATION[i] of the face, with x' = side - x."""

CLASS_FLIP = (0, 1, 2, 3, 5, 4, 7, 6, 9, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""Segmentation class c of a picture is class CLASS_FLIP[c] of its mirror image: left and right change places."""

FIRST_SIDED_CLASS, LAST_SIDED_CLASS = 4, 9
"""Between these, an even class on the left has its partner one above on the right."""


def read_landmarks(path: Path) -> np.ndarray:
    """[68, 2] float32 (x, y) in pixels, origin at the top left corner, x to the right, y down: one point a row.

    Raises ValueError naming the file and the row when it does not hold 68 rows of two finite numbers.
    """
    try:
        text = read_plain_text(path)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"The landmark file {path} cannot be read ({error}): write 68 rows 'x y' or delete it."
        ) from None
    rows = [(number, line.replace(",", " ").split()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(rows) != NUMBER_OF_LANDMARKS:
        raise ValueError(f"The landmark file {path} has {len(rows)} rows, not 68: write 68 rows 'x y' or delete it.")
    points = np.empty((NUMBER_OF_LANDMARKS, 2), np.float32)
    if ends_in_a_cut_number(text):
        raise ValueError(f"The landmark file {path} is cut short in its last row: copy it again or delete it.")
    for point, (number, words) in enumerate(rows):
        try:
            x, y = (float(word) for word in words)
        except ValueError:
            x = y = math.nan
        if not max(abs(x), abs(y)) <= LARGEST_PIXEL:  # NaN is not
            raise ValueError(
                f"Row {number} of the landmark file {path} reads '{' '.join(words)}', not two finite numbers: "
                "mend the row or delete the file."
            )
        points[point] = x, y
    return points


def write_landmarks(points: np.ndarray, path: Path) -> None:
    """Writes [68, 2] points as `read_landmarks` reads them, to a thousandth of a pixel."""
    path.write_text("".join(f"{x:.3f} {y:.3f}\n" for x, y in points), encoding="utf-8")
