"""CelebA and CelebAMask-HQ as they are downloaded, to the layout of `face_folder`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from datamodules.face_records import Box, Split, write_split
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
    for part_class, part in enumerate(PARTS, 1):
        path = folder / str(number // _PICTURES_PER_MASK_FOLDER) / f"{number:05d}_{part}.png"
        if not path.is_file():
            continue
        with Image.open(path) as opened:
            drawn = np.asarray(opened.convert("L")) > 127
        merged = np.zeros(drawn.shape, np.uint8) if merged is None else merged
        if merged.shape != drawn.shape:
            raise ValueError(f"The mask {path} has another size than the picture's other masks: download it again.")
        merged[drawn] = part_class
    if merged is None:
        raise ValueError(f"There is no mask of picture {number} in {folder}: download CelebAMask-HQ-mask-anno again.")
    return merged


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
    write_boxes(boxes, out)
    splits = _mask_hq_splits(raw, boxes)
    if splits:
        write_split(out / "split.txt", splits)
    return Prepared(out, len(boxes), tuple(left_out))


def _mask_hq_splits(raw: Path, boxes: dict[str, Box]) -> dict[str, Split]:
    """By way of the original CelebA picture; empty when the two lists are not there."""
    mapping, partition = raw / "CelebA-HQ-to-CelebA-mapping.txt", _found(raw, "list_eval_partition.txt")
    if not mapping.is_file() or partition is None:
        return {}
    split_of = _partition(partition)
    splits: dict[str, Split] = {}
    rows = [line.split() for line in mapping.read_text(encoding="utf-8").splitlines()[1:] if line.strip()]
    for row in rows:
        original = Path(row[2]).stem
        if original in split_of:
            splits[f"{int(row[0]):05d}"] = split_of[original]
    return {name: splits[name] for name in boxes} if all(name in splits for name in boxes) else {}


def _prepare_in_the_wild(raw: Path, out: Path, copy: bool, progress: Progress | None) -> Prepared:
    pictures, points_file = _pictures_and_points(raw)
    open_layout(out, ("images",))
    lines = points_file.read_text(encoding="utf-8").splitlines()[2:]  # a count and the names of the columns
    rows = [line.split() for line in lines if line.strip()]
    boxes: dict[str, Box] = {}
    left_out = []
    for done, row in enumerate(rows, 1):
        path = pictures / row[0]
        if not path.is_file():
            left_out.append(f"{path} is listed in {points_file.name} but not there")
            continue
        points = np.array([float(value) for value in row[1:11]]).reshape(5, 2) + 0.5  # indices to pixel centres
        boxes[path.stem] = box_from_five_points(points)
        place_picture(path, out, path.stem, copy=copy)
        if progress is not None:
            progress(done, len(rows))
    write_boxes(boxes, out)
    partition = _found(raw, "list_eval_partition.txt")
    if partition is not None:
        split_of = _partition(partition)
        write_split(out / "split.txt", {name: split_of.get(name, "train") for name in boxes})
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
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {Path(name).stem: _PARTITION[part] for name, part in rows}
