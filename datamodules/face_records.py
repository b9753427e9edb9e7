"""The files of a folder of faces: which picture has which landmarks, mask, box and truth, and which split it is in.

Two layouts are read. The neutral one, which the synthetic data and the importers write:

    images/NAME.jpg|png   landmarks/NAME.txt   masks/NAME.png   truth/NAME.npz   boxes.json   split.txt

and any folder with pictures directly in it, with or without the same companions. `boxes.json` maps NAME to the face's
box [left, top, right, bottom] in pixels, brows to chin; `split.txt` holds rows 'NAME train|val|test'.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from datamodules.pictures import PICTURE_SUFFIXES
from models.geometry.plain_text import read_plain_text

Split = Literal["train", "val", "test"]
Box = tuple[float, float, float, float]
HELD_OUT_SHARE = 0.2


class FaceRecord(NamedTuple):
    """One picture and its companions; None where a companion does not exist."""

    name: str
    picture: Path
    landmarks: Path | None
    segmentation: Path | None
    truth: Path | None
    box: Box | None


def face_records(root: Path) -> list[FaceRecord]:
    """Every picture of the folder in the order of their names.

    Raises FileNotFoundError when the folder or its pictures are missing, ValueError when two pictures share a name.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}: give a folder of face pictures.")
    folder = root / "images" if (root / "images").is_dir() else root
    pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    if not pictures:
        raise FileNotFoundError(f"The folder {folder} holds no pictures ({', '.join(PICTURE_SUFFIXES)}): add some.")
    boxes = read_boxes(root)
    records: dict[str, FaceRecord] = {}
    for picture in pictures:
        name = picture.stem
        if name in records:
            raise ValueError(
                f"The pictures {records[name].picture} and {picture} share the name {name}: rename one of them, "
                "landmarks and masks are found by name."
            )
        records[name] = FaceRecord(
            name,
            picture,
            _companion(root / "landmarks" / f"{name}.txt"),
            _companion(root / "masks" / f"{name}.png"),
            _companion(root / "truth" / f"{name}.npz"),
            boxes.get(name),
        )
    return [records[name] for name in sorted(records)]


def _companion(path: Path) -> Path | None:
    return path if path.is_file() else None


def read_boxes(root: Path) -> dict[str, Box]:
    """The boxes of `boxes.json`, empty when there is none. Raises ValueError naming the entry that is no box."""
    path = root / "boxes.json"
    if not path.is_file():
        return {}
    try:
        entries = json.loads(read_plain_text(path))
        entries = entries.items()
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path} is not a JSON object of boxes ({error}): write {{NAME: [left, top, right, bottom]}}."
        ) from None
    boxes: dict[str, Box] = {}
    for name, box in entries:
        try:
            left, top, right, bottom = (float(value) for value in box)
        except (TypeError, ValueError):
            raise ValueError(
                f"The box of {name} in {path} is {box}: write [left, top, right, bottom] in pixels."
            ) from None
        boxes[name] = (left, top, right, bottom)
    return boxes


def split_names(root: Path, names: Iterable[str]) -> dict[str, tuple[Split, ...]]:
    """The splits that each name belongs to.

    From `split.txt` when it exists. Otherwise about a fifth of the names, chosen by a hash so that neither order nor
    newly added pictures change the choice, is held out from training and serves validation and test alike.

    Raises ValueError when `split.txt` names an unknown split, names a picture that is not there or leaves one out.
    """
    names = list(names)
    path = root / "split.txt"
    return _written_split(path, names) if path.is_file() else _hashed_split(names)


def write_split(path: Path, splits: Mapping[str, Split]) -> None:
    """Writes rows 'NAME SPLIT' in the order of the names."""
    path.write_text("".join(f"{name} {splits[name]}\n" for name in sorted(splits)), encoding="utf-8")


def _written_split(path: Path, names: list[str]) -> dict[str, tuple[Split, ...]]:
    splits: dict[str, tuple[Split, ...]] = {}
    for number, line in enumerate(read_plain_text(path).split("\n"), 1):
        if not line.strip():
            continue
        name, _, split = line.strip().rpartition(" ")
        if split not in ("train", "val", "test") or not name:
            raise ValueError(f"Row {number} of {path} reads '{line}': write 'NAME train', 'NAME val' or 'NAME test'.")
        splits[name.strip()] = (split,)
    known = set(names)
    strangers = [name for name in splits if name not in known]
    if strangers:
        raise ValueError(
            f"{path} names {strangers[0]} ({len(strangers)} such rows) but there is no such picture: mend it."
        )
    missing = [name for name in names if name not in splits]
    if missing:
        raise ValueError(
            f"{path} gives no split to {missing[0]} ({len(missing)} such pictures): add them or delete split.txt."
        )
    return splits


def _hashed_split(names: list[str]) -> dict[str, tuple[Split, ...]]:
    rank = {name: int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64 for name in names}
    held_out = {name for name in names if rank[name] < HELD_OUT_SHARE}
    if not held_out:
        held_out = {min(names, key=rank.__getitem__)}
    if len(held_out) == len(names) > 1:
        held_out.remove(max(names, key=rank.__getitem__))
    return {name: ("val", "test") if name in held_out else ("train",) for name in names}
