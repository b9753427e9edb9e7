"""The part of a photograph that a run of clothing looks at, framed as its training pictures are."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from datamodules.clothing_pictures import Framing, Photo, shown
from experiments.reconstruction.bodies.people import Hints, Person, person_in_picture

SMALLEST_HEIGHT = 24
"""Pixels of an object below which nothing but a blob could come out."""
HEIGHT_SHARE, WIDTH_SHARE = 0.9, 0.95
"""How much of the window a standing person takes at most, as in pedestrian and fashion pictures."""
BIRD_MARGIN = 0.1
"""Around the bounding box in CUB's pictures, as a share of its sides."""
SAME_RATIO = 1.05
"""By which factor a picture's sides' ratio may differ from the network's to be shown whole."""
WHOLE_FROM = 0.6
"""A picture is shown whole when its object takes at least this share of the height: it is a crop already."""


class Window(NamedTuple):
    """A rectangle in pixels of the photograph, with the ratio of the network's pictures; it may reach outside."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True)
class GarmentPhoto:
    """One person, bird or garment to reconstruct."""

    person: Person
    """The whole photograph and the mask in it."""
    window: Window
    """What `image` shows of it."""
    whole: bool
    """Whether the window is the whole photograph."""
    image: Float[Tensor, "1 3 h w"]
    mask: Float[Tensor, "1 1 h w"]

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) of what the network sees."""
        return self.image.shape[2], self.image.shape[3]


def garment_in_picture(path: Path, hints: Hints, size: tuple[int, int]) -> GarmentPhoto:
    """Reads a picture, finds the object in it and frames it for a network that sees (h, w) pixels.

    Raises ValueError or FileNotFoundError as `person_in_picture` does.
    """
    person = person_in_picture(path, hints, SMALLEST_HEIGHT)
    pixels = person.picture
    mask = Image.fromarray(person.mask.astype(np.uint8) * 255)
    photo = Photo(pixels, mask, *pixels.size)
    squared = size[0] == size[1]  # CUB's pictures: the object's box, black around it
    whole = is_crop(person, size) and not squared
    box = photo.whole if whole else (with_margin(person.box) if squared else around(person.box, size))
    window = Window(*(photo.whole if whole else with_ratio(box, size)))
    image, seen = shown(photo, box, Framing(*size, squared))
    return GarmentPhoto(person, window, whole, image[None].float() / 255, seen[None].float())


def is_crop(person: Person, size: tuple[int, int]) -> bool:
    """Whether a picture has been cut around its object already."""
    factor = (person.picture.width / person.picture.height) / (size[1] / size[0])
    top, bottom = person.box[1], person.box[3]
    return max(factor, 1 / factor) <= SAME_RATIO and (bottom - top) / person.picture.height >= WHOLE_FROM


def around(box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The window of the ratio of (h, w) in which a bounding box has its usual share."""
    left, top, right, bottom = box
    x, y = (left + right) / 2, (top + bottom) / 2
    width, height = (right - left) / WIDTH_SHARE / 2, (bottom - top) / HEIGHT_SHARE / 2
    return with_ratio((x - width, y - height, x + width, y + height), size)


def with_margin(box: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    across, down = BIRD_MARGIN * (right - left), BIRD_MARGIN * (bottom - top)
    return left - across, top - down, right + across, bottom + down


def with_ratio(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The smallest rectangle of the ratio of (h, w) about the same centre that holds a box."""
    left, top, right, bottom = box
    ratio = size[1] / size[0]
    width, height = max(right - left, ratio * (bottom - top)), max(bottom - top, (right - left) / ratio)
    x, y = (left + right) / 2, (top + bottom) / 2
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2
