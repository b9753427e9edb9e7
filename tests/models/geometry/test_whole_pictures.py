"""Pictures whose damage a decoder would not notice, or would paint over."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.geometry.whole_pictures import opened_whole, whole_picture


def encoded(kind: str, side: int = 400, **options) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format=kind, **options)
    return buffer.getvalue()


def decoded(content: bytes) -> np.ndarray:
    with opened_whole(content) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("JPEG", {"restart_marker_rows": 1})],
)
def test_sound_pictures_pass_as_they_are(kind: str, options: dict) -> None:
    content = encoded(kind, **options)
    with Image.open(io.BytesIO(content)) as picture:
        assert np.array_equal(decoded(content), np.asarray(picture))


def test_no_flipped_bit_of_a_png_passes() -> None:
    content = encoded("PNG", side=24)
    random = np.random.default_rng(1)
    for place in random.integers(0, len(content), 200):
        damaged = bytearray(content)
        damaged[place] ^= 1 << random.integers(8)
        with pytest.raises((ValueError, OSError, SyntaxError)):
            decoded(bytes(damaged))


def test_a_checksum_of_pixels_that_pillow_passes_over_is_compared() -> None:
    content = bytearray(encoded("PNG"))
    place = content.index(b"IDAT") + 4 + int.from_bytes(content[content.index(b"IDAT") - 4 : content.index(b"IDAT")])
    content[place] ^= 1  # of the checksum itself
    with Image.open(io.BytesIO(content)) as picture:
        picture.load()  # what this guard is for
    with pytest.raises(ValueError, match="a checksum of the PNG file is wrong"):
        decoded(bytes(content))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pictures_that_were_cut_short_are_refused(kind: str, share: float) -> None:
    content = encoded(kind)
    with pytest.raises((ValueError, OSError, SyntaxError)):
        decoded(content[: int(share * len(content))])


@pytest.mark.parametrize("marker", [0xD3, 0xD9, 0xE1])
def test_a_stray_marker_that_would_paint_the_rest_grey_is_refused(marker: int) -> None:
    content = bytearray(encoded("JPEG"))
    middle = len(content) // 2
    content[middle : middle + 2] = bytes([0xFF, marker])
    with Image.open(io.BytesIO(content)) as picture:
        rest = np.asarray(picture)[-50:]
        assert np.ptp(rest.reshape(-1, 3), axis=0).max() == 0  # Pillow's answer: one colour, and no complaint
    with pytest.raises(ValueError, match=r"stray marker d3|ends in the middle|broken between"):
        decoded(bytes(content))


def test_files_are_read_as_contents_are(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded("PNG", side=20))
    with whole_picture(tmp_path / "a.png") as picture:
        assert picture.size == (20, 20)


def test_what_is_no_picture_is_said_without_naming_a_buffer(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("this is text")
    with pytest.raises(ValueError, match="no picture in a format that is known"), whole_picture(tmp_path / "a.jpg"):
        pass
