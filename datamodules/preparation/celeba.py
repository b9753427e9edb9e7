"""CelebA and CelebAMask-HQ as they are downloaded, to the layout of `face_folder`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from datamodules.face_records import Box, Split, write_split
from datamodules.masks import read_mask
from datamodules.pictures import read_picture
from datamodules.preparation.neutral_layout import (
    Prepared,
    open_layout,
    place_mask,
    place_picture,
    require_some,
    write_boxes,
)
from datamodules.samples import FACE_CLASSES
from models.geometry.plain_text import read_plain_text

PARTS = (
    "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear",
    "mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip
"""CelebAMask-HQ's file name endings; part i has class i + 1, later parts lie on top."""
_PICTURES_PER_MASK_FOLDER = 2000
_PARTITION: dict[str, Split] = {"0": "train", "1": "val", "2": "test"}
Progress = Callable[[int, int], None]


def prepare_celeba(
    raw: str | Path, out: str | Path, *, copy: bool = False, progress: Progress | None = None
) -> Prepared:
    """Converts either download, whichever lies in `raw`; `raw` is only read, a second run changes nothing.

    CelebAMask-HQ (CelebA-HQ-img/, CelebAMask-HQ-mask-anno/): pictures, masks merged into class indices at the size of
    the pictures, and boxes from the masks; the split of CelebA when its list_eval_partition.txt and CelebA-HQ's mapping
    are there. CelebA (img_celeba/ or img_align_celeba/, list_landmarks*.txt and list_eval_partition.txt, in place or
    in Img/, Anno/, Eval/): pictures, boxes from the five points, the official split. Neither has 68 landmarks.

    copy: copy pictures instead of linking to them. Raises FileNotFoundError naming what is missing.
    """
    raw, out = Path(raw), Path(out)
    nested = raw / "CelebAMask-HQ"
    hq = nested if nested.is_dir() else raw
    if (hq / "CelebA-HQ-img").is_dir():
        return require_some(_prepare_mask_hq(hq, out, copy, progress), raw)
    return require_some(_prepare_in_the_wild(raw, out, copy, progress), raw)


def merged_parts(folder: Path, number: int) -> np.ndarray:
    """[512, 512] uint8 classes of one CelebAMask-HQ picture from its one-file-a-part masks."""
    merged: np.ndarray | None = None
    first: Path | None = None
    for part_class, part in enumerate(PARTS, 1):
        path = _part(folder, number, part)
        if not path.is_file():
            continue
        drawn = read_mask(path) > 127
        merged = np.zeros(drawn.shape, np.uint8) if merged is None else merged
        first = first or path
        if merged.shape != drawn.shape:
            raise ValueError(f"The masks {first} and {path} of one picture differ in size: download them again.")
        merged[drawn] = part_class
    if merged is None or not _part(folder, number, "skin").is_file():
        raise ValueError(
            f"There is no mask {_part(folder, number, 'skin')}, which every picture has: download "
            "CelebAMask-HQ-mask-anno again."
        )
    return merged


def _part(folder: Path, number: int, part: str) -> Path:
    return folder / str(number // _PICTURES_PER_MASK_FOLDER) / f"{number:05d}_{part}.png"


def box_from_classes(classes: np.ndarray) -> Box:
    """Brows to chin, as wide as the skin. Raises ValueError when there is no skin."""
    skin = np.argwhere((classes >= 1) & (classes <= 12) & ~np.isin(classes, (3, 8, 9)))
    if not len(skin):
        raise ValueError("the mask shows no skin")
    (top, left), (bottom, right) = skin.min(0), skin.max(0) + 1
    brows = np.argwhere(np.isin(classes, (FACE_CLASSES.index("left brow"), FACE_CLASSES.index("right brow"))))
    top = brows[:, 0].min() if len(brows) else top + 0.25 * (bottom - top)
    return float(left), float(top), float(right), float(bottom)


def box_from_five_points(points: np.ndarray) -> Box:
    """Brows to chin from [5, 2] eyes, nose and mouth corners, with the proportions of an average face.

    Measured in the distance between eyes and mouth, which turning the head to the side does not shorten.
    """
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    unit = np.linalg.norm(mouth - eyes)
    middle = 0.5 * (eyes[0] + mouth[0])
    return (
        float(middle - 1.1 * unit),
        float(eyes[1] - 0.33 * unit),
        float(middle + 1.1 * unit),
        float(mouth[1] + 0.8 * unit),
    )


def _prepare_mask_hq(raw: Path, out: Path, copy: bool, progress: Progress | None) -> Prepared:
    annotations = raw / "CelebAMask-HQ-mask-anno"
    if not annotations.is_dir():
        raise FileNotFoundError(f"There is no folder {annotations}: unpack the whole CelebAMask-HQ download.")
    open_layout(out, ("images", "masks"))
    pictures = sorted((raw / "CelebA-HQ-img").glob("*.jpg"), key=lambda path: (len(path.stem), path.stem))
    boxes: dict[str, Box] = {}
    left_out = []
    for done, path in enumerate(pictures, 1):
        name = f"{int(path.stem):05d}" if path.stem.isdigit() else path.stem
        try:
            size = read_picture(path).size
            merged = Image.fromarray(merged_parts(annotations, int(path.stem))).resize(size, Image.Resampling.NEAREST)
            classes = np.asarray(merged)
            boxes[name] = box_from_classes(classes)
        except ValueError as error:
            left_out.append(f"{path}: {error}")
            continue
        place_picture(path, out, name, copy=copy)
        place_mask(classes, out, name)
        if progress is not None:
            progress(done, len(pictures))
    there = {int(path.stem) for path in pictures if path.stem.isdigit()}
    strays = [path for path in sorted(annotations.glob("*/*_skin.png")) if int(path.stem.split("_")[0]) not in there]
    if strays:
        left_out.append(f"{strays[0]} has no picture in CelebA-HQ-img ({len(strays)} such masks): unpack it again.")
    write_boxes(boxes, out)
    splits = _mask_hq_splits(raw, boxes)
    if splits:
        write_split(out / "split.txt", splits)
    return Prepared(out, len(boxes), tuple(left_out))


def _mask_hq_splits(raw: Path, boxes: dict[str, Box]) -> dict[str, Split]:
    """By way of the original CelebA picture; empty when the two lists are not there."""
    mapping, partition = raw / "CelebA-HQ-to-CelebA-mapping.txt", _found(raw, "list_eval_partition.txt")
    if partition is None:
        return {}
    if not mapping.is_file():
        raise FileNotFoundError(f"There is no {mapping} beside {partition.name}: unpack it or take that list away.")
    split_of = _partition(partition)
    splits: dict[str, Split] = {}
    rows = [line.split() for line in read_plain_text(mapping).splitlines()[1:] if line.strip()]
    for row in rows:
        original = Path(row[2]).stem if len(row) == 3 and row[0].isdecimal() else ""
        if original not in split_of:
            raise ValueError(
                f"The row '{' '.join(row)}' of {mapping} names no picture of {partition}: unpack both again."
            )
        splits[f"{int(row[0]):05d}"] = split_of[original]
    missing = [name for name in boxes if name not in splits]
    if missing:
        raise ValueError(
            f"{mapping} names no original of {missing[0]} ({len(missing)} such pictures): unpack it again."
        )
    return {name: splits[name] for name in boxes}


def _prepare_in_the_wild(raw: Path, out: Path, copy: bool, progress: Progress | None) -> Prepared:
    pictures, points_file = _pictures_and_points(raw)
    open_layout(out, ("images",))
    text = read_plain_text(points_file)
    lines = text.splitlines()[2:]  # a count and the names of the columns
    rows = [line.split() for line in lines if line.strip()]
    _require_counted(text, rows, points_file)
    boxes: dict[str, Box] = {}
    left_out = []
    for done, row in enumerate(rows, 1):
        path = pictures / row[0]
        if not path.is_file():
            left_out.append(f"{path} is listed in {points_file.name} but not there")
            continue
        points = _five_points(row, points_file) + 0.5  # indices to pixel centres
        boxes[path.stem] = box_from_five_points(points)
        place_picture(path, out, path.stem, copy=copy)
        if progress is not None:
            progress(done, len(rows))
    write_boxes(boxes, out)
    partition = _found(raw, "list_eval_partition.txt")
    if partition is not None:
        split_of = _partition(partition)
        missing = [name for name in boxes if name not in split_of]
        if missing:
            raise ValueError(
                f"{partition} gives no split to {missing[0]} ({len(missing)} such pictures): unpack it again or take "
                "it away."
            )
        write_split(out / "split.txt", {name: split_of[name] for name in boxes})
    return Prepared(out, len(boxes), tuple(left_out))


def _pictures_and_points(raw: Path) -> tuple[Path, Path]:
    for folder, listing in (
        ("img_celeba", "list_landmarks_celeba.txt"),
        ("img_align_celeba", "list_landmarks_align_celeba.txt"),
    ):
        pictures, points = _found(raw, folder), _found(raw, listing)
        if pictures is not None and points is not None:
            return pictures, points
    raise FileNotFoundError(
        f"{raw} holds neither CelebA-HQ-img/ nor img_celeba/ with list_landmarks_celeba.txt: give the folder into "
        "which CelebA or CelebAMask-HQ was unpacked (mmlab.ie.cuhk.edu.hk/projects/CelebA.html)."
    )


def _found(raw: Path, name: str) -> Path | None:
    places = (raw, raw / "Anno", raw / "Eval", raw / "Img", raw.parent)
    return next((place / name for place in places if (place / name).exists()), None)


def _partition(path: Path) -> dict[str, Split]:
    splits: dict[str, Split] = {}
    for number, line in enumerate(read_plain_text(path).splitlines(), 1):
        words = line.split()
        if words and (len(words) != 2 or words[1] not in _PARTITION):
            raise ValueError(f"Row {number} of {path} reads '{line}', not NAME 0, 1 or 2: unpack it again.")
        splits |= {Path(words[0]).stem: _PARTITION[words[1]]} if words else {}
    return splits


def _require_counted(text: str, rows: list[list[str]], path: Path) -> None:
    """The first line of CelebA's lists says how many rows follow."""
    first = text.split("\n", 1)[0].strip()
    if first != str(len(rows)) or not text.endswith("\n"):
        raise ValueError(f"{path} says that it has '{first[:20]}' rows and holds {len(rows)}: unpack it again.")


def _five_points(row: list[str], path: Path) -> np.ndarray:
    """[5, 2] as the row gives them. Raises ValueError naming the row."""
    try:
        points = np.array([float(value) for value in row[1:]]).reshape(5, 2)
    except ValueError:
        points = np.full((5, 2), np.nan)
    if not np.isfinite(points).all():
        raise ValueError(f"The row of {row[0]} in {path} holds no five points: unpack it again.")
    return points
