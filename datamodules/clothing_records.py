"""What a data set of clothing consists of, whatever its layout on disk."""

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from datamodules.foreground_index import INDEX_NAME, Coverage, complete_index, coverage_of
from models.geometry.plain_text import read_plain_text

Split = Literal["train", "val", "test"]
TRUTH_NAME = "TRUTH"
SUBJECTS_NAME = "subjects.csv"
_RATIO_ENDING = re.compile(r"(_\d\.\d{1,3})+$")


class ClothingRecord(NamedTuple):
    """One photograph and its mask."""

    name: str
    """Unique in the data set: folders and stem, without the ratio that some masks carry in their names."""
    picture: Path
    mask: Path
    truth: Path | None
    """None where the data set has no truth."""
    group: str
    """What validation may not share with training: the person or subject where it is known, else the name."""
    part: Literal["train", "test"] | None
    """The data set's own split; None where it gives the picture to neither."""


@dataclass(frozen=True)
class ClothingLayout:
    """A data set on disk.

    base: folder that holds the layout's own folders, the index and TRUTH/. foreground: mask file -> [h, w] bool, the
    object. counted: mask file -> [h, w] bool, what the ratio counts (the authors count CUB's masks otherwise than they
    read them). squared: pictures are padded to squares, not stretched. largest_stretch: by which factor the sides'
    ratio of a picture may differ from the one it is shown with. problems: what cannot be matched, one sentence each.
    """

    base: Path
    records: tuple[ClothingRecord, ...]
    foreground: Callable[[Path], np.ndarray]
    counted: Callable[[Path], np.ndarray]
    squared: bool
    largest_stretch: float
    problems: tuple[str, ...]
    parted_by: str = ""
    """The files that say which pictures are for training and which for test, in words; empty where folders do."""

    @property
    def has_truth(self) -> bool:
        return any(record.truth is not None for record in self.records)

    @property
    def index_file(self) -> Path:
        return self.base / INDEX_NAME

    def require_sound(self) -> None:
        """Raises ValueError with the first problem and the number of the others."""
        if self.problems:
            others = len(self.problems) - 1
            more = f" ({others} more: `threefold inspect` names them)" if others else ""
            raise ValueError(self.problems[0].removesuffix(".") + more + ".")

    def coverage(self, progress: Callable[[int, int], None] | None = None) -> dict[str, Coverage]:
        """How much of each record's mask is foreground, from the index, which is made or completed.

        Raises ValueError or FileNotFoundError naming a mask that cannot be read.
        """
        masks = ((record.name, record.mask) for record in self.records)
        return complete_index(self.index_file, masks, self.counted_coverage, progress)

    def counted_coverage(self, mask: Path) -> Coverage:
        return coverage_of(self.counted(mask))


def without_ratio(stem: str) -> str:
    """A mask's stem without the foreground ratio or ratios at its end: 'bird_0.31' and 'bird_0.31_0.31' are 'bird'."""
    return _RATIO_ENDING.sub("", stem)


def located(root: str | Path, below: Sequence[str], holds: Sequence[str], hint: str) -> Path:
    """`root` or the first of its folders `below` that has all the folders `holds`.

    Raises FileNotFoundError when there is none.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}: {hint}.")
    for folder in (root, *(root / name for name in below)):
        if all((folder / name).is_dir() for name in holds):
            return folder
    raise FileNotFoundError(f"{root} does not hold {' and '.join(name + '/' for name in holds)}: {hint}.")


def truth_folder(root: Path, base: Path) -> Path | None:
    """TRUTH/ in the base or in the folder that was given."""
    return next((folder / TRUTH_NAME for folder in (base, root) if (folder / TRUTH_NAME).is_dir()), None)


def subjects_of(truths: Path | None) -> dict[str, str]:
    """Who is seen on each picture, by stem, from subjects.csv beside TRUTH/ (columns name and subject); empty where
    there is none. Raises ValueError naming a file without these columns."""
    path = truths.parent / SUBJECTS_NAME if truths else None
    if path is None or not path.is_file():
        return {}
    rows = list(csv.reader(read_plain_text(path).splitlines()))
    if not rows or rows[0] != ["name", "subject"] or any(len(row) != 2 for row in rows):
        raise ValueError(f"{path} has other columns than name,subject: synthesize the data set again or delete it.")
    return dict(rows[1:])


def masks_by_stem(paths: Iterable[Path], stem_of: Callable[[Path], str]) -> tuple[dict[str, Path], list[str]]:
    """The masks by the stem of their pictures, and a sentence for each further mask of a picture."""
    masks, pairs = _first_of_each(paths, stem_of)
    return masks, [f"The masks {one} and {other} belong to one picture: take one of them away." for one, other in pairs]


def pictures_by_stem(paths: Iterable[Path], stem_of: Callable[[Path], str]) -> tuple[dict[str, Path], list[str]]:
    """The pictures by their stem, and a sentence for each further picture of a stem: a mask would fit both."""
    pictures, pairs = _first_of_each(paths, stem_of)
    return pictures, [
        f"The pictures {one} and {other} differ in their endings alone: take one of them away." for one, other in pairs
    ]


def _first_of_each(
    paths: Iterable[Path], stem_of: Callable[[Path], str]
) -> tuple[dict[str, Path], list[tuple[Path, Path]]]:
    files: dict[str, Path] = {}
    pairs = []
    for path in sorted(paths):
        stem = stem_of(path)
        if stem in files:
            pairs.append((files[stem], path))
        else:
            files[stem] = path
    return files, pairs


def unmatched(pictures: dict[str, Path], masks: dict[str, Path]) -> list[str]:
    """A sentence for each picture without a mask and each mask without a picture."""
    lonely = [
        f"The picture {path} has no mask: segment it or take it away (`threefold prepare` leaves such pictures out)."
        for stem, path in pictures.items()
        if stem not in masks
    ]
    strays = [
        f"The mask {path} has no picture: add the picture or take the mask away."
        for stem, path in masks.items()
        if stem not in pictures
    ]
    return lonely + strays


def split_names(
    records: Sequence[ClothingRecord], validation_share: float, parted_by: str = ""
) -> dict[Split, frozenset[str]]:
    """The data set's own test part, and its training part without a share of groups held out for validation.

    Held-out groups are those of the lowest hashes, so that the order of the files changes nothing and newly added
    groups little. Test is never looked at before the end. Raises ValueError when the training part has fewer than two
    groups.
    """
    if not 0 < validation_share < 1:
        raise ValueError(f"validation_share is {validation_share}: give a share of the training part between 0 and 1.")
    groups = sorted({record.group for record in records if record.part == "train"}, key=hash_rank)
    if len(groups) < 2:
        raise ValueError(
            f"The training part has {len(groups)} {'group' if len(groups) == 1 else 'groups'} of pictures where "
            f"training and validation need one each: add pictures of others{parted_by and f' or mend {parted_by}'}."
        )
    number = min(max(round(validation_share * len(groups)), 1), len(groups) - 1)
    held_out = frozenset(groups[:number])
    train = [record for record in records if record.part == "train"]
    return {
        "train": frozenset(record.name for record in train if record.group not in held_out),
        "val": frozenset(record.name for record in train if record.group in held_out),
        "test": frozenset(record.name for record in records if record.part == "test"),
    }


def hash_rank(name: str) -> float:
    """In [0, 1), evenly spread, the same on every machine."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64
