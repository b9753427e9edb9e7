"""Market-HQ: Market-1501 enlarged four times, with body silhouettes, as it is downloaded.

    pytorch/{train_all,query}/<person>/<stem>.jpg.png     seg_hmr/{train_all,query}/<person>/<stem>.jpg_<ratio>.png

`train_all` is for training and validation, `query` for test; ratios in the masks' names are not read.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from datamodules.clothing_data_module import ClothingDataModule
from datamodules.clothing_pictures import ShiftAugmentation
from datamodules.clothing_records import (
    ClothingLayout,
    ClothingRecord,
    located,
    masks_by_stem,
    pictures_by_stem,
    truth_folder,
    unmatched,
    without_ratio,
)
from datamodules.foreground_index import Bounds
from datamodules.masks import read_mask
from datamodules.pictures import PICTURE_SUFFIXES

PICTURES, MASKS = "pytorch", "seg_hmr"
PARTS: dict[str, Literal["train", "test"]] = {"train_all": "train", "query": "test"}
TRAIN_RATIO, CLEAN_RATIO = (0.09, 0.64), (0.36, 0.49)
AUGMENTATION = ShiftAugmentation()
IMAGE_SIZE = (128, 64)


def market_hq_layout(root: str | Path) -> ClothingLayout:
    """Raises FileNotFoundError when the folder is no such layout."""
    root = Path(root)
    hint = "give the folder hq of Market-HQ or one above it"
    base = located(root, ("hq", "Market/hq"), (PICTURES, MASKS), hint)
    truths = truth_folder(root, base)
    records, problems = [], []
    for part, split in PARTS.items():
        pictures, twice = pictures_by_stem(_files(base / PICTURES / part), lambda path, part=part: _key(path, part))
        masks, more = masks_by_stem(_files(base / MASKS / part), lambda path, part=part: _key(path, part))
        problems += twice + more + unmatched(pictures, masks)
        for name in sorted(pictures.keys() & masks.keys()):
            truth = truths / f"{Path(name).name}.npz" if truths else None
            person = pictures[name].parent.name
            records.append(ClothingRecord(name, pictures[name], masks[name], truth, person, split))
    if not records and not problems:
        raise FileNotFoundError(f"{base / PICTURES} holds no pictures train_all/<person>/*.png: unpack the download.")
    return ClothingLayout(
        base,
        tuple(records),
        foreground=person_of_mask,
        counted=person_of_mask,
        squared=False,
        largest_stretch=1.25,
        problems=tuple(problems),
    )


def person_of_mask(path: Path) -> np.ndarray:
    """[h, w] bool: every pixel that is not black."""
    return read_mask(path) > 0


def stem_of(path: Path) -> str:
    """Of a picture or mask: '0001_c1s1_001051_00' of '0001_c1s1_001051_00.jpg_0.31.png'."""
    return without_ratio(path.stem).removesuffix(".jpg")


def _key(path: Path, part: str) -> str:
    return f"{part}/{path.parent.name}/{stem_of(path)}"


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/*") if path.suffix.lower() in PICTURE_SUFFIXES)


class MarketHqDataModule(ClothingDataModule):
    """Market-HQ for the trainer; see `ClothingDataModule` for the arguments and `datamodules.market_hq` for the files.

    Validation holds out whole persons of `train_all`.
    """

    def __init__(
        self,
        root: str,
        image_size: tuple[int, int] = IMAGE_SIZE,
        batch_size: int = 48,
        augmentation: ShiftAugmentation | None = AUGMENTATION,
        train_ratio: Bounds | None = TRAIN_RATIO,
        clean_ratio: Bounds | None = CLEAN_RATIO,
        test_ratio: Bounds | None = None,
        clean_augmented: bool = False,
        validation_share: float = 0.05,
        repeats: int = 1,
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
        return market_hq_layout(self.root)
