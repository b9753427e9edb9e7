"""CUB-200-2011 cut around its birds, from the official download, from CMR's caches or from the authors' own crops."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from datamodules.clothing_records import located
from datamodules.cub import AGREEMENT, cub_layout
from datamodules.foreground_index import Coverage, coverage_of
from datamodules.masks import require_object
from datamodules.pictures import read_picture
from datamodules.preparation.clothing_pairs import Progress, finished, place_mask, place_pairs
from datamodules.preparation.cub_annotations import Bird, cmr_birds, official_birds
from datamodules.preparation.neutral_layout import Prepared
from models.geometry.atomic import replace_when_complete

MARGIN = 0.1
"""By how much of the bird's box the crop is larger, on every side (the authors')."""
_CROPPED = ("CUB_Data", "data/CUB_Data")


def prepare_cub(
    raw: str | Path,
    out: str | Path,
    *,
    caches: Path | None = None,
    copy: bool = False,
    progress: Progress | None = None,
) -> Prepared:
    """OUT/{train,test}/<class>/<name>.jpg and .png and OUT/foreground.csv.

    raw: the official download (CUB_200_2011/images, images.txt, train_test_split.txt, bounding_boxes.txt and
    segmentations/), or the authors' crops (CUB_Data/train, test), which are linked, or copied with `copy`. caches:
    folder with CMR's train_cub_cleaned.mat and testval_cub_cleaned.mat (or val_ and test_), from which boxes, masks and
    splits are then taken; `raw` needs images/ only. `raw` is only read. A second run changes nothing.

    Raises FileNotFoundError naming what is missing.
    """
    raw, out = Path(raw), Path(out)
    if caches is None and any((raw / folder / "train").is_dir() for folder in (".", *_CROPPED)):
        layout = cub_layout(raw)
        base = layout.base if out.resolve() == raw.resolve() else out
        return place_pairs(layout, base, lambda path: path.relative_to(layout.base), copy=copy, progress=progress)
    hint = "give the folder CUB_200_2011 of the official download, or the one that holds train and test"
    base = located(raw, ("CUB_200_2011",), ("images",), hint)
    birds = official_birds(base) if caches is None else cmr_birds(caches, base / "images")
    return _cut_all(birds, out, base, progress)


def _cut_all(birds: Sequence[Bird], out: Path, base: Path, progress: Progress | None) -> Prepared:
    rows: dict[str, Coverage] = {}
    left_out: list[str] = []
    for done, bird in enumerate(birds, 1):
        folder = out / bird.part / bird.picture.parent.name
        try:
            cut = _cut(bird)
        except (OSError, ValueError) as error:
            left_out.append(str(error))
        else:  # what cannot be written is no fault of the bird's
            _place(cut, folder, bird.picture.stem)
            rows[f"{bird.part}/{folder.name}/{bird.picture.stem}"] = coverage_of(cut.agreement > 0)
        if progress is not None:
            progress(done, len(birds))
    return finished(out, rows, left_out, base)


class CutBird(NamedTuple):
    photo: Image.Image
    agreement: np.ndarray
    """[h, w] uint8 of the photo's size."""


def _cut(bird: Bird) -> CutBird:
    """Raises FileNotFoundError or ValueError naming what cannot be used."""
    if not bird.picture.is_file():
        raise FileNotFoundError(f"There is no picture {bird.picture}, which {bird.listed_in} names: download it again.")
    picture = read_picture(bird.picture)
    values = bird.read_mask()
    if values.shape != (picture.height, picture.width):
        raise ValueError(
            f"The mask {bird.mask} is {values.shape[1]} x {values.shape[0]} pixels but its picture {bird.picture} is "
            f"{picture.width} x {picture.height}: download it again."
        )
    left, top, right, bottom = crop_box(bird.box, picture.size)
    if right - left < 16 or bottom - top < 16:
        raise ValueError(
            f"The box of {bird.picture} cut at the picture's border is {right - left} x {bottom - top} pixels: mend it."
        )
    cut = np.ascontiguousarray(values[top:bottom, left:right])
    require_object(cut > AGREEMENT, bird.mask)
    return CutBird(picture.crop((left, top, right, bottom)), cut)


def _place(cut: CutBird, folder: Path, stem: str) -> None:
    """Writes picture and mask, unless they are there already."""
    place_mask(cut.agreement, folder / f"{stem}.png")
    photo = folder / f"{stem}.jpg"
    if not photo.exists():
        with replace_when_complete(photo) as (partial,):
            cut.photo.save(partial, format="JPEG", quality=100)


def crop_box(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """left, top, right, bottom of the crop in whole pixels inside a picture of `size` (width, height): the box, larger
    by a tenth of its sides on every side.

    box: left, top, width, height.
    """
    left, top, width, height = box
    return (
        max(int(left - MARGIN * width), 0),
        max(int(top - MARGIN * height), 0),
        min(int(left + (1 + MARGIN) * width), size[0]),
        min(int(top + (1 + MARGIN) * height), size[1]),
    )
