"""An uploaded file, judged by its first bytes: nothing is decoded here."""

import struct
import warnings
from pathlib import Path

from PIL import Image

from experiments.demo.limits import MEGABYTE, Limits
from experiments.errors import UserError

FORMATS = ("JPEG", "PNG", "WEBP")
LIKELY = {
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"II*\x00": "a TIFF",
    b"MM\x00*": "a TIFF",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "an archive",
    b"\x1f\x8b": "an archive",
    b"<": "a text such as SVG or HTML",
}
"""First bytes that people send most often by mistake."""


def silence_decoders() -> None:
    """One hostile picture can make Pillow warn thousands of times; for a whole process, once, as threads share it."""
    warnings.filterwarnings("ignore", module=r"PIL\.")


def refuse_unless_picture(path: Path, limits: Limits) -> None:
    """Accepts JPEG, PNG and WebP whose header promises a picture of a size that can be worked on.

    Pillow reads headers only as far as the size stands; whatever the file is called does not matter.

    Raises:
        UserError: it is empty, of another kind, damaged in its header, too small or too large.
    """
    if path.stat().st_size == 0:
        raise UserError("the file is empty; choose a picture")
    with path.open("rb") as file:
        start = file.read(32)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":  # Pillow reserves memory for the pixels when it opens one
        refuse_size(webp_size(start), limits)
    try:
        with Image.open(path, formats=FORMATS) as opened:
            size = opened.size
    except Image.DecompressionBombError:
        raise UserError(too_large(limits)) from None
    except Exception:  # damaged headers end in OSError, SyntaxError, struct.error, ValueError and more
        kind = next((name for magic, name in LIKELY.items() if start.lstrip().startswith(magic)), None)
        said = f"the file is {kind}" if kind else "the file is no picture that can be read"
        raise UserError(f"{said}; choose a JPEG, PNG or WebP") from None
    refuse_size(size, limits)


def refuse_size(size: tuple[int, int], limits: Limits) -> None:
    """Raises UserError for a (width, height) that cannot be worked on."""
    width, height = size
    if width * height > limits.upload_pixels:
        raise UserError(f"the picture has {width} x {height} pixels; {too_large(limits)}")
    if min(width, height) < limits.smallest_side:
        raise UserError(
            f"the picture has {width} x {height} pixels; choose one with at least {limits.smallest_side} on each side"
        )


def too_large(limits: Limits) -> str:
    return f"choose one of at most {limits.upload_pixels // 1_000_000} million pixels"


def too_many_bytes(limits: Limits) -> str:
    return f"the file is larger than {limits.upload_bytes // MEGABYTE} MB; choose a smaller one"


def webp_size(start: bytes) -> tuple[int, int]:
    """(width, height) from the first 32 bytes of a WebP file (RFC 9649).

    Raises:
        UserError: the first chunk is none of the three that hold a size, or is cut short.
    """
    try:
        kind = start[12:16]
        if kind == b"VP8X":
            return 1 + int.from_bytes(start[24:27], "little"), 1 + int.from_bytes(start[27:30], "little")
        if kind == b"VP8L":
            (bits,) = struct.unpack_from("<I", start, 21)
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        if kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", start, 26)
            return width & 0x3FFF, height & 0x3FFF
    except struct.error:
        pass
    raise UserError("the file is a damaged WebP; choose another picture")
