"""How much of every mask is foreground, counted once and kept in a file beside the data.

`foreground.csv` has the columns name, foreground and pixels: both are counts, so that no rounding decides who passes a
filter. Its last row is a checksum, for a digit that went bad would pass for another count; files without one are read
too. Names of masks are never changed.
"""

import contextlib
import csv
import io
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.geometry.atomic import replace_when_complete
from models.geometry.plain_text import read_plain_text

INDEX_NAME = "foreground.csv"
_COLUMNS = ["name", "foreground", "pixels"]
_CHECKSUM = "#crc32"
Bounds = tuple[float, float]


class Coverage(NamedTuple):
    """Pixels of one mask."""

    foreground: int
    pixels: int

    @property
    def ratio(self) -> float:
        return self.foreground / self.pixels

    def between(self, bounds: Bounds | None) -> bool:
        """Whether the ratio, rounded to two decimals as the authors write it into file names, lies strictly between the
        bounds."""
        return bounds is None or bounds[0] < round(self.ratio, 2) < bounds[1]


def coverage_of(foreground: np.ndarray) -> Coverage:
    """Of a mask [h, w] bool."""
    return Coverage(int(foreground.sum()), foreground.size)


def read_index(path: Path) -> dict[str, Coverage]:
    """The file's rows by name. Raises ValueError naming the first row that is none, or when the checksum is wrong."""
    rows: dict[str, Coverage] = {}
    text = read_plain_text(path)
    if not text.startswith(",".join(_COLUMNS) + "\n"):
        raise ValueError(f"{path} does not begin with {','.join(_COLUMNS)}: delete it, it is made anew.")
    lines, _, checksum = text.rpartition(f"{_CHECKSUM},")
    reader = csv.reader((lines or text).splitlines(keepends=True)[1:])
    for row in reader:
        try:
            name, foreground, pixels = row
            rows[name] = Coverage(int(foreground), int(pixels))
            if not 0 <= rows[name].foreground <= rows[name].pixels or rows[name].pixels == 0:
                raise ValueError
        except ValueError:
            raise ValueError(
                f"Row {reader.line_num + 1} of {path} reads '{','.join(row)}', not NAME,FOREGROUND,PIXELS: delete the "
                "file, it is made anew."
            ) from None
    if (lines and checksum != _checksum_of(lines)) or not text.endswith("\n"):
        raise ValueError(f"{path} is cut short or does not fit its checksum: delete it, it is made anew.")
    return rows


def _checksum_of(lines: str) -> str:
    return f"{zlib.crc32(lines.encode()):08x}\n"


def write_index(path: Path, rows: Mapping[str, Coverage]) -> None:
    """In the order of the names, whole or not at all."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows((name, *rows[name]) for name in sorted(rows))
    with replace_when_complete(path) as (partial,), partial.open("w", newline="", encoding="utf-8") as file:
        file.write(f"{lines.getvalue()}{_CHECKSUM},{_checksum_of(lines.getvalue())}")


def complete_index(
    path: Path,
    masks: Iterable[tuple[str, Path]],
    count: Callable[[Path], Coverage],
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Coverage]:
    """The rows of the file and those it lacked, which are counted and written.

    masks: name and file of each. Raises what `count` raises.
    """
    masks = list(masks)
    rows = read_index(path) if path.is_file() else {}
    missing = [(name, mask) for name, mask in masks if name not in rows]
    for done, (name, mask) in enumerate(missing, 1):
        rows[name] = count(mask)
        if progress is not None:
            progress(done, len(missing))
    if missing:
        with contextlib.suppress(OSError):  # a download that may only be read: counted again next time
            write_index(path, rows)
    return {name: rows[name] for name, _ in masks}
