"""ATR, the 'humanparsing' photographs of dressed people, as it is downloaded.

    JPEGImages/<name>.jpg   SegmentationClassAug/<name>.png   Seg/<name>[_<ratio>].png   ATR_train.txt   ATR_test.txt

Masks come from Seg/ where it exists (`threefold prepare atr` makes it), else from the label maps. The authors' lists
are matched by stem, whatever ratio or suffix they carry; without them a tenth of the subjects (where these are not
known, of the names), chosen by a hash, is test.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from datamodules.clothing_data_module import ClothingDataModule
from datamodules.clothing_pictures import BoxAugmentation
from datamodules.clothing_records import (
    ClothingLayout,
    ClothingRecord,
    hash_rank,
    located,
    masks_by_stem,
    pictures_by_stem,
    subjects_of,
    truth_folder,
    unmatched,
    without_ratio,
)
from datamodules.foreground_index import Bounds
from datamodules.masks import read_labels, read_mask
from datamodules.pictures import PICTURE_SUFFIXES
from models.geometry.plain_text import read_plain_text

PICTURES, LABELS, MASKS = "JPEGImages", "SegmentationClassAug", "Seg"
LISTS: dict[str, Literal["train", "test"]] = {"ATR_train.txt": "train", "ATR_test.txt": "test"}
TEST_SHARE = 0.1
TRAIN_RATIO, CLEAN_RATIO, TEST_RATIO = (0.09, 0.49), (0.18, 0.26), (0.09, 0.49)
AUGMENTATION = BoxAugmentation()
IMAGE_SIZE = (160, 96)
_ROUNDS = 5


def atr_layout(root: str | Path) -> ClothingLayout:
    """Raises FileNotFoundError when the folder is no such layout."""
    root = Path(root)
    hint = f"give the folder humanparsing of ATR, with {PICTURES} and {LABELS} or {MASKS}, or one above it"
    base = located(root, ("humanparsing", "ATR/humanparsing"), (PICTURES,), hint)
    folder = next((base / name for name in (MASKS, LABELS) if (base / name).is_dir()), None)
    if folder is None:
        raise FileNotFoundError(f"{base} has neither {MASKS}/ nor {LABELS}/: {hint}.")
    truths = truth_folder(root, base)
    pictures, twice = pictures_by_stem(_files(base / PICTURES), lambda path: path.stem)
    masks, problems = masks_by_stem(_files(folder), lambda path: without_ratio(path.stem))
    problems += twice + unmatched(pictures, masks)
    subjects = subjects_of(truths)
    names = sorted(pictures.keys() & masks.keys())
    lists = found_lists(root, base)
    parts, strangers = listed_parts(lists, {name: subjects.get(name, name) for name in pictures})
    if not names and not problems:
        raise FileNotFoundError(f"{base / PICTURES} holds no pictures: unpack the download whole.")
    records = [
        ClothingRecord(
            name,
            pictures[name],
            masks[name],
            truths / f"{name}.npz" if truths else None,
            subjects.get(name, name),
            parts.get(name),
        )
        for name in names
    ]
    return ClothingLayout(
        base,
        tuple(records),
        foreground=person_of_mask,
        counted=person_of_mask,
        squared=False,
        largest_stretch=2.0,
        problems=(*problems, *strangers),
        parted_by=" and ".join(LISTS) if lists else "",
    )


def found_lists(root: Path, base: Path) -> list[Path]:
    """The authors' lists in the layout's folder, in the one that was given, in the one above humanparsing/, or in a
    folder 'datasets' in any of them."""
    above = [base.resolve().parent] if base.resolve().name == "humanparsing" else []
    folders = [folder / name for folder in (base, root, *above) for name in (".", "datasets")]
    found = (next((folder / name for folder in folders if (folder / name).is_file()), None) for name in LISTS)
    return [path for path in found if path is not None]


def listed_parts(
    lists: Iterable[Path], names: Mapping[str, str]
) -> tuple[dict[str, Literal["train", "test"]], tuple[str, ...]]:
    """The part of each name, and a sentence for each list that names absent pictures or those of the other list.

    names: of the pictures, with the subject of each, which training and test do not share where there are no lists.
    """
    lists = list(lists)
    if not lists:
        subjects = sorted(set(names.values()), key=hash_rank)
        tested = set(subjects[: max(round(TEST_SHARE * len(subjects)), 1)])
        return {name: "test" if subject in tested else "train" for name, subject in names.items()}, ()
    parts: dict[str, Literal["train", "test"]] = {}
    problems = []
    for path in lists:
        stems = listed_stems(path)
        if not stems:
            problems.append(f"{path} names no picture: copy it again or delete it.")
        absent = [stem for stem in stems if stem not in names]
        if absent:
            problems.append(
                f"{path} names {absent[0]} ({len(absent)} such rows) but there is no such picture: add it, take it out "
                "of the list or run `threefold prepare atr` into another folder, for lists of what is there."
            )
        shared = [stem for stem in stems if parts.get(stem, LISTS[path.name]) != LISTS[path.name]]
        if shared:
            problems.append(
                f"{path} names {shared[0]} ({len(shared)} such rows), which the other list names too: training "
                "pictures may not be tested on, take it out of one."
            )
        parts |= {stem: LISTS[path.name] for stem in stems if stem in names}
    if len(lists) == 1 and LISTS[lists[0].name] == "test":  # the others are for training
        parts = {name: parts.get(name, "train") for name in names}
    return parts, tuple(problems)


def listed_stems(path: Path) -> list[str]:
    """The names in a list, in its order, without ratios, suffixes and folders.

    Raises ValueError when the list is no text or ends in the middle of a name.
    """
    text = read_plain_text(path)
    rows = [row for row in (line.strip() for line in text.splitlines()) if row]
    if rows and not text.endswith("\n") and _breaks_off(rows):
        raise ValueError(f"{path} is cut short in its last row, '{rows[-1]}': copy it again.")
    return [without_ratio(_stem(row)) for row in rows]


def _breaks_off(rows: list[str]) -> bool:
    """Whether the last row lacks the suffix that all others have; where it is alone, one behind its ratio."""
    endings = [suffix if (suffix := Path(row).suffix.lower()) in PICTURE_SUFFIXES else "" for row in rows]
    if len(rows) == 1:
        return not endings[0] and without_ratio(rows[0]) != rows[0]
    return len(set(endings[:-1])) == 1 and endings[-1] != endings[0]


def _stem(row: str) -> str:
    path = Path(row)
    return path.stem if path.suffix.lower() in PICTURE_SUFFIXES else path.name


def person_of_mask(path: Path) -> np.ndarray:
    """[h, w] bool: every pixel of a mask that is not black, or the person in a label map (`person_of_labels`)."""
    return person_of_labels(read_labels(path)) if path.parent.name == LABELS else read_mask(path) > 0


def person_of_labels(labelled: np.ndarray) -> np.ndarray:
    """[h, w] bool, where a label map is not background, widened and filled as the authors do: a pixel is added once
    when it has a neighbour, then four times when at least 5 of the 9 pixels around it are foreground."""
    person = _neighbours(labelled) >= 1
    for _ in range(_ROUNDS - 1):
        person = person | (_neighbours(person) >= 5)
    return person


def _neighbours(person: np.ndarray) -> np.ndarray:
    """How many of the 3 x 3 pixels around each are foreground; outside of the picture none is."""
    padded = np.pad(person.astype(np.uint8), 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)


class AtrDataModule(ClothingDataModule):
    """ATR for the trainer; see `ClothingDataModule` for the arguments and `datamodules.atr` for the files."""

    def __init__(
        self,
        root: str,
        image_size: tuple[int, int] = IMAGE_SIZE,
        batch_size: int = 48,
        augmentation: BoxAugmentation | None = AUGMENTATION,
        train_ratio: Bounds | None = TRAIN_RATIO,
        clean_ratio: Bounds | None = CLEAN_RATIO,
        test_ratio: Bounds | None = TEST_RATIO,
        clean_augmented: bool = True,
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
        return atr_layout(self.root)
