from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.pictures import read_picture, read_segmentation

RAMP = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (24, 1))


def test_grey_and_sixteen_bit_pictures_keep_their_brightness(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "grey.png")
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    for name in ("grey", "deep"):
        picture = np.asarray(read_picture(tmp_path / f"{name}.png"))
        np.testing.assert_array_equal(picture, np.repeat(RAMP[..., None], 3, -1))


def test_cmyk_is_converted(tmp_path: Path) -> None:
    red = np.zeros((24, 32, 3), np.uint8) + np.array([200, 30, 30], np.uint8)
    Image.fromarray(red).convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.mode == "RGB"
    assert np.abs(np.asarray(picture).astype(int) - red).max() < 12


def test_the_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the top of the scene is the file's left edge... rotated by 90 degrees
    Image.fromarray(np.repeat(RAMP[..., None], 3, -1)).save(tmp_path / "a.jpg", exif=exif, quality=100)
    picture = np.asarray(read_picture(tmp_path / "a.jpg"))
    assert picture.shape == (32, 24, 3)
    assert picture[0].mean() < 10
    assert picture[-1].mean() > 245


def test_transparent_pixels_become_black(tmp_path: Path) -> None:
    layers = np.full((24, 24, 4), 255, np.uint8)
    layers[:12, :, 3] = 0
    Image.fromarray(layers).save(tmp_path / "a.png")
    picture = np.asarray(read_picture(tmp_path / "a.png"))
    assert (picture[:12] == 0).all()
    assert (picture[12:] == 255).all()


@pytest.mark.parametrize("content", [b"", b"not a picture at all", b"\xff\xd8\xff\xe0 a JPEG that stops here"])
def test_a_file_that_is_no_picture_is_named_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.jpg") as caught:
        read_picture(path)
    assert "\n" not in str(caught.value)


def test_a_truncated_picture_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:4000])
    with pytest.raises(ValueError, match=r"half\.png cannot be read"):
        read_picture(tmp_path / "half.png")


def test_a_missing_picture_and_a_tiny_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.jpg"):
        read_picture(tmp_path / "nothing.jpg")
    Image.new("RGB", (4, 4)).save(tmp_path / "tiny.png")
    with pytest.raises(ValueError, match=r"tiny\.png is 4 x 4 pixels"):
        read_picture(tmp_path / "tiny.png")


def test_masks_of_another_size_or_with_colours_are_named(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(np.full((24, 32), 18, np.uint8)).save(path)
    assert np.asarray(read_segmentation(path, (32, 24))).max() == 18
    with pytest.raises(ValueError, match=r"mask\.png is 32 x 24 pixels but its picture is 24 x 32"):
        read_segmentation(path, (24, 32))
    Image.fromarray(np.full((24, 32), 200, np.uint8)).save(path)
    with pytest.raises(ValueError, match="holds the class 200"):
        read_segmentation(path, (32, 24))
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"mask\.png cannot be read"):
        read_segmentation(path, (32, 24))


def test_a_palette_mask_is_read_by_its_indices(tmp_path: Path) -> None:
    mask = Image.fromarray(np.array([[1, 17] * 8] * 16, np.uint8), mode="P")
    mask.putpalette(
        [value for colour in np.random.default_rng(0).integers(0, 255, (256, 3)).tolist() for value in colour]
    )
    mask.save(tmp_path / "mask.png")
    assert set(np.asarray(read_segmentation(tmp_path / "mask.png", (16, 16))).ravel()) == {1, 17}
