"""Matlab's files of version 5 to 7.2, walked through before scipy reads them: a damaged one can crash its C code."""

import io
import math
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from scipy.io import loadmat

HEADER = 128
COMPRESSED, MATRIX, FLAGS = 15, 14, 6
NAMES, COUNTS = {1, 16}, {5, 6}
"""Stored types of names, and of dimensions and lengths: other programs than Matlab take the second ones."""
SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
"""Bytes a number of each stored type."""
TEXT_TYPES = {1, 2, 3, 4, 16, 17, 18}
CELLS, STRUCT, OBJECT, TEXT, SPARSE = 1, 2, 3, 4, 5
NUMERIC = range(6, 16)
COMPLEX = 0x800
MOST_NESTED = 16


class _Element(NamedTuple):
    kind: int
    start: int
    """Of its content."""
    length: int
    after: int
    """Where the next one begins."""


def read_mat(path: Path, **options: Any) -> dict[str, Any]:
    """What `scipy.io.loadmat` gives with these options.

    Raises ValueError with the reason in a few words when the file is damaged or of another version, OSError.
    """
    content = _unpacked(path.read_bytes())
    try:
        return loadmat(io.BytesIO(content), **options)
    except Exception as error:  # scipy has many ways to say that a file is no .mat
        reason = str(error).splitlines()[0] if str(error) else "damaged"
        raise ValueError(f"{type(error).__name__}: {reason}") from error


def _unpacked(content: bytes) -> bytes:
    """The file with its variables decompressed, every one found sound.

    Compression has a checksum, which scipy does not always reach.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:HEADER])
    if order is None or struct.unpack_from(f"{order}H", content, 124)[0] != 0x0100:
        raise ValueError("no Matlab file of version 5 to 7.2")
    walk = _Walk(content, order)
    parts, position = [content[:HEADER]], HEADER
    while position < len(content):
        element = walk.element(position, len(content), padded=False)
        if element.kind == COMPRESSED:
            inside = _decompressed(content[element.start : element.start + element.length])
            _Walk(inside, order).variable(0)
            parts.append(inside)
            position = element.after
        else:
            position = walk.variable(position)
            parts.append(content[element.start - 8 : position])
    return b"".join(parts)


def _decompressed(packed: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(packed)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not stream.eof or stream.unused_data.strip(b"\x00"):
        raise ValueError("a compressed variable is cut short or too long")
    return content


class _Walk:
    """Through the elements of one block of bytes."""

    def __init__(self, content: bytes, order: str) -> None:
        self.content = content
        self.order = order

    def variable(self, position: int) -> int:
        """Checks the matrix there and gives where it ends. Raises ValueError."""
        element = self.element(position, len(self.content))
        if element.kind != MATRIX:
            raise ValueError(f"a variable of the unknown type {element.kind}")
        self._matrix(element, 0)
        return element.after

    def element(self, position: int, end: int, *, padded: bool = True) -> _Element:
        if position + 8 > end:
            raise ValueError("the file is cut short")
        kind, length = struct.unpack_from(f"{self.order}II", self.content, position)
        if kind >> 16:  # up to four bytes stand inside the tag
            kind, length = kind & 0xFFFF, kind >> 16
            if length > 4:
                raise ValueError("an element is longer than its place")
            return _Element(kind, position + 4, length, position + 8)
        after = position + 8 + length + (-length % 8 if padded else 0)
        if position + 8 + length > end:
            raise ValueError("the file is cut short")
        return _Element(kind, position + 8, length, min(after, end))

    def _matrix(self, matrix: _Element, depth: int) -> None:
        if not matrix.length:  # an empty cell
            return
        if depth > MOST_NESTED:
            raise ValueError("structures inside of too many others")
        end = matrix.start + matrix.length
        flags = self._expected(matrix.start, end, {FLAGS})
        dimensions = self._expected(flags.after, end, COUNTS)
        name = self._expected(dimensions.after, end, NAMES)
        if flags.length != 8 or dimensions.length % 4 or not 1 <= dimensions.length // 4 <= 32:
            raise ValueError("a variable without flags or dimensions")
        bits = struct.unpack_from(f"{self.order}I", self.content, flags.start)[0]
        shape = struct.unpack_from(f"{self.order}{dimensions.length // 4}i", self.content, dimensions.start)
        if min(shape) < 0:
            raise ValueError(f"a variable of the shape {shape}")
        position = self._contents(bits & 0xFF, bool(bits & COMPLEX), math.prod(shape), name.after, end, depth)
        if position > end or self.content[position:end].strip(b"\x00"):
            raise ValueError("a variable that is longer than what it holds")

    def _contents(self, kind: int, is_complex: bool, count: int, position: int, end: int, depth: int) -> int:
        """Where what a matrix holds ends."""
        if kind in NUMERIC:
            for _ in range(1 + is_complex):
                values = self._expected(position, end, set(SIZES))
                if values.length != count * SIZES[values.kind]:
                    raise ValueError(f"{values.length} bytes for {count} numbers")
                position = values.after
            return position
        if kind == TEXT:
            return self._expected(position, end, TEXT_TYPES).after if position < end or count else position
        if kind == SPARSE:
            for _ in range(3 + is_complex):
                position = self._expected(position, end, set(SIZES)).after
            return position
        if kind == CELLS:
            return self._matrices(count, position, end, depth)
        if kind not in (STRUCT, OBJECT):
            raise ValueError(f"a variable of the unknown class {kind}")
        if kind == OBJECT:
            position = self._expected(position, end, NAMES).after
        width = self._expected(position, end, COUNTS)
        names = self._expected(width.after, end, NAMES)
        size = struct.unpack_from(f"{self.order}i", self.content, width.start)[0] if width.length == 4 else 0
        if size < 1 or names.length % size:
            raise ValueError("a structure whose members have no names")
        return self._matrices(count * (names.length // size), names.after, end, depth)

    def _matrices(self, count: int, position: int, end: int, depth: int) -> int:
        if count * 8 > end - position:
            raise ValueError(f"{count} members in {end - position} bytes")
        for _ in range(count):
            inner = self._expected(position, end, {MATRIX})
            self._matrix(inner, depth + 1)
            position = inner.after
        return position

    def _expected(self, position: int, end: int, kinds: set[int]) -> _Element:
        found = self.element(position, end)
        if found.kind not in kinds:
            raise ValueError(f"an element of the type {found.kind} in the wrong place")
        return found
