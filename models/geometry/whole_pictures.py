"""Picture files that are whole: what a decoder would pass over in silence is refused."""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_AFTER_COEFFICIENTS = frozenset((0xC4, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)))
"""Markers that may end a run of coefficients: tables, the next scan, comments, the end."""
_RESTARTS = range(0xD0, 0xD8)


@contextmanager
def whole_picture(path: Path) -> Iterator[Image.Image]:
    """The opened picture, of which nothing is decoded yet.

    Pillow believes PNG's pixels without their checksums, and paints the rest of a JPEG grey where a stray marker cuts
    its coefficients off; both are refused here, from the bytes alone.

    Raises whatever Pillow raises, OSError, or ValueError with the reason in a few words.
    """
    with opened_whole(path.read_bytes()) as picture:
        yield picture


def opened_whole(content: bytes) -> Image.Image:
    """As `whole_picture`, of a file's content."""
    if content.startswith(PNG):
        _require_png_checksums(content)
    elif content.startswith(JPEG):
        _require_unbroken_coefficients(content)
    try:
        return Image.open(io.BytesIO(content))
    except UnidentifiedImageError:  # names the buffer, which tells a user nothing
        raise ValueError("it is no picture in a format that is known") from None


def _require_png_checksums(content: bytes) -> None:
    view, position, kind = memoryview(content), len(PNG), b""
    while kind != b"IEND":
        if position + 12 > len(content):
            raise ValueError("the PNG file is cut short")
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + 8 + length
        if end + 4 > len(content):
            raise ValueError("the PNG file is cut short")
        if zlib.crc32(view[position + 4 : end]) != struct.unpack_from(">I", content, end)[0]:
            raise ValueError("a checksum of the PNG file is wrong")
        position = end + 4


def _require_unbroken_coefficients(content: bytes) -> None:
    """Walks from segment to segment. What comes before the first coefficients is left to Pillow."""
    position, restarts, scanned = 2, False, False
    while position + 4 <= len(content):
        marker = content[position + 1]
        if content[position] != 0xFF:
            if scanned:
                raise ValueError("the JPEG file is broken between its segments")
            return
        if marker == 0xFF:  # a filler
            position += 1
            continue
        if marker == 0xD9:
            _require_end(content[position + 2 :])
            return
        scanned |= marker == 0xDA
        restarts |= marker == 0xDD
        position += 2 + struct.unpack_from(">H", content, position + 2)[0]
        if marker == 0xDA:
            position = _end_of_coefficients(content, position, restarts)


def _require_end(rest: bytes) -> None:
    """Behind the end may stand another picture, or what a phone's maker likes, but not the true end."""
    if rest.rstrip(b"\x00").endswith(b"\xff\xd9") and b"\xff\xd8" not in rest:
        raise ValueError("the JPEG file ends in the middle of its coefficients")


def _end_of_coefficients(content: bytes, position: int, restarts: bool) -> int:
    """Where the next segment begins; the length of the content where there is none."""
    for found in _MARKER.finditer(content, position):
        marker = content[found.start() + 1]
        if marker in _AFTER_COEFFICIENTS:
            return found.start()
        if not (restarts and marker in _RESTARTS):
            raise ValueError(f"the JPEG file has a stray marker {marker:02x} in its coefficients")
    return len(content)
