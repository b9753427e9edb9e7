"""Downloads as they come, packed or unpacked, file by file."""

import gzip
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from models.geometry.atomic import replace_when_complete

TAR_SUFFIXES = (".tar", ".tgz", ".tar.gz")
ARCHIVE_SUFFIXES = (*TAR_SUFFIXES, ".zip")
Place = Callable[[PurePosixPath], PurePosixPath | None]
"""Path inside the download (the archive's own path without its suffix first) -> path in the layout, or None."""


class PlacedFiles(NamedTuple):
    written: int
    left_out: tuple[str, ...]
    """One sentence for each archive that could not be read to its end."""


def place_files(
    raw: Path, out: Path, place: Place, *, copy: bool, progress: Callable[[int, int], None] | None = None
) -> PlacedFiles:
    """Every file of `raw`, also those inside its archives, that has a place in the layout `out`.

    Files of archives are unpacked, others linked, or copied with `copy`. What is there already stays. A path that leads
    out of its archive has no place.
    """
    written, left_out = 0, []
    sources = sorted(path for path in raw.rglob("*") if path.is_file())
    for done, path in enumerate(sources, 1):
        inside = PurePosixPath(path.relative_to(raw).as_posix())
        if path.name.lower().endswith(ARCHIVE_SUFFIXES):
            try:
                written += _unpack(path, out, lambda member, inside=inside: place(_without_suffix(inside) / member))
            except (EOFError, gzip.BadGzipFile, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
                reason = str(error).split("\n")[0]
                left_out.append(
                    f"The archive {path} cannot be read to its end ({reason}) and nothing of it was taken: download it "
                    "again."
                )
        else:
            target = place(inside)
            if target is not None:
                _place(path, out / target, copy)
                written += 1
        if progress is not None:
            progress(done, len(sources))
    return PlacedFiles(written, tuple(left_out))


def _unpack(path: Path, out: Path, place: Place) -> int:
    """How many files of an archive have a place. They take it when the archive was read to its end and its checksums
    fit: before, none of them can be trusted."""
    unfinished = out / f".unfinished-{path.name}"
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        placed = []
        for member, content in _members(path):
            target = place(member)
            if target is not None:
                placed.append(target)
                if not (out / target).exists():
                    with replace_when_complete(unfinished / target) as (partial,), partial.open("wb") as file:
                        shutil.copyfileobj(content, file)
        for target in placed:
            if (unfinished / target).exists():
                (out / target).parent.mkdir(parents=True, exist_ok=True)
                os.replace(unfinished / target, out / target)
        return len(placed)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _members(path: Path) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    """Regular files of an archive in its order."""
    if path.name.lower().endswith(TAR_SUFFIXES):
        with _decompressed(path) as stream:
            with tarfile.open(fileobj=stream, mode="r|*") as archive:
                for member in archive:
                    content = archive.extractfile(member) if member.isfile() else None
                    if content is not None and _stays_inside(PurePosixPath(member.name)):
                        yield PurePosixPath(member.name), content
            while stream.read(1 << 20):  # to the checksum at the end
                pass
        return
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir() and _stays_inside(PurePosixPath(info.filename)):
                with archive.open(info) as content:
                    yield PurePosixPath(info.filename), content


def _decompressed(path: Path) -> gzip.GzipFile | BufferedReader:
    """tarfile's own decompression of streams passes over gzip's checksum."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")


def _stays_inside(path: PurePosixPath) -> bool:
    return not path.is_absolute() and ".." not in path.parts


def _without_suffix(path: PurePosixPath) -> PurePosixPath:
    suffix = next(suffix for suffix in sorted(ARCHIVE_SUFFIXES, key=len)[::-1] if path.name.lower().endswith(suffix))
    return path.with_name(path.name[: -len(suffix)])


def _place(source: Path, target: Path, copy: bool) -> None:
    if target.exists():
        return
    target.unlink(missing_ok=True)  # a link to a download that has moved
    target.parent.mkdir(parents=True, exist_ok=True)
    if not copy:
        try:
            target.symlink_to(source.resolve())
            return
        except OSError:
            pass
    with replace_when_complete(target) as (partial,):
        shutil.copyfile(source, partial)
