"""Pictures as phones and friends send them: turned by their camera, with several people; and the row that shows what
was made of them."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.errors import UserError
from experiments.reconstruction.bodies import pictures as body_pictures
from experiments.reconstruction.choice import choose
from experiments.reconstruction.clothing import views
from experiments.reconstruction.faces import outputs as face_outputs
from experiments.reconstruction.panel import CAPTION_HEIGHT, FRAME, GAP, PAPER, Part, panel, with_frame
from experiments.reconstruction.turntable import turntable
from lightning_modules.body_occupancy import BodyOccupancy
from lightning_modules.clothing import Clothing
from models.bodies.visual_hull import visual_hull
from tests.conftest import BodyRuns, FaceRuns
from tests.experiments.command_line import threefold
from tests.experiments.conftest import ClothingRuns
from tests.experiments.known_garments import gradient_texture, knowing, oval_photograph
from tests.experiments.mannequin import turned_photographs


def phone_copies(picture: Path, folder: Path) -> tuple[Path, Path]:
    """An upright JPEG, and one whose pixels lie on their side with the orientation 6 beside, as phones write them."""
    folder.mkdir()
    upright = Image.open(picture).convert("RGB")
    upright.save(folder / "upright.jpg", quality=100, subsampling=0)
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.jpg", quality=100, subsampling=0, exif=exif)
    return folder / "upright.jpg", folder / "turned.jpg"


def assert_the_same_overlay(out: Path, size: tuple[int, int], *names: str) -> None:
    """Both have the upright picture's frame, and the mesh in the same place in it."""
    for name in names:
        both = [Image.open(out / stem / name).convert("RGB") for stem in ("upright", "turned")]
        assert [picture.size for picture in both] == [size, size]
        first, second = (np.asarray(picture).astype(float) for picture in both)
        assert np.abs(first - second).mean() < 3, name


def test_a_face_on_its_side_is_turned_upright(face_runs: FaceRuns, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(face_outputs, "turntable", partial(turntable, frames=4, size=32))
    given = face_runs.data / "images" / "000000.jpg"
    wide = Image.new("RGB", (140, 96), (90, 90, 90))
    wide.paste(Image.open(given), (44, 0))
    wide.save(tmp_path / "wide.png")
    two = phone_copies(tmp_path / "wide.png", tmp_path / "in")
    box = ("--box", 70, 25, 45, 50)
    for path in two:
        words = ("reconstruct", path, "--run", face_runs.coarse, "--out", tmp_path / "out", *box, "--texture_size", 32)
        assert threefold(capsys, *words).status == 0
    assert_the_same_overlay(tmp_path / "out", (140, 96), "overlay.png", "overlay_shape.png", "mask.png")


def test_a_person_on_their_side_is_turned_upright(body_runs: BodyRuns, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(body_pictures, "turntable", partial(body_pictures.turntable, frames=2, side=32))

    def hull(self: BodyOccupancy, features: object, body):
        return lambda points: visual_hull(body.masks, body.view_from_body, points[None])[0]

    monkeypatch.setattr(BodyOccupancy, "query_of", hull)
    (cut,) = turned_photographs(tmp_path, (0,))
    wide = Image.new("RGB", (260, 200), "white")
    wide.paste(Image.open(cut), (60, 0), Image.open(cut).getchannel("A"))
    wide.save(tmp_path / "wide.png")
    two = phone_copies(tmp_path / "wide.png", tmp_path / "in")
    words = ("--run", body_runs.multiscale, "--out", tmp_path / "out", "--resolution", 48)
    assert threefold(capsys, "reconstruct", *two, *words).status == 0
    assert_the_same_overlay(tmp_path / "out", (260, 200), "overlay.png", "overlay_shape.png", "mask.png")


def test_clothing_on_its_side_is_turned_upright(
    clothing_runs: ClothingRuns, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(Clothing, "explain", knowing(gradient_texture()))
    monkeypatch.setattr(views, "shown_size", partial(views.shown_size, height=32))
    monkeypatch.setattr(views, "turntable", partial(views.turntable, frames=2))
    picture, mask = oval_photograph(tmp_path, "oval")
    two = phone_copies(picture, tmp_path / "in")
    for path in two:
        words = ("reconstruct", path, "--mask", mask, "--run", clothing_runs.small, "--out", tmp_path / "out")
        assert threefold(capsys, *words).status == 0
    assert_the_same_overlay(tmp_path / "out", Image.open(picture).size, "overlay.png", "overlay_colours.png")


def test_the_largest_is_chosen_and_said() -> None:
    words = {"one": "person", "several": "people"}
    path = Path("a.jpg")
    assert choose(path, [5.0], None, **words) == (0, "1 person found")
    taken = choose(path, [5.0, 9.0, 2.0], None, **words)
    assert taken.index == 1
    assert taken.remark.startswith("3 people found; took the largest, number 2 from the left")
    assert choose(path, [5.0, 9.0, 2.0], 3, **words).index == 2
    for number in (0, 4, -1):
        with pytest.raises(UserError, match=rf"a\.jpg: --person {number} was asked for, but 3 people were found"):
            choose(path, [5.0, 9.0, 2.0], number, **words)


def test_the_row_has_every_picture_at_one_height_with_its_caption() -> None:
    red, wide = Image.new("RGB", (40, 20), (255, 0, 0)), Image.new("L", (300, 30), 90)
    row = np.asarray(panel([Part("red", red), Part("wide", wide)], 60))
    assert row.shape == (60 + CAPTION_HEIGHT, 120 + GAP + 120, 3)
    assert (row[:60, :120] == (255, 0, 0)).all()
    assert (row[5, 125] == PAPER).all()
    assert (row[30, 125] == 90).all()
    for left in (0, 122):
        assert row[60:, left : left + 120].min() < 120, "a caption in dark letters"


def test_the_frame_stands_where_the_box_is() -> None:
    grey = Image.new("RGB", (200, 100), (100, 100, 100))
    framed = np.asarray(with_frame(grey, (50, 20, 150, 90), 100))
    assert framed.shape == (100, 200, 3)
    assert (framed[20, 60:140] == FRAME).all()
    assert (framed[40, 70:130] == 100).all()
    outside = np.asarray(with_frame(grey, (-30, -30, 250, 150), 100))
    assert (outside[0] == FRAME).all()
