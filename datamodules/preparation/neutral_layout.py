"""Writing the layout that `face_folder` reads, without touching the download it comes from."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from datamodules.face_records import Box
from datamodules.landmarks import write_landmarks


class Prepared(NamedTuple):
    """What an importer did."""

    out: Path
    pictures: int
    left_out: tuple[str, ...]
    """One sentence for each picture that could not be converted."""

    def with_left_out(self, sentences: Iterable[str]) -> "Prepared":
        """With further sentences."""
        return self._replace(left_out=(*self.left_out, *sentences))


def open_layout(out: Path, folders: Iterable[str]) -> None:
    """Makes the folders; what is in them already stays."""
    for folder in folders:
        (out / folder).mkdir(parents=True, exist_ok=True)


def place_picture(source: Path, out: Path, name: str, *, copy: bool) -> None:
    """images/NAME.suffix as a symbolic link to the download, or as a copy when asked for or where links are impossible.

    A file that is already there is left alone.
    """
    target = out / "images" / f"{name}{source.suffix.lower()}"
    if target.exists():
        return
    target.unlink(missing_ok=True)  # a link to a download that has moved
    if not copy:
        try:
            target.symlink_to(source.resolve())
            return
        except OSError:
            pass
    partial = target.with_name(target.name + ".partial")
    shutil.copyfile(source, partial)
    os.replace(partial, target)


def place_landmarks(points: np.ndarray, out: Path, name: str) -> None:
    """landmarks/NAME.txt from [68, 2] points in the pixel-centre convention."""
    target = out / "landmarks" / f"{name}.txt"
    partial = target.with_suffix(".partial")
    write_landmarks(points, partial)
    os.replace(partial, target)


def place_mask(classes: np.ndarray, out: Path, name: str) -> None:
    """masks/NAME.png from [h, w] uint8 classes."""
    target = out / "masks" / f"{name}.png"
    partial = target.with_suffix(".partial")
    Image.fromarray(classes).save(partial, format="PNG", compress_level=3)
    os.replace(partial, target)


def write_boxes(boxes: Mapping[str, Box], out: Path) -> None:
    """boxes.json"""
    place_json({name: [round(value, 2) for value in boxes[name]] for name in sorted(boxes)}, out / "boxes.json")


def place_json(values: object, path: Path) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(values, indent=1), encoding="utf-8")
    os.replace(partial, path)


def require_some(prepared: Prepared, raw: Path) -> Prepared:
    """Raises ValueError when nothing could be converted."""
    if prepared.pictures == 0:
        reason = f" ({prepared.left_out[0]})" if prepared.left_out else ""
        raise ValueError(f"No picture in {raw} could be converted{reason}: check that the download was unpacked whole.")
    return prepared
