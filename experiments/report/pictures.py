"""Pictures inside a page: made small, and no more of them than the page has room for."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from experiments.errors import one_line
from models.geometry.whole_pictures import whole_picture

LONGEST_SIDE = 1400
"""Pixels; the page shows no picture larger."""
QUALITY = 82


@dataclass
class Room:
    """Bytes that a page may still take."""

    left: int

    def take(self, size: int) -> bool:
        """Whether there was room; it is taken then."""
        if size > self.left:
            return False
        self.left -= size
        return True


class Picture(NamedTuple):
    source: str
    """A data: address."""
    width: int
    height: int
    alt: str
    caption: str = ""

    @property
    def is_wide(self) -> bool:
        return self.width > 2.5 * self.height


class Gallery(NamedTuple):
    pictures: list[Picture]
    remarks: list[str]
    """Sentences about what is not shown, and why."""


def embedded(image: Image.Image, *, alt: str, caption: str = "") -> Picture:
    """The picture as WebP, no side longer than 1400 pixels."""
    small = image.convert("RGB")
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, format="WEBP", quality=QUALITY)
    return Picture(data_address(buffer.getvalue(), "image/webp"), *small.size, alt, caption)


def data_address(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def read_picture(path: Path) -> Image.Image:
    """Raises ValueError with a sentence when the file is no picture."""
    try:
        with whole_picture(path) as picture:
            return picture.convert("RGB")
    except Exception as error:  # damaged files end in OSError, SyntaxError, struct.error and more
        raise ValueError(f"{path.name} is not shown, it is no readable picture ({one_line(str(error))}).") from None


def evenly(paths: list[Path], count: int) -> list[Path]:
    """So many of them, the first and the last among them, equally far apart."""
    if len(paths) <= count:
        return paths
    if count == 1:
        return paths[-1:]
    return [paths[round(place * (len(paths) - 1) / (count - 1))] for place in range(count)]
