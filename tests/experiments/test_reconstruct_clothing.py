"""`threefold reconstruct` on runs of clothing. What the networks say is replaced by what is known, so that every file,
frame and colour must be right: upright, the right way round, in its place."""

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from experiments.reconstruction.clothing import tryon, views
from lightning_modules.clothing import Clothing
from models.clothing.template import PERSON_HALF_EXTENTS
from models.geometry.components import signed_volume
from models.geometry.files import read_mesh
from tests.experiments.command_line import Answer, assert_one_sentence, threefold
from tests.experiments.conftest import ClothingRuns
from tests.experiments.known_garments import gradient_texture, knowing, number_of_frames, oval_photograph

FILES = {
    *("mesh.glb", "mesh.obj", "mesh.mtl", "mesh.png", "mesh.ply", "parameters.json", "turntable.gif", "strip.png"),
    *("overlay.png", "overlay_colours.png", "mask.png", "crop.png", "texture.png"),
    *("rotation_azimuth.png", "rotation_elevation.png", "rotation_distance.png"),
}
HEIGHT = 64


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "shown_size", partial(views.shown_size, height=HEIGHT))
    monkeypatch.setattr(views, "turntable", partial(views.turntable, frames=2))
    monkeypatch.setattr(tryon, "write_grid", partial(tryon.write_grid, frames=4))


@pytest.fixture
def reconstruct(clothing_runs: ClothingRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def run(*words: object, run: Path = clothing_runs.small) -> Answer:
        return threefold(capsys, "reconstruct", *words, "--run", run, "--out", tmp_path / "out")

    return run


@pytest.fixture
def gradient(reconstruct, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reconstruction in the gradient texture, photographed from the front."""
    monkeypatch.setattr(Clothing, "explain", knowing(gradient_texture()))
    picture, mask = oval_photograph(tmp_path, "oval")
    answer = reconstruct(picture, "--mask", mask)
    assert answer.status == 0, answer
    return tmp_path / "out" / "oval"


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(float) / 255


def panels(path: Path) -> list[np.ndarray]:
    """The pictures of a strip, [h, w, 3] each."""
    strip = pixels(path)
    width = HEIGHT // 2
    return [strip[:, left : left + width] for left in range(0, strip.shape[1], width)]


def covered(picture: np.ndarray) -> np.ndarray:
    """[h, w]: where the gradient is, whose blue is 0.25, not the white around it."""
    return np.abs(picture[..., 2] - 0.25) < 0.02


def slopes(picture: np.ndarray) -> tuple[float, float]:
    """How much red grows from the left to the right and green from the bottom to the top of what is seen."""
    seen = covered(picture)
    y, x = np.nonzero(seen)
    red, green = picture[seen][:, 0], picture[seen][:, 1]
    return float(np.polyfit(x, red, 1)[0] * np.ptp(x)), float(-np.polyfit(y, green, 1)[0] * np.ptp(y))


def test_one_photograph_gives_every_file(gradient: Path) -> None:
    assert {path.name for path in gradient.iterdir()} == FILES
    values = json.loads((gradient / "parameters.json").read_text())
    assert values["kind"] == "clothing"
    assert values["camera"]["azimuth_degrees"] == pytest.approx(0)
    assert not values["window"]["whole"]


@pytest.mark.parametrize("suffix", ["glb", "obj"])
def test_a_viewer_finds_every_colour_in_its_place(suffix: str, gradient: Path) -> None:
    """The full texture through the files, as another program reads them."""
    loaded = trimesh.load(gradient / f"mesh.{suffix}", force="mesh", process=False)
    assert isinstance(loaded, trimesh.Trimesh)
    positions = np.asarray(loaded.vertices) / np.array(PERSON_HALF_EXTENTS)
    visual: Any = loaded.visual
    colours = np.asarray(visual.to_color().vertex_colors)[:, :3] / 255
    x, y, z = positions.T
    away_from_poles = np.abs(x) < 0.95
    red = 0.5 + np.arcsin(x.clip(-1, 1)) / math.pi
    green = 0.5 + np.arctan2(y, np.abs(z)) / math.pi
    assert np.abs(colours[:, 0] - red)[away_from_poles].max() < 0.05
    assert np.abs(colours[:, 1] - green)[away_from_poles].max() < 0.05
    for place, expected in (((0, 1, 0), 1), ((0, -1, 0), 0), ((0, 0, 1), 0.5), ((0, 0, -1), 0.5)):
        nearest = np.linalg.norm(positions - np.array(place), axis=1).argmin()
        assert colours[nearest, 1] == pytest.approx(expected, abs=0.06), place
    assert (x > 0.5).any()
    assert colours[x > 0.5, 0].min() > 0.6 > 0.4 > colours[x < -0.5, 0].max()
    assert float(loaded.volume) > 0, "seen from outside"


def test_the_picture_file_of_the_texture_is_that_of_the_mesh(gradient: Path) -> None:
    texture = pixels(gradient / "texture.png")
    np.testing.assert_array_equal(texture, pixels(gradient / "mesh.png"))
    assert texture.shape[:2] == (128, 64), "the half and its mirror image"
    np.testing.assert_array_equal(texture, texture[::-1])
    assert texture[64, 32, 1] > 0.95 > 0.05 > texture[-1, 32, 1], "the lower half is the front, upright"
    own = read_mesh(gradient / "mesh.glb")
    assert float(signed_volume(own.vertices, own.faces)) > 0


def test_all_sides_are_upright_and_the_right_way_round(gradient: Path) -> None:
    """Seen from the front +x is on the right; from behind on the left; a positive azimuth shows the side at +x."""
    shown = panels(gradient / "rotation_azimuth.png")
    assert len(shown) == views.AZIMUTHS
    for place, picture in enumerate(shown):
        across, up = slopes(picture)
        assert up > 0.6, f"upside down after {45 * place} degrees"
        assert np.sign(round(across, 1)) == np.sign(round(math.cos(math.pi * place / 4), 1)), place
    quarter, three_quarters = shown[2], shown[6]
    assert quarter[covered(quarter)][:, 0].mean() > 0.7, "at +90 degrees the camera stands at +x"
    assert three_quarters[covered(three_quarters)][:, 0].mean() < 0.3
    front, back = shown[0], shown[4]
    np.testing.assert_allclose(front[:, ::-1], back, atol=0.06)


def test_elevation_is_from_above_and_distance_is_away(gradient: Path) -> None:
    raised = panels(gradient / "rotation_elevation.png")
    greens = [picture[covered(picture)][:, 1].mean() for picture in raised]
    assert (np.diff(greens) > 0).all(), "the higher the camera, the more it sees of the top"
    areas = [covered(picture).sum() for picture in panels(gradient / "rotation_distance.png")]
    assert (np.diff(areas) < 0).all()
    assert len(areas) == views.DISTANCES


def test_the_turntable_begins_with_the_photograph(gradient: Path) -> None:
    assert number_of_frames(gradient / "turntable.gif") == 2
    with Image.open(gradient / "turntable.gif") as turning:
        first = np.asarray(turning.convert("RGB")).astype(float) / 255
    coloured = first[:, HEIGHT // 2 :]
    seen = np.abs(coloured[..., 2] - 0.25) < 0.1
    assert seen[HEIGHT // 2, HEIGHT // 4]
    grey = first[:, : HEIGHT // 2][seen]
    assert np.ptp(grey, axis=1).max() < 0.12, "grey on the left"
    assert grey.mean(1).std() > 0.03, "in the round"


def test_the_mesh_lies_in_the_photograph(gradient: Path, tmp_path: Path) -> None:
    """The oval's outline is known, and it is nowhere near the middle of its photograph."""
    values = json.loads((gradient / "parameters.json").read_text())
    assert values["silhouette_iou"] > 0.95
    matrix = np.array(values["camera"]["photo_from_world"])
    vertices = read_mesh(gradient / "mesh.ply").vertices.numpy()
    projected = np.c_[vertices, np.ones(len(vertices))] @ matrix.T
    assert (projected[:, 2] > 2).all(), "depths"
    positions = projected[:, :2] / projected[:, 2:]
    np.testing.assert_allclose(positions.min(0), (60, 170), atol=1.5)
    np.testing.assert_allclose(positions.max(0), (120, 290), atol=1.5)
    top = positions[vertices[:, 1].argmax()]
    assert top[1] < 175, "y runs down in the photograph"
    over = pixels(gradient / "overlay_colours.png")
    assert over.shape[:2] == (400, 300)
    assert np.abs(over[230, 90, 2] - 0.25) < 0.02
    assert over[200, 90, 1] > over[260, 90, 1] + 0.2
    np.testing.assert_array_equal(over[:100], pixels(tmp_path / "oval.png")[:100])


def test_a_crop_is_seen_whole_and_a_photograph_through_a_window(reconstruct, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Clothing, "explain", knowing(gradient_texture()))
    crop, mask = oval_photograph(tmp_path, "crop", (64, 128), (32, 64), (20, 50))
    edge, edge_mask = oval_photograph(tmp_path, "edge", (200, 128), (20, 64), (30, 60))
    assert "the whole picture" in reconstruct(crop, "--mask", mask).printed
    assert "a window" in reconstruct(edge, "--mask", edge_mask).printed
    window = json.loads((tmp_path / "out" / "edge" / "parameters.json").read_text())["window"]
    assert window["left"] < 0, "the window reaches outside"
    assert (window["bottom"] - window["top"]) / (window["right"] - window["left"]) == pytest.approx(2)
    seen = pixels(tmp_path / "out" / "edge" / "crop.png")
    assert seen.shape[:2] == (64, 32)
    assert not seen[:, 0].any(), "what is outside is black"


def test_every_texture_comes_on_every_shape(reconstruct, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Clothing, "explain", knowing())
    red, _ = oval_photograph(tmp_path, "red", colour=(200, 40, 40))
    blue, _ = oval_photograph(tmp_path, "blue", colour=(30, 60, 220), half_axes=(20, 70))
    answer = reconstruct(red, blue, "--mask", tmp_path / "masks")
    assert answer.status == 0, answer
    assert "tryon.png" in answer.printed
    grid = pixels(tmp_path / "out" / "tryon.png")
    height, width = tryon.CELL_HEIGHT, tryon.CELL_HEIGHT // 2
    assert grid.shape == (3 * height, 3 * width, 3)

    def middle(row: int, column: int) -> np.ndarray:
        return grid[round((row + 0.5) * height), round((column + 0.5) * width)]

    assert middle(0, 0).min() == 1
    for place, colour in ((1, (200, 40, 40)), (2, (30, 60, 220))):
        for other in (1, 2):
            np.testing.assert_allclose(middle(place, other), np.array(colour) / 255, atol=0.03)
        for photograph in (middle(0, place), middle(place, 0)):
            np.testing.assert_allclose(photograph, np.array(colour) / 255, atol=0.05)
    assert number_of_frames(tmp_path / "out" / "tryon.gif") == 4


def test_options_and_bad_files_are_named(reconstruct, tmp_path: Path, clothing_runs: ClothingRuns) -> None:
    picture, mask = oval_photograph(tmp_path, "oval")
    other, _ = oval_photograph(tmp_path, "other")
    empty, full, small, broken, text = (tmp_path / f"{name}.png" for name in ("empty", "full", "small", "cut", "text"))
    Image.new("L", (300, 400)).save(empty)
    Image.new("L", (300, 400), 255).save(full)
    Image.new("L", (30, 40), 255).save(small)
    broken.write_bytes(picture.read_bytes()[:400])
    text.write_text("no picture")
    damaged = tmp_path / "damaged.jpg"
    Image.open(picture).save(damaged)
    damaged.write_bytes(damaged.read_bytes()[:500])
    for words, parts in (
        ((), ("no picture is given",)),
        ((picture, "--mask", tmp_path / "none.png"), ("--mask", "none.png does not exist")),
        ((picture, "--mask", empty), ("empty.png is empty",)),
        ((picture, "--mask", full), ("full.png", "covers the whole picture")),
        ((picture, "--mask", small), ("small.png has 30 x 40 pixels but its picture 300 x 400",)),
        ((picture, "--mask", text), ("the mask", "text.png cannot be read")),
        ((damaged, "--mask", mask), ("damaged.jpg cannot be read",)),
        ((picture, other, "--mask", mask), ("one file for 2 pictures",)),
        ((picture, other, "--box", 1, 1, 50, 50), ("--box is one box for 2 pictures",)),
        ((picture, "--yaws", 0), ("--yaws is for runs of bodies", "trained on clothing")),
        ((picture, "--refine", 3), ("--refine is for runs of faces", "trained on clothing")),
        ((picture, "--resolution", 64), ("--resolution is for runs of bodies",)),
        ((tmp_path / "gone.jpg",), ("gone.jpg",)),
    ):
        assert_one_sentence(reconstruct(*words), *parts)
    assert not (tmp_path / "out").exists(), "nothing partial"
    (tmp_path / "masks" / "other.png").unlink()
    assert_one_sentence(reconstruct(picture, other, "--mask", tmp_path / "masks"), "masks/other.png does not exist")
    assert not (tmp_path / "out").exists(), "told before the work"


def test_masks_of_every_kind_say_the_same(reconstruct, tmp_path: Path, monkeypatch) -> None:
    """Palette masks, label maps, several annotators, 0 and 1, and the picture's own transparency."""
    monkeypatch.setattr(Clothing, "explain", knowing(gradient_texture()))
    picture, mask = oval_photograph(tmp_path, "oval")
    inside = np.asarray(Image.open(mask)).astype(np.uint8)
    labels = inside * 5
    labels[:230][inside[:230] > 0] = 17
    palette = Image.fromarray(labels).convert("P")
    palette.putpalette([0, 0, 0] + [200, 10, 10] * 10 + [10, 20, 200] * 10)
    kinds = {
        "labels": Image.fromarray(labels),
        "palette": palette,
        "annotators": Image.fromarray(inside * 204 + (1 - inside) * 51),
        "ones": Image.fromarray(inside),
    }
    for name, kind in kinds.items():
        kind.save(tmp_path / f"{name}.png")
        answer = reconstruct(picture, "--mask", tmp_path / f"{name}.png")
        assert answer.status == 0, (name, answer)
        assert (pixels(tmp_path / "out" / "oval" / "mask.png")[..., 0] == inside).all(), name
    cut_out = tmp_path / "cut_out.png"
    transparent = Image.open(picture).convert("RGBA")
    transparent.putalpha(Image.fromarray(inside * 255))
    transparent.save(cut_out)
    assert "transparency" in reconstruct(cut_out).printed
    assert (pixels(tmp_path / "out" / "cut_out" / "mask.png")[..., 0] == inside).all()


def test_a_trained_run_is_asked(clothing_runs: ClothingRuns, reconstruct, tmp_path: Path) -> None:
    """The networks themselves, after one step, on a picture of the data set, without a mask's help on the command."""
    picture = sorted((clothing_runs.data / "hq" / "pytorch" / "query").rglob("*.png"))[0]
    mask = sorted((clothing_runs.data / "hq" / "seg_hmr" / "query" / picture.parent.name).glob("*.png"))[0]
    answer = reconstruct(picture, "--mask", mask)
    assert answer.status == 0, answer
    done = tmp_path / "out" / picture.stem
    assert {path.name for path in done.iterdir()} == FILES
    mesh = read_mesh(done / "mesh.glb")
    assert mesh.texture is not None
    torch.testing.assert_close(mesh.texture, mesh.texture.flip(1))
    assert mesh.number_of_faces == 1280
    with Image.open(done / "crop.png") as crop:
        assert crop.size == (32, 64)
