"""What a run was trained on, as one number: two runs with the same number had the same files."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EDGE_BYTES = 4096
"""Read at the beginning and at the end of a file: all of a small one, and of a picture what no two have in common."""
MOST_READ = 5000
"""Files whose content is looked at; of more, every so-manieth is."""
MADE_BY_US = frozenset({"foreground.csv"})
"""Written beside the data by the data modules themselves."""


def data_digest(root: Path) -> dict[str, Any]:
    """SHA-256 over the sorted relative paths and sizes of all files of a folder, and over the first and last 4 KiB of
    each (of every so-manieth where there are more than 5000), with their number and bytes.

    Files and folders whose names begin with a dot do not count, nor what the data modules write there.
    """
    files = sorted(files_of(root))
    every = max(1, -(-len(files) // MOST_READ))
    digest, total = hashlib.sha256(), 0
    for place, (name, path, size) in enumerate(files):
        total += size
        digest.update(f"{name}\0{size}\0".encode(errors="surrogateescape"))
        if place % every == 0:
            digest.update(edges(path, size))
    covers = (
        f"paths, sizes and the first and last {EDGE_BYTES} bytes of every {'' if every == 1 else f'{every}th '}file"
    )
    return {"root": str(root), "sha256": digest.hexdigest(), "files": len(files), "bytes": total, "covers": covers}


def files_of(root: Path) -> Iterator[tuple[str, str, int]]:
    """Relative path with forward slashes, path and size of every file that counts."""
    folders = [str(root)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name in MADE_BY_US:
                    continue
                if entry.is_dir():
                    folders.append(entry.path)
                elif entry.is_file():
                    name = os.path.relpath(entry.path, root).replace(os.sep, "/")
                    yield name, entry.path, entry.stat().st_size


def edges(path: str, size: int) -> bytes:
    with open(path, "rb") as file:
        first = file.read(EDGE_BYTES)
        if size > 2 * EDGE_BYTES:
            file.seek(-EDGE_BYTES, os.SEEK_END)
        return first + file.read(EDGE_BYTES)
