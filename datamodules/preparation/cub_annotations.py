"""Where the birds of CUB-200-2011 are: from the official text files, or from the caches that CMR made of them."""

import math
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from datamodules.masks import read_mask
from models.geometry.mat_files import read_mat
from models.geometry.plain_text import read_plain_text

Part = Literal["train", "test"]
Box = tuple[float, float, float, float]


class Bird(NamedTuple):
    """One picture, whose bird is to be cut out."""

    picture: Path
    mask: Path
    """As errors call it: the file that the mask is read from."""
    read_mask: Callable[[], np.ndarray]
    """[h, w] uint8: agreement of the annotators from 0 to 255, in the size of the picture."""
    listed_in: Path
    """The file that names the picture."""
    box: Box
    """left, top, width, height in pixels, the first one's left edge at 0."""
    part: Part


def official_birds(base: Path) -> list[Bird]:
    """The official pictures, boxes, split and segmentations (segmentations/ or segmentation/, beside `base` or in it).

    Raises FileNotFoundError naming what is missing, ValueError naming a row that cannot be read.
    """
    folders = [folder / name for folder in (base.parent, base) for name in ("segmentations", "segmentation")]
    segmentations = next((folder for folder in folders if folder.is_dir()), None)
    if segmentations is None:
        raise FileNotFoundError(
            f"There is no folder {folders[0]}: unpack CUB's segmentations.tgz there, they are a download of their own."
        )
    name_file = base / "images.txt"
    names = {number: fields[0] for number, fields in _rows(name_file, 1)}
    box_file = base / "bounding_boxes.txt"
    boxes = {number: _numbers(box_file, fields) for number, fields in _rows(box_file, 4)}
    part_file = base / "train_test_split.txt"
    parts: dict[str, Part] = {number: _part(part_file, fields) for number, fields in _rows(part_file, 1)}
    for file, rows in ((box_file, boxes), (part_file, parts)):
        strangers = sorted(rows.keys() - names.keys())
        if strangers:
            raise ValueError(
                f"{name_file} has no row of the picture {strangers[0]} ({len(strangers)} such numbers), which {file} "
                "has: download both again."
            )
    if len(set(names.values())) < len(names):
        raise ValueError(f"{name_file} names a picture twice: download it again.")
    birds = []
    for number, name in names.items():
        for file, rows in ((box_file, boxes), (part_file, parts)):
            if number not in rows:
                raise ValueError(f"{file} has no row of the picture {number} ({name}): download it again.")
        mask = segmentations / Path(name).with_suffix(".png")
        birds.append(
            Bird(base / "images" / name, mask, partial(read_mask, mask), name_file, boxes[number], parts[number])
        )
    return birds


def cmr_birds(caches: Path, images: Path) -> list[Bird]:
    """The birds of train_cub_cleaned.mat for training and of testval_cub_cleaned.mat, or else val_cub_cleaned.mat and
    test_cub_cleaned.mat, for test; all three are of the official test part.

    caches: folder with the files, or one whose data/ has them. Raises FileNotFoundError naming what is missing,
    ValueError naming a file that is no such cache.
    """
    folder = next((path for path in (caches, caches / "data") if (path / _cache("train")).is_file()), None)
    if folder is None:
        raise FileNotFoundError(f"There is no {caches / _cache('train')}: give the folder with CMR's caches.")
    tested = [name for name in ("testval",) if (folder / _cache(name)).is_file()]
    tested = tested or [name for name in ("val", "test") if (folder / _cache(name)).is_file()]
    birds = _birds_of(folder / _cache("train"), images, "train")
    if not tested:
        raise FileNotFoundError(f"There is no {folder / _cache('testval')}: CMR's caches have birds for test too.")
    for name in tested:
        birds += _birds_of(folder / _cache(name), images, "test")
    return birds


def _cache(name: str) -> str:
    return f"{name}_cub_cleaned.mat"


def _birds_of(path: Path, images: Path, part: Part) -> list[Bird]:
    try:
        rows = np.atleast_1d(read_mat(path, struct_as_record=False, squeeze_me=True)["images"])
        return [_bird_of(row, path, images, part) for row in rows]
    except Exception as error:  # scipy has many ways to say that a file is no .mat, and a struct may lack any member
        reason = str(error).split("\n")[0]
        raise ValueError(
            f"The cache {path} cannot be read ({reason}): expected CMR's struct 'images' with rel_path, mask and bbox, "
            "make or download it again."
        ) from None


def _bird_of(row: Any, path: Path, images: Path, part: Part) -> Bird:
    left, top, right, bottom = (float(getattr(row.bbox, name)) for name in ("x1", "y1", "x2", "y2"))
    box = (left - 1, top - 1, right - left + 1, bottom - top + 1)  # Matlab counts from 1, its last pixel included
    if not all(map(math.isfinite, box)) or np.ndim(row.mask) != 2:
        raise ValueError("a box that is not finite or a mask that is no picture")
    drawn = np.asarray(row.mask) > 0
    return Bird(images / str(row.rel_path), path, partial(_stretched, drawn), path, box, part)


def _stretched(drawn: np.ndarray) -> np.ndarray:
    return drawn.astype(np.uint8) * np.uint8(255)


def _rows(path: Path, members: int) -> Iterable[tuple[str, list[str]]]:
    """Number of the picture and what stands behind it."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no {path}: unpack the official download CUB_200_2011.tgz whole.")
    seen: set[str] = set()
    for line_number, line in enumerate(read_plain_text(path).splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != members + 1 or fields[0] in seen:
            raise ValueError(f"Row {line_number} of {path} reads '{line}': download the annotations again.")
        seen.add(fields[0])
        yield fields[0], fields[1:]


def _part(path: Path, fields: list[str]) -> Part:
    if fields[0] not in ("0", "1"):
        raise ValueError(f"A row of {path} ends in '{fields[0]}', not in 0 or 1: download the annotations again.")
    return "train" if fields[0] == "1" else "test"


def _numbers(path: Path, fields: list[str]) -> Box:
    try:
        left, top, width, height = (float(field) for field in fields)
        if not all(map(math.isfinite, (left, top, width, height))):
            raise ValueError
    except ValueError:
        raise ValueError(f"A row of {path} reads '{' '.join(fields)}': download the annotations again.") from None
    return left, top, width, height
