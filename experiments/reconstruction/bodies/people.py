"""Which person of which picture: a mask, the picture's own transparency, a box or the detector say where they are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from datamodules.pictures import read_picture
from experiments.errors import UserError, one_line
from experiments.reconstruction.choice import choose
from experiments.reconstruction.person_detection import cut_out_box, find_people, people_of, tall
from models.geometry.whole_pictures import whole_picture

SMALLEST_HEIGHT = 48
"""Pixels of a person below which nothing but a blob could come out."""
LEAST_TRANSPARENT = 0.02
"""Share of a picture; programs leave a few transparent pixels that cut nobody out."""
LARGEST_LABEL = 32
"""A grey mask whose brightest pixel is no brighter is a map of labels: all but 0 is the person."""
LARGEST_SHARE = 0.98
"""A mask that covers more of its picture shows no outline."""


@dataclass(frozen=True)
class Hints:
    """What the user says about a picture."""

    mask: Path | None = None
    """A picture that is bright where the person is, or a folder that holds NAME.png for NAME.jpg."""
    box: tuple[float, float, float, float] | None = None
    """x, y of the upper left corner, width, height of the person."""
    person: int | None = None
    """Which of several people, counted from the left, from 1; the largest when None."""


@dataclass(frozen=True)
class Person:
    """One person to reconstruct."""

    path: Path
    picture: Image.Image
    """Upright RGB."""
    mask: np.ndarray
    """[h, w] bool."""
    how: str
    """Where the mask comes from, in words."""
    found: str = "1 person found"
    """How many there are, and which one this is."""

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the mask, in whole pixels."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    @property
    def cut_sides(self) -> list[str]:
        """Sides of the picture that the person touches."""
        left, top, right, bottom = self.box
        height, width = self.mask.shape
        touched = {"left": left <= 0, "top": top <= 0, "right": right >= width, "bottom": bottom >= height}
        return [side for side, touches in touched.items() if touches]


def person_in_picture(path: Path, hints: Hints, smallest_height: int = SMALLEST_HEIGHT) -> Person:
    """Reads a picture and finds the person in it, who must be `smallest_height` pixels high; of several the largest.

    Raises:
        ValueError, FileNotFoundError: one sentence naming the file: it cannot be read; its mask is empty, full or of
            another size; nobody is found, or fewer than `person`; the person is too small.
    """
    picture = read_picture(path)
    mask_path = mask_of(hints.mask, path)
    transparency = None if mask_path else read_transparency(path)
    if mask_path is not None:
        masks, how = people_of(read_mask(mask_path, picture.size), whole=True), f"mask {mask_path}"
    elif transparency is not None:
        masks, how = people_of(transparency, whole=True), "the picture's transparency"
    elif hints.box is not None:
        masks, how = [cut_out_box(picture, box_corners(hints.box, path, picture))], "box"
    else:
        found = find_people(picture)
        masks, how = found.masks, found.how
    if masks and hints.box is not None and (mask_path is not None or transparency is not None):
        masks, how = [inside_box(np.any(masks, axis=0), box_corners(hints.box, path, picture))], f"{how}, in the box"
    masks = [mask for mask in masks if mask.any()]
    if not masks:
        raise UserError(nobody(path, mask_path, hints))
    # a mask may be of a bird or a garment
    one, several = ("object", "objects") if mask_path or transparency is not None else ("person", "people")
    taken = choose(path, [int(mask.sum()) for mask in masks], hints.person, one=one, several=several)
    mask = masks[taken.index]
    if tall(mask) < smallest_height:
        raise UserError(
            f"{path}: the person is {tall(mask)} pixels high, {smallest_height} are the least; give a larger picture"
        )
    if mask.mean() > LARGEST_SHARE:
        raise UserError(f"{mask_path or path}: the mask covers the whole picture; make it dark around the person")
    return Person(path, picture, mask, how, taken.remark)


def mask_of(given: Path | None, picture: Path) -> Path | None:
    """The mask that belongs to a picture: the one given, or the one of its name in the folder given."""
    if given is None:
        return None
    path = given / f"{picture.stem}.png" if given.is_dir() else given
    if not path.is_file():
        raise UserError(f"{path} does not exist; give the mask that belongs to {picture.name}, or leave --mask out")
    return path


def read_mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    """[h, w] bool of a (width, height) picture: brighter than half of the brightest pixel; of a map of labels all but
    label 0, of one in colours all but black.

    Raises:
        UserError: it cannot be read, or has another size than its picture.
    """
    try:
        with whole_picture(path) as opened:
            opened.load()
            upright = ImageOps.exif_transpose(opened)
            alpha = np.array(upright.convert("RGBA").getchannel("A"))
            values = alpha if alpha.min() < 255 else brightness(upright)
    except Exception as error:  # damaged files end in OSError, SyntaxError, struct.error, ValueError and more
        raise UserError(f"the mask {path} cannot be read ({one_line(str(error))}); write it again as PNG") from None
    if values.shape != (size[1], size[0]):
        raise UserError(
            f"the mask {path} has {values.shape[1]} x {values.shape[0]} pixels but its picture {size[0]} x {size[1]}; "
            "give a mask of the picture's size"
        )
    return values > values.max(initial=0) / 2


def brightness(mask: Image.Image) -> np.ndarray:
    """[h, w]: of a grey mask its values, 255 wherever a map of labels has one."""
    if mask.mode == "P":
        colours = np.asarray(mask.convert("RGB"))
        if (colours.min(axis=2) < colours.max(axis=2)).any():
            return np.where((colours > 0).any(2), 255, 0)
    values = np.asarray(mask.convert("L"))
    return np.where(values > 0, 255, 0) if values.max(initial=0) <= LARGEST_LABEL else values


def read_transparency(path: Path) -> np.ndarray | None:
    """[h, w] bool: the opaque part of a picture; None where nothing, or next to nothing, is transparent."""
    with whole_picture(path) as opened:
        if "A" not in opened.getbands() and "transparency" not in opened.info:
            return None
        alpha = ImageOps.exif_transpose(opened).convert("RGBA").getchannel("A")
    opaque = np.asarray(alpha) > 127
    return opaque if LEAST_TRANSPARENT < 1 - opaque.mean() < 1 else None


def box_corners(
    box: tuple[float, float, float, float], path: Path, picture: Image.Image
) -> tuple[float, float, float, float]:
    x, y, width, height = box
    inside = 0 <= x + width / 2 <= picture.width and 0 <= y + height / 2 <= picture.height
    if not inside or width <= 0 or height <= 0:
        raise UserError(
            f"{path}: the box x {x:g} y {y:g} width {width:g} height {height:g} is not inside the picture of "
            f"{picture.width} x {picture.height} pixels; give the corner and the size of a person in it"
        )
    return x, y, x + width, y + height


def inside_box(mask: np.ndarray, corners: tuple[float, float, float, float]) -> np.ndarray:
    left, top, right, bottom = (max(0, round(value)) for value in corners)
    kept = np.zeros_like(mask)
    kept[top:bottom, left:right] = mask[top:bottom, left:right]
    return kept


def nobody(path: Path, mask_path: Path | None, hints: Hints) -> str:
    if mask_path is not None and hints.box is None:
        return f"the mask {mask_path} is empty; make it bright where the person is"
    if hints.box is not None:
        return f"{path}: nobody could be told from the background in the box; give a mask with --mask"
    return (
        f"{path}: no upright person was found; say where they are with --box X Y WIDTH HEIGHT or --mask FILE, or give "
        "a picture whose background is plain or transparent"
    )
