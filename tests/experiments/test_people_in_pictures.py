"""Who is found in a picture, and where."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from experiments.errors import UserError
from experiments.reconstruction.bodies.people import Hints, person_in_picture
from experiments.reconstruction.bodies.reconstruct import refuse_cut_people
from experiments.reconstruction.bodies.views import parallel_view
from experiments.reconstruction.person_detection import find_people
from models.geometry.view_cameras import orthographic_views
from tests.experiments.mannequin import photograph

RYOTA = Path(__file__).parents[2].parent / "shared" / "data" / "person_photo"
FRONT_VIEW = orthographic_views(torch.zeros(1))[0]
SIDE = 240


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


def true_mask(side: int = SIDE) -> np.ndarray:
    return np.asarray(photograph(FRONT_VIEW, (side, side)).getchannel("A")) > 127


def backgrounds() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    return {
        "white": np.ones((SIDE, SIDE, 3)),
        "black": np.zeros((SIDE, SIDE, 3)),
        "noise": np.clip(0.6 + random.normal(0, 0.015, (SIDE, SIDE, 3)), 0, 1),
        "gradient": np.stack([0.5 + 0.2 * y, 0.6 + 0.2 * x, 0.75 - 0.1 * y], -1),
    }


@pytest.mark.parametrize("name", backgrounds())
def test_a_plain_background_gives_the_person_away(name: str) -> None:
    found = find_people(photograph(FRONT_VIEW, (SIDE, SIDE), backgrounds()[name]))
    assert found.how == "plain background"
    assert [iou(mask, true_mask()) > 0.96 for mask in found.masks] == [True]


def striped(side: int) -> tuple[Image.Image, np.ndarray]:
    """Dark skin, a striped shirt and bright shoes before exact black: (photograph, mask)."""
    mask = np.asarray(photograph(FRONT_VIEW, (side, side)).getchannel("A")) > 127
    top, bottom = np.flatnonzero(mask.any(1))[[0, -1]]
    y, x = np.mgrid[:side, :side]
    height, stripe = (y - top) / (bottom - top), max(2, side // 60)
    pixels = np.full((side, side, 3), (60, 40, 28), dtype=np.uint8)
    pixels[(height > 0.2) & (height < 0.5) & (x // stripe % 2 == 0)] = 230
    pixels[height > 0.94] = (220, 140, 230)
    pixels[~mask] = 0
    return Image.fromarray(pixels), mask


@pytest.mark.parametrize(("side", "suffix"), [(128, "png"), (512, "jpg")])
def test_dark_parts_beside_bright_ones_are_kept(side: int, suffix: str, tmp_path: Path) -> None:
    picture, mask = striped(side)
    picture.save(tmp_path / f"striped.{suffix}", quality=95)
    person = person_in_picture(tmp_path / f"striped.{suffix}", Hints())
    assert person.how == "plain background"
    assert iou(person.mask, mask) > 0.96
    assert abs(person.box[1] - np.flatnonzero(mask.any(1))[0]) <= 1
    assert abs(person.box[3] - 1 - np.flatnonzero(mask.any(1))[-1]) <= 1


def test_a_person_whom_the_border_cuts_is_found_and_refused(tmp_path: Path) -> None:
    picture = photograph(FRONT_VIEW, (SIDE, SIDE), backgrounds()["white"]).crop((0, 0, SIDE, 150))
    picture.save(tmp_path / "cut.png")
    person = person_in_picture(tmp_path / "cut.png", Hints())
    assert iou(person.mask, true_mask()[:150]) > 0.95
    assert person.cut_sides == ["bottom"]
    with pytest.raises(UserError, match=r"cut\.png: the person touches the bottom border"):
        refuse_cut_people([parallel_view(person)])


def test_of_two_people_the_largest_is_taken_or_the_one_asked_for(tmp_path: Path) -> None:
    one = photograph(FRONT_VIEW, (SIDE, SIDE), backgrounds()["white"]).crop((50, 0, 190, SIDE))
    both = Image.new("RGB", (280, SIDE), "white")
    both.paste(one.resize((112, 192)), (14, 40))
    both.paste(one, (140, 0))
    both.save(tmp_path / "both.png")
    largest = person_in_picture(tmp_path / "both.png", Hints())
    assert largest.found.startswith("2 people found; took the largest, number 2 from the left")
    with pytest.raises(UserError, match="--person 3"):
        person_in_picture(tmp_path / "both.png", Hints(person=3))
    left, right = (person_in_picture(tmp_path / "both.png", Hints(person=number)) for number in (1, 2))
    assert (largest.mask == right.mask).all()
    assert left.found == "2 people found; took number 1 from the left, as asked for"
    assert np.flatnonzero(left.mask.any(0)).max() < 140 <= np.flatnonzero(right.mask.any(0)).min()
    boxed = person_in_picture(tmp_path / "both.png", Hints(box=(150, 5, 125, 230)))
    assert iou(boxed.mask, right.mask) > 0.98


def test_transparency_is_the_mask(tmp_path: Path) -> None:
    photograph(FRONT_VIEW, (SIDE, SIDE)).save(tmp_path / "cutout.png")
    person = person_in_picture(tmp_path / "cutout.png", Hints())
    assert person.how == "the picture's transparency"
    assert iou(person.mask, true_mask()) > 0.999


def test_a_picture_turned_by_its_camera_is_turned_with_its_mask(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = photograph(FRONT_VIEW, (SIDE, SIDE)).transpose(Image.Transpose.ROTATE_90)
    turned.save(tmp_path / "turned.png", exif=exif)
    assert iou(person_in_picture(tmp_path / "turned.png", Hints()).mask, true_mask()) > 0.999


def write_masked(folder: Path) -> Path:
    random = np.random.default_rng(1)
    busy = gaussian_filter(random.random((SIDE, SIDE, 3)), (2, 2, 0))
    busy = np.clip(0.5 + 3 * (busy - busy.mean()), 0, 1)
    photograph(FRONT_VIEW, (SIDE, SIDE), busy).save(folder / "person.png")
    return folder / "person.png"


@pytest.mark.parametrize("peak", [1, 255])
def test_a_mask_is_taken_as_it_is(peak: int, tmp_path: Path) -> None:
    picture = write_masked(tmp_path)
    (tmp_path / "masks").mkdir()
    Image.fromarray((true_mask() * peak).astype(np.uint8)).save(tmp_path / "masks" / "person.png")
    for mask in (tmp_path / "masks", tmp_path / "masks" / "person.png"):
        assert (person_in_picture(picture, Hints(mask=mask)).mask == true_mask()).all()


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros((SIDE, SIDE), np.uint8), "is empty"),
        (np.full((SIDE, SIDE), 255, np.uint8), "covers the whole picture"),
        (np.zeros((50, 60), np.uint8), "60 x 50 pixels but its picture 240 x 240"),
        (np.pad(np.full((20, 8), 255, np.uint8), ((100, 120), (100, 132))), "20 pixels high"),
    ],
)
def test_bad_masks_are_named(mask: np.ndarray, words: str, tmp_path: Path) -> None:
    picture = write_masked(tmp_path)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    with pytest.raises(UserError, match=rf"(mask|person)\.png.*{words}"):
        person_in_picture(picture, Hints(mask=tmp_path / "mask.png"))


def test_nobody_is_told(tmp_path: Path) -> None:
    Image.new("RGB", (300, 300), (90, 120, 150)).save(tmp_path / "sky.png")
    with pytest.raises(UserError, match=r"sky\.png: no upright person was found.*--mask"):
        person_in_picture(tmp_path / "sky.png", Hints())
    with pytest.raises(UserError, match="not inside the picture of 300 x 300"):
        person_in_picture(tmp_path / "sky.png", Hints(box=(400, 0, 20, 50)))
    (tmp_path / "text.png").write_text("no mask")
    with pytest.raises(UserError, match=r"text\.png cannot be read"):
        person_in_picture(write_masked(tmp_path), Hints(mask=tmp_path / "text.png"))


@pytest.mark.skipif(not RYOTA.is_dir(), reason="the photograph of a person is not there")
@pytest.mark.parametrize(("background", "least"), [("own", 0.98), ("blotches", 0.95)])
def test_a_real_person_is_found(background: str, least: float, tmp_path: Path) -> None:
    photo = np.asarray(Image.open(RYOTA / "ryota.png").convert("RGB")) / 255
    mask = np.asarray(Image.open(RYOTA / "ryota_mask.png")) > 127
    if background == "blotches":
        random = np.random.default_rng(0)
        blotches = np.stack([gaussian_filter(random.normal(size=mask.shape), 25) for _ in range(3)], -1)
        blotches = (blotches - blotches.min()) / np.ptp(blotches)
        photo = np.where(mask[..., None], photo, blotches)
    Image.fromarray((photo * 255).round().astype(np.uint8)).save(tmp_path / "person.png")
    person = person_in_picture(tmp_path / "person.png", Hints())
    assert person.how == ("plain background" if background == "own" else "people detector")
    assert iou(person.mask, mask) > least
