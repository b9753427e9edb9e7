"""Masks of every kind mean the same person."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.masks import read_labels, read_mask, require_object

PERSON = np.zeros((20, 10), bool)
PERSON[4:16, 3:7] = True


def grey(value: int, dtype: type = np.uint8) -> Image.Image:
    return Image.fromarray((PERSON * value).astype(dtype))


def palette(background: tuple[int, int, int], person: tuple[int, int, int]) -> Image.Image:
    picture = Image.fromarray(PERSON.astype(np.uint8)).convert("P")
    picture.putdata(PERSON.astype(np.uint8).ravel().tolist())
    picture.putpalette([*background, *person])
    return picture


def transparent() -> Image.Image:
    opacity = Image.fromarray(PERSON.astype(np.uint8) * 255)
    picture = Image.new("RGBA", opacity.size, (0, 0, 0, 0))
    picture.putalpha(opacity)
    return picture


KINDS = {
    "grey": grey(255),
    "zero and one": grey(1),
    "bits": Image.fromarray(PERSON),
    "colour": grey(255).convert("RGB"),
    "opaque": grey(255).convert("RGBA"),
    "transparent": transparent(),
    "grey with opacity": transparent().convert("LA"),
    "palette": palette((0, 0, 0), (255, 255, 255)),
    "16 bits": grey(65535, np.uint16),
    "16 bits of 0 and 255": grey(255, np.uint16),
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_mode_gives_0_and_255(kind: str, tmp_path: Path) -> None:
    KINDS[kind].save(tmp_path / "mask.png")
    values = read_mask(tmp_path / "mask.png")
    assert values.dtype == np.uint8
    np.testing.assert_array_equal(values, PERSON * 255)


def test_agreement_of_annotators_is_kept(tmp_path: Path) -> None:
    steps = np.arange(0, 256, 51, dtype=np.uint8).repeat(20).reshape(6, 20)
    Image.fromarray(steps).save(tmp_path / "mask.png")
    values = read_mask(tmp_path / "mask.png")
    np.testing.assert_array_equal(values, steps)
    assert (values > 160).mean() == pytest.approx(2 / 6)  # four or five of five


def test_labels_are_indices_whatever_their_colours(tmp_path: Path) -> None:
    palette((0, 0, 0), (0, 0, 1)).save(tmp_path / "dark.png")
    palette((255, 255, 255), (0, 0, 0)).save(tmp_path / "inverse.png")
    grey(3).save(tmp_path / "grey.png")
    Image.merge("RGB", [grey(0), grey(0), grey(9)]).save(tmp_path / "colours.png")
    for name in ("dark", "inverse", "grey", "colours"):
        np.testing.assert_array_equal(read_labels(tmp_path / f"{name}.png"), PERSON, err_msg=name)


def test_what_is_no_mask_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no mask .*none\.png"):
        read_mask(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"text\.png cannot be read"):
        read_labels(tmp_path / "text.png")
    grey(255).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:60])
    with pytest.raises(ValueError, match=r"cut\.png cannot be read"):
        read_mask(tmp_path / "cut.png")


def test_an_object_has_an_outline() -> None:
    require_object(PERSON, Path("some.png"))
    with pytest.raises(ValueError, match=r"some\.png is empty"):
        require_object(PERSON & False, Path("some.png"))
    with pytest.raises(ValueError, match=r"some\.png covers the whole picture"):
        require_object(PERSON | True, Path("some.png"))
