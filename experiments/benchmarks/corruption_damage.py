"""Ways in which a file on a disk goes bad, each decided by a seed."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

LARGEST_BLOCK = 512
"""Bytes: a sector of an old disk."""


class Damage(NamedTuple):
    """What was done to one file."""

    kind: str
    path: Path
    before: bytes
    content: bytes | None
    """What the file holds now; None where it is gone."""


def damaged(files: list[Path], random: np.random.Generator) -> Damage:
    """One of the files, damaged in one of the ways; nothing is written yet.

    Files of every suffix are equally likely to be chosen, so that a single list of names is hit as often as a hundred
    pictures.
    """
    suffixes = sorted({path.suffix for path in files})
    suffix = suffixes[random.integers(len(suffixes))]
    alike = [path for path in files if path.suffix == suffix]
    path = alike[random.integers(len(alike))]
    kind = KINDS[random.integers(len(KINDS))]
    return Damage(kind, path, path.read_bytes(), WAYS[kind](path, files, random))


def apply(damage: Damage) -> None:
    if damage.content is None:
        damage.path.unlink()
    else:
        damage.path.write_bytes(damage.content)


def _truncated(path: Path, files: list[Path], random: np.random.Generator) -> bytes:
    content = path.read_bytes()
    return content[: random.integers(len(content))] if content else content


def _flipped(path: Path, files: list[Path], random: np.random.Generator) -> bytes:
    """One to eight bits anywhere."""
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    for _ in range(int(random.integers(1, 9)) if len(content) else 0):
        content[random.integers(len(content))] ^= np.uint8(1 << random.integers(8))
    return content.tobytes()


def _zeroed(path: Path, files: list[Path], random: np.random.Generator) -> bytes:
    content = path.read_bytes()
    start, end = _block(len(content), random)
    return content[:start] + bytes(end - start) + content[end:]


def _repeated(path: Path, files: list[Path], random: np.random.Generator) -> bytes:
    """A block stands there twice and pushes the rest away."""
    content = path.read_bytes()
    start, end = _block(len(content), random)
    return content[:end] + content[start:]


def _lost(path: Path, files: list[Path], random: np.random.Generator) -> bytes:
    """A block is missing and the rest has closed up."""
    content = path.read_bytes()
    start, end = _block(len(content), random)
    return content[:start] + content[end:]


def _swapped(path: Path, files: list[Path], random: np.random.Generator) -> bytes:
    """The content of a file of another kind of the same data set, or bytes without sense where there is one kind."""
    others = [other for other in files if other.suffix != path.suffix]
    return others[random.integers(len(others))].read_bytes() if others else random.bytes(1000)


def _emptied(path: Path, files: list[Path], random: np.random.Generator) -> bytes:
    return b""


def _deleted(path: Path, files: list[Path], random: np.random.Generator) -> None:
    return None


def _block(length: int, random: np.random.Generator) -> tuple[int, int]:
    if not length:
        return 0, 0
    start = int(random.integers(length))
    return start, min(length, start + int(random.integers(1, LARGEST_BLOCK + 1)))


WAYS: dict[str, Callable[[Path, list[Path], np.random.Generator], bytes | None]] = {
    "truncated": _truncated,
    "bits flipped": _flipped,
    "block zeroed": _zeroed,
    "block repeated": _repeated,
    "block lost": _lost,
    "another kind of file": _swapped,
    "emptied": _emptied,
    "deleted": _deleted,
}
KINDS = tuple(WAYS)
