"""Pictures and masks of clothing, placed side by side in the layouts that training reads, and counted."""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from datamodules.clothing_records import SUBJECTS_NAME, TRUTH_NAME, ClothingLayout
from datamodules.foreground_index import INDEX_NAME, Coverage, write_index
from datamodules.masks import require_object
from datamodules.pictures import read_picture
from datamodules.preparation.neutral_layout import Prepared
from models.geometry.atomic import replace_when_complete

Progress = Callable[[int, int], None]


def place_file(source: Path, target: Path, *, copy: bool) -> None:
    """A symbolic link to the download, or a copy when asked for or where links are impossible.

    A file that is already there is left alone.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if not copy:
        try:
            if target.is_symlink():  # to a download that has moved
                target.unlink()
            os.symlink(source.resolve(), target)
            return
        except OSError:
            pass
    with replace_when_complete(target) as (partial,):
        shutil.copyfile(source, partial)


def place_mask(values: np.ndarray, target: Path) -> None:
    """[h, w] uint8 as PNG; a file that is already there is left alone."""
    if not target.exists():
        with replace_when_complete(target) as (partial,):
            Image.fromarray(values).save(partial, format="PNG", compress_level=3)


def require_pair(picture: Path, mask: Path, foreground: np.ndarray) -> None:
    """Raises ValueError or FileNotFoundError naming what cannot be used: a picture that cannot be read, a mask without
    an object or of another aspect ratio."""
    width, height = read_picture(picture).size
    require_object(foreground, mask)
    rows, columns = foreground.shape
    if abs(columns * height - rows * width) > 0.02 * rows * width:
        raise ValueError(
            f"The mask {mask} is {columns} x {rows} pixels but its picture {picture} is {width} x {height}: segment "
            "the picture again."
        )


def place_truths(truths: Iterable[Path], out: Path, *, copy: bool) -> None:
    """Truth files and the list of subjects beside their folder, where there are any: without the subjects, pictures of
    one would come into training and validation."""
    for truth in truths:
        if truth.is_file():
            place_file(truth, out / TRUTH_NAME / truth.name, copy=copy)
        subjects = truth.parent.parent / SUBJECTS_NAME
        if subjects.is_file():
            place_file(subjects, out / SUBJECTS_NAME, copy=copy)


def place_pairs(
    raw: ClothingLayout,
    out: Path,
    place: Callable[[Path], Path],
    *,
    copy: bool,
    progress: Progress | None = None,
) -> Prepared:
    """Every sound pair of a downloaded layout into the same layout in `out`, which may be the download's own folder.

    place: file of the download -> where it goes, relative to `out`. Writes the index anew. What is wrong is left out
    and named; nothing is deleted or overwritten but the index.
    """
    rows: dict[str, Coverage] = {}
    left_out = list(raw.problems)
    for done, record in enumerate(raw.records, 1):
        try:
            require_pair(record.picture, record.mask, raw.foreground(record.mask))
            rows[record.name] = raw.counted_coverage(record.mask)
        except (OSError, ValueError) as error:
            left_out.append(str(error))
            continue
        for file in (record.picture, record.mask):
            place_file(file, out / place(file), copy=copy)
        if progress is not None:
            progress(done, len(raw.records))
    if out != raw.base:
        kept = [record for record in raw.records if record.name in rows]
        place_truths((record.truth for record in kept if record.truth is not None), out, copy=copy)
    return finished(out, rows, left_out, raw.base)


def finished(out: Path, rows: dict[str, Coverage], left_out: list[str], raw: Path) -> Prepared:
    """Writes the index. Raises ValueError when nothing could be used."""
    if not rows:
        reason = f" ({left_out[0].removesuffix('.')})" if left_out else ""
        raise ValueError(f"No picture in {raw} could be used{reason}: check that the download was unpacked whole.")
    write_index(out / INDEX_NAME, rows)
    return Prepared(out, len(rows), tuple(left_out))
