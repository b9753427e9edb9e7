"""A checksum inside a mesh file that we wrote, for the formats have none: one flipped bit is another surface.

It stands near the beginning, in a comment or an extra that other programs pass by, and counts itself as zeros.
"""

import re
import zlib
from pathlib import Path

OPEN_SEAL = "crc32:00000000"
"""What a writer puts where the checksum belongs."""
_SEAL = re.compile(rb"crc32:([0-9a-f]{8})")
_HEAD = 512
"""Bytes in which it stands."""


def sealed(content: bytes) -> bytes:
    """The file with its checksum in the place of `OPEN_SEAL`."""
    place = content.index(OPEN_SEAL.encode(), 0, _HEAD)
    return content.replace(OPEN_SEAL.encode(), f"crc32:{_checksum(content, place):08x}".encode(), 1)


def is_sealed(content: bytes) -> bool:
    return _SEAL.search(content, 0, _HEAD) is not None


def require_seal(content: bytes, path: Path) -> None:
    """Raises ValueError when a file differs from its checksum; one without passes."""
    found = _SEAL.search(content, 0, _HEAD)
    if found is not None and int(found[1], 16) != _checksum(content, found.start()):
        raise ValueError(
            f"{path} does not fit its checksum: export or copy it again, or, if it was changed on purpose, take "
            f"'{found[0].decode()}' out of it."
        )


def _checksum(content: bytes, place: int) -> int:
    number = zlib.crc32(memoryview(content)[:place])
    number = zlib.crc32(OPEN_SEAL.encode(), number)
    return zlib.crc32(memoryview(content)[place + len(OPEN_SEAL) :], number)
