"""ATR as it is downloaded: label maps to masks, pictures linked, foreground counted, the authors' lists matched."""

from pathlib import Path

import numpy as np

from datamodules.atr import LABELS, LISTS, MASKS, PICTURES, found_lists, listed_parts, listed_stems, person_of_mask
from datamodules.clothing_records import (
    located,
    masks_by_stem,
    pictures_by_stem,
    truth_folder,
    unmatched,
    without_ratio,
)
from datamodules.foreground_index import Coverage, coverage_of
from datamodules.pictures import PICTURE_SUFFIXES
from datamodules.preparation.clothing_pairs import (
    Progress,
    finished,
    place_file,
    place_mask,
    place_truths,
    require_pair,
)
from datamodules.preparation.neutral_layout import Prepared
from models.geometry.atomic import replace_when_complete
from models.geometry.plain_text import read_plain_text


def prepare_atr(
    raw: str | Path, out: str | Path, *, lists: Path | None = None, copy: bool = False, progress: Progress | None = None
) -> Prepared:
    """OUT/JPEGImages, OUT/Seg with masks of 0 and 255 made from the label maps (masks of an earlier preparation are
    taken as they are), OUT/foreground.csv, and OUT/ATR_train.txt and OUT/ATR_test.txt with the names that are there.

    raw: folder with JPEGImages and SegmentationClassAug, or one above; it is only read, unless `out` is the same
    folder, which then gets what it lacks. lists: folder with the authors' ATR_train.txt and ATR_test.txt, which are
    matched by stem; None looks in `raw`. copy: copy pictures instead of linking to them. A second run changes nothing,
    unless the download has become more complete: then pictures, masks and rows of the lists are added.

    Raises FileNotFoundError when `raw` is no ATR or `lists` has no list, ValueError when a list cannot be read or is
    that of other pictures; nothing is written then.
    """
    raw, out = Path(raw), Path(out)
    hint = f"give the folder humanparsing of ATR, with {PICTURES} and {LABELS}, or one above it"
    base = located(raw, ("humanparsing", "ATR/humanparsing"), (PICTURES,), hint)
    out = base if out.resolve() == raw.resolve() else out
    listed = {path: listed_stems(path) for path in _lists(raw, base, lists)}
    pictures, left_out = pictures_by_stem(_files(base / PICTURES), lambda path: path.stem)
    masks, twice = _masks(base)
    left_out += twice + unmatched(pictures, masks)
    for path, stems in listed.items():
        _require_some_of(path, stems, pictures)
    names = sorted(pictures.keys() & masks.keys())
    rows: dict[str, Coverage] = {}
    for done, name in enumerate(names, 1):
        try:
            person = person_of_mask(masks[name])
            require_pair(pictures[name], masks[name], person)
        except (OSError, ValueError) as error:
            left_out.append(str(error))
            continue
        rows[name] = coverage_of(person)
        place_file(pictures[name], out / PICTURES / pictures[name].name, copy=copy)
        if masks[name].parent != out / MASKS:
            place_mask(person.astype(np.uint8) * 255, out / MASKS / f"{name}.png")
        if progress is not None:
            progress(done, len(names))
    truths = truth_folder(raw, base)
    if truths is not None and out != base:
        place_truths((truths / f"{name}.npz" for name in rows), out, copy=copy)
    prepared = finished(out, rows, left_out, base)
    absent = [sentence for path, stems in listed.items() for sentence in _write_list(path, stems, out, rows)]
    _, strangers = listed_parts(listed, {stem: stem for stems in listed.values() for stem in stems})
    return prepared._replace(left_out=(*prepared.left_out, *absent, *strangers))


def _masks(base: Path) -> tuple[dict[str, Path], list[str]]:
    """Those of an earlier preparation, then label maps for the others."""
    prepared, problems = masks_by_stem(_files(base / MASKS), lambda path: without_ratio(path.stem))
    labels, twice = masks_by_stem(_files(base / LABELS), lambda path: path.stem)
    return labels | prepared, problems + twice


def _lists(raw: Path, base: Path, lists: Path | None) -> list[Path]:
    if lists is None:
        return found_lists(raw, base)
    found = [lists / name for name in LISTS if (lists / name).is_file()]
    if not found:
        raise FileNotFoundError(f"The folder {lists} holds neither {' nor '.join(LISTS)}: give the one that does.")
    return found


def _require_some_of(path: Path, stems: list[str], pictures: dict[str, Path]) -> None:
    if not any(stem in pictures for stem in stems):
        found = f"none of its {len(stems)} names is that of a picture" if stems else "it names no picture"
        raise ValueError(f"{path} is no list of these pictures, {found}: give the lists of this data set or delete it.")


def _write_list(path: Path, stems: list[str], out: Path, rows: dict[str, Coverage]) -> list[str]:
    """The list without absent names; in a list that is there already every row stays, and what it lacks is added."""
    target = out / path.name
    text = read_plain_text(target) if target.exists() else ""
    known = set(listed_stems(target)) if text else set()
    new = [stem for stem in stems if stem in rows and stem not in known]
    if new or not text:
        with replace_when_complete(target) as (partial,):
            kept = text if not text or text.endswith("\n") else text + "\n"
            partial.write_text(kept + "".join(f"{stem}.jpg\n" for stem in new), encoding="utf-8")
    return [f"{path} names {stem} but no such pair could be used: add it." for stem in stems if stem not in rows]


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
