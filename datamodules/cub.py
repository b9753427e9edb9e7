"""CUB-200-2011 cut around its birds, as the authors distribute it or `threefold prepare cub` makes it.

    {train,test}/<class>/<name>.jpg     {train,test}/<class>/<name>[_<ratio>].png

Masks hold how many of five annotators agree, in steps of 51: the bird is where four or more do. Ratios count every
pixel that anyone marked, as the authors' filters expect.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from datamodules.clothing_data_module import ClothingDataModule
from datamodules.clothing_pictures import BoxAugmentation
from datamodules.clothing_records import (
    ClothingLayout,
    ClothingRecord,
    located,
    masks_by_stem,
    pictures_by_stem,
    subjects_of,
    truth_folder,
    unmatched,
    without_ratio,
)
from datamodules.foreground_index import Bounds
from datamodules.masks import read_mask

PARTS: tuple[Literal["train", "test"], ...] = ("train", "test")
PHOTO_SUFFIXES = (".jpg", ".jpeg")
AGREEMENT = 160
TRAIN_RATIO, CLEAN_RATIO = (0.16, 0.64), (0.25, 0.49)
AUGMENTATION = BoxAugmentation()
IMAGE_SIZE = (128, 128)


def cub_layout(root: str | Path) -> ClothingLayout:
    """Raises FileNotFoundError when the folder is no such layout."""
    root = Path(root)
    hint = "give the folder CUB_Data with train and test, which `threefold prepare cub` makes from the downloads"
    base = located(root, ("CUB_Data", "data/CUB_Data"), ("train",), hint)
    truths = truth_folder(root, base)
    subjects = subjects_of(truths)
    records, problems = [], []
    for part in PARTS:
        files = sorted((base / part).glob("*/*"))
        photos = (path for path in files if path.suffix.lower() in PHOTO_SUFFIXES)
        pictures, twice = pictures_by_stem(photos, lambda path: _key(path.parent, path.stem))
        drawn = (path for path in files if path.suffix.lower() == ".png")
        masks, more = masks_by_stem(drawn, lambda path: _key(path.parent, without_ratio(path.stem)))
        problems += twice + more + unmatched(pictures, masks)
        for name in sorted(pictures.keys() & masks.keys()):
            stem = pictures[name].stem
            truth = truths / f"{stem}.npz" if truths else None
            records.append(ClothingRecord(name, pictures[name], masks[name], truth, subjects.get(stem, name), part))
    if not records and not problems:
        raise FileNotFoundError(f"{base / 'train'} holds no pictures <class>/<name>.jpg: {hint}.")
    return ClothingLayout(
        base,
        tuple(records),
        foreground=bird_of_mask,
        counted=marked_by_anyone,
        squared=True,
        largest_stretch=1.0,
        problems=tuple(problems),
    )


def bird_of_mask(path: Path) -> np.ndarray:
    """[h, w] bool: where four of five annotators saw the bird."""
    return read_mask(path) > AGREEMENT


def marked_by_anyone(path: Path) -> np.ndarray:
    """[h, w] bool: where any annotator saw it."""
    return read_mask(path) > 0


def _key(folder: Path, stem: str) -> str:
    return f"{folder.parent.name}/{folder.name}/{stem}"


class CubDataModule(ClothingDataModule):
    """CUB for the trainer; see `ClothingDataModule` for the arguments and `datamodules.cub` for the files.

    An epoch visits every bird twice, as the authors' do.
    """

    def __init__(
        self,
        root: str,
        image_size: tuple[int, int] = IMAGE_SIZE,
        batch_size: int = 48,
        augmentation: BoxAugmentation | None = AUGMENTATION,
        train_ratio: Bounds | None = TRAIN_RATIO,
        clean_ratio: Bounds | None = CLEAN_RATIO,
        test_ratio: Bounds | None = None,
        clean_augmented: bool = False,
        validation_share: float = 0.05,
        repeats: int = 2,
        workers: int = 0,
        memory_gib: float = 4.0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            root,
            image_size=image_size,
            batch_size=batch_size,
            augmentation=augmentation,
            train_ratio=train_ratio,
            clean_ratio=clean_ratio,
            test_ratio=test_ratio,
            clean_augmented=clean_augmented,
            validation_share=validation_share,
            repeats=repeats,
            workers=workers,
            memory_gib=memory_gib,
            seed=seed,
        )

    def open_layout(self) -> ClothingLayout:
        return cub_layout(self.root)
