"""What a data set of clothing holds and everything that is wrong with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from datamodules.clothing_pictures import Framing, Photo, ShownPhoto, read_photo, shown
from datamodules.clothing_records import ClothingLayout, ClothingRecord, split_names
from datamodules.clothing_truth import read_clothing_truth
from datamodules.foreground_index import Bounds, Coverage, read_index

VALIDATION_SHARE = 0.05
PANEL_PHOTOS, PANEL_COLUMNS = 48, 12
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ClothingInspection:
    """Counts of a data set and one sentence for each problem."""

    root: Path
    pictures: int
    checked: int
    splits: dict[str, int]
    truths: int
    indexed: int
    ratios: tuple[float, ...]
    """Of the masks that were read, in order of size."""
    usable: int
    """Of those, how many the training filter lets through."""
    clean: int
    problems: tuple[str, ...]

    def report(self) -> str:
        """A few lines to print, problems last."""
        lines = [f"{self.root}: {self.pictures} pictures with masks"]
        if self.splits:
            lines.append("splits: " + ", ".join(f"{name} {count}" for name, count in self.splits.items()))
        if self.checked < self.pictures:
            lines.append(f"read whole: {self.checked} of the pictures, evenly chosen")
        if self.ratios:
            low, middle, high = np.quantile(self.ratios, (0.05, 0.5, 0.95))
            lines.append(
                f"masks cover {middle:.2f} of their pictures ({low:.2f} to {high:.2f} in nine of ten); the training "
                f"filter lets {self.usable} through, the one for the template {self.clean}"
            )
        lines.append(f"beside them: {self.indexed} rows of the index, {self.truths} truth files")
        lines.append(f"{len(self.problems)} problems" if self.problems else "no problems")
        return "\n".join([*lines, *(f"- {problem}" for problem in self.problems)])


def inspect_clothing(
    layout: ClothingLayout,
    image_size: tuple[int, int],
    *,
    train_ratio: Bounds,
    clean_ratio: Bounds,
    limit: int | None = None,
    panel: Path | None = None,
    progress: Progress | None = None,
) -> ClothingInspection:
    """Reads pictures, masks and truth as training would and names every one that it would stumble over.

    image_size: height and width that training shows pictures with. limit: read only that many whole, evenly chosen.
    panel: where to write a PNG of sample pictures with the outlines of their masks, or None.
    """
    problems = list(layout.problems)
    framing = Framing(*image_size, layout.squared)
    index, broken = _index(layout)
    problems += broken
    chosen = _evenly(layout.records, limit)
    counted: list[Coverage] = []
    tiles: list[ShownPhoto] = []
    shown_names = {record.name for record in _evenly(chosen, PANEL_PHOTOS)}
    for done, record in enumerate(chosen, 1):
        photos: list[Photo] = []
        problems += _problems_of(layout, record, framing, index, photos, counted)
        if record.name in shown_names:
            tiles += [shown(photo, photo.whole, framing) for photo in photos]
        if progress is not None:
            progress(done, len(chosen))
    splits, unsplit = _splits(layout)
    problems += unsplit
    if panel is not None and tiles:
        _write_panel(tiles, panel)
    return ClothingInspection(
        root=layout.base,
        pictures=len(layout.records),
        checked=len(chosen),
        splits=splits,
        truths=sum(record.truth is not None and record.truth.is_file() for record in layout.records),
        indexed=len(index),
        ratios=tuple(sorted(coverage.ratio for coverage in counted)),
        usable=sum(coverage.between(train_ratio) for coverage in counted),
        clean=sum(coverage.between(clean_ratio) for coverage in counted),
        problems=tuple(dict.fromkeys(problems)),
    )


def _evenly(records: tuple[ClothingRecord, ...], number: int | None) -> tuple[ClothingRecord, ...]:
    if number is None or number >= len(records):
        return records
    places = np.unique(np.linspace(0, len(records) - 1, number).round().astype(int))
    return tuple(records[place] for place in places)


def _index(layout: ClothingLayout) -> tuple[dict[str, Coverage], list[str]]:
    if not layout.index_file.is_file():
        return {}, []
    try:
        return read_index(layout.index_file), []
    except ValueError as error:
        return {}, [str(error)]


def _splits(layout: ClothingLayout) -> tuple[dict[str, int], list[str]]:
    try:
        names = split_names(layout.records, VALIDATION_SHARE)
    except ValueError as error:
        return {}, [f"{layout.base}: {error}"]
    return {split: len(names[split]) for split in ("train", "val", "test")}, []


def _problems_of(
    layout: ClothingLayout,
    record: ClothingRecord,
    framing: Framing,
    index: dict[str, Coverage],
    photos: list[Photo],
    counted: list[Coverage],
) -> Iterator[str]:
    try:
        photos.append(read_photo(layout, record, framing))
        coverage = layout.counted_coverage(record.mask)
        counted.append(coverage)
        if index.get(record.name, coverage) != coverage:
            yield (
                f"{layout.index_file} says that {record.mask} covers {index[record.name].ratio:.4f} but it covers "
                f"{coverage.ratio:.4f}: delete the index, it is made anew."
            )
    except (OSError, ValueError) as error:
        yield str(error)
    if record.truth is not None:
        try:
            read_clothing_truth(record.truth)
        except (OSError, ValueError) as error:
            yield str(error)


def _write_panel(tiles: list[ShownPhoto], path: Path) -> None:
    pictures = [_outlined(tile) for tile in tiles]
    pictures += [torch.zeros_like(pictures[0])] * (-len(pictures) % min(PANEL_COLUMNS, len(pictures)))
    columns = min(PANEL_COLUMNS, len(pictures))
    rows = [torch.cat(pictures[start : start + columns], 2) for start in range(0, len(pictures), columns)]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(torch.cat(rows, 1).permute(1, 2, 0).numpy()).save(path, format="PNG")


def _outlined(photo: ShownPhoto) -> torch.Tensor:
    inside = photo.mask[None].float()
    core = -torch.nn.functional.max_pool2d(-inside, 3, stride=1, padding=1)
    line = (inside - core)[0, 0] > 0
    picture = photo.image.clone()
    picture[:, line] = torch.tensor([255, 255, 0], dtype=torch.uint8)[:, None]
    return picture
