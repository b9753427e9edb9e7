"""`synthesize_garments`: the three layouts, read as the real ones are, and their truth."""

import csv
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.atr import atr_layout
from datamodules.clothing_records import ClothingLayout
from datamodules.clothing_truth import read_clothing_truth
from datamodules.cub import cub_layout
from datamodules.market_hq import market_hq_layout
from datamodules.pictures import PICTURE_SUFFIXES
from datamodules.synthetic import garments as garments_module
from datamodules.synthetic.garment_cameras import GarmentCamera, perspective_camera
from datamodules.synthetic.garment_subjects import Subject
from datamodules.synthetic.garments import RECIPES, synthesize_garments
from models.rendering.rasterize import rasterize

LAYOUTS: dict[str, Callable[[str | Path], ClothingLayout]] = {
    "market-hq": market_hq_layout,
    "atr": atr_layout,
    "cub": cub_layout,
}
SUBJECTS: dict[str, Subject] = {"market-hq": "people", "atr": "handbags", "cub": "birds"}
small = functools.partial(synthesize_garments, number=8, seed=5, views=2, layout="atr", subject="handbags", height=60)


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module", params=list(LAYOUTS))
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    out = tmp_path_factory.mktemp("garments") / "out"
    name = request.param
    return name, synthesize_garments(out, number=6, seed=5, views=2, layout=name, subject=SUBJECTS[name])


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small(tmp_path_factory.mktemp("bags") / "out")


def test_each_layout_is_read_as_the_real_one(dataset: tuple[str, Path]) -> None:
    name, out = dataset
    layout = LAYOUTS[name](out)
    layout.require_sound()
    assert layout.has_truth
    assert len(layout.records) == 6
    assert sum(record.part == "test" for record in layout.records) == 2
    shares = layout.coverage()
    recipe = RECIPES[name]  # pyright: ignore[reportArgumentType]
    for record in layout.records:
        assert record.truth is not None
        assert record.truth.is_file()
        written = re.search(r"_(\d\.\d\d)$", record.mask.stem)
        assert written is not None
        coverage = shares[record.name]
        assert float(written[1]) == pytest.approx(coverage.ratio, abs=0.00501)
        with Image.open(record.picture) as picture:
            assert picture.size == (round(recipe.height * recipe.width_share), recipe.height)


def test_subjects_of_the_test_part_are_never_trained_on(dataset: tuple[str, Path]) -> None:
    name, out = dataset
    layout = LAYOUTS[name](out)
    with (layout.base / "subjects.csv").open(encoding="utf-8") as file:
        subject_of = {row["name"]: row["subject"] for row in csv.DictReader(file)}
    assert len(subject_of) == 6
    parts: dict[str | None, set[str]] = {"train": set(), "test": set()}
    for record in layout.records:
        assert record.truth is not None
        parts[record.part].add(subject_of[record.truth.stem])
    assert parts == {"train": {"0", "1"}, "test": {"2"}}


def test_the_truth_seen_again_is_the_mask(dataset: tuple[str, Path]) -> None:
    name, out = dataset
    layout = LAYOUTS[name](out)
    for record in layout.records:
        assert record.truth is not None
        truth = read_clothing_truth(record.truth)
        mask = torch.from_numpy(layout.foreground(record.mask))
        size = (mask.shape[0], mask.shape[1])
        offset = (float(truth.offset[0]), float(truth.offset[1]))
        camera = GarmentCamera(truth.azimuth, truth.elevation, truth.distance, offset)
        screen = perspective_camera(camera, size).to_screen(torch.from_numpy(truth.vertices)[None])
        seen = rasterize(screen, torch.from_numpy(truth.faces).long(), size).face_index[0] >= 0
        assert (seen != mask).float().mean() < 5e-4
        x, y, depth = screen[0].unbind(-1)
        assert depth.min() > 0.5
        inside = (x >= 0) & (x < size[1]) & (y >= 0) & (y < size[0])
        grown = torch.nn.functional.max_pool2d(mask.float()[None, None], 3, 1, 1)[0, 0] > 0
        assert grown[y[inside].long(), x[inside].long()].float().mean() > 0.995
        assert 0 <= truth.colours.min() <= truth.colours.max() <= 1
        with np.load(record.truth) as entries:
            assert entries["light"].shape == (9, 3)


def test_pictures_show_the_truths_colours(dataset: tuple[str, Path]) -> None:
    """Inside the mask a picture is nearer to the unlit truth of its own than to that of another subject."""
    name, out = dataset
    layout = LAYOUTS[name](out)
    for record in layout.records[:2]:
        assert record.truth is not None
        truth = read_clothing_truth(record.truth)
        pixels = np.asarray(Image.open(record.picture).convert("RGB"), np.float32) / 255
        inside = pixels[layout.foreground(record.mask)]
        assert 0.02 < inside.mean() < 0.95
        brightness = inside.mean() / truth.colours.mean()
        assert 0.35 < brightness < 1.6
        assert (np.abs(inside.mean(0) / inside.mean() - truth.colours.mean(0) / truth.colours.mean()) < 0.45).all()


def test_a_subject_is_seen_from_other_sides_before_other_backgrounds(dataset: tuple[str, Path]) -> None:
    name, out = dataset
    truths = [record.truth for record in LAYOUTS[name](out).records if record.truth]
    one, two = (path for path in truths if np.load(path)["subject"] == 1)
    first, second = read_clothing_truth(one), read_clothing_truth(two)
    np.testing.assert_array_equal(first.vertices, second.vertices)
    assert first.azimuth != second.azimuth
    with np.load(one) as a, np.load(two) as b:
        assert not np.allclose(a["light"], b["light"])


def test_files_depend_on_the_seed_but_not_on_workers(bags: Path, tmp_path: Path) -> None:
    again = files_of(small(tmp_path / "again", workers=2))
    assert again == files_of(bags)
    pictures = [name for name in again if Path(name).suffix in PICTURE_SUFFIXES]
    assert len(pictures) == 3 * 8
    other = files_of(small(tmp_path / "other", number=6, seed=6))
    shared = [name for name in other if name.endswith(".npz")]
    assert shared
    assert all(again[name] != other[name] for name in shared)


def test_an_interrupted_run_leaves_nothing_that_looks_whole_and_goes_on(bags: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small(tmp_path / "out", progress=interrupt)
    assert not (tmp_path / "out").exists()
    steps: list[tuple[int, int]] = []
    small(tmp_path / "out", progress=lambda *step: steps.append(step))
    assert steps[0] == (2, 4), "two subjects were there"
    assert files_of(tmp_path / "out") == files_of(bags)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_finished_folder_is_kept_and_no_other_overwrites_it(bags: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garments_module, "photographs", None)
    assert small(bags) == bags
    with pytest.raises(ValueError, match="already holds something else"):
        small(bags, number=10)


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"number": 4}, "give more than 4"),
        ({"views": 0}, "1 to 99"),
        ({"height": 8}, "32 pixels or more"),
        ({"held_out": 0.5}, "between 0 and 0.5"),
    ],
)
def test_settings_without_sense_are_refused(tmp_path: Path, wrong: dict[str, Any], part: str) -> None:
    with pytest.raises(ValueError, match=part):
        small(tmp_path / "out", **wrong)
    assert not list(tmp_path.iterdir())
