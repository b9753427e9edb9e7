"""What is done with reconstructions and runs of clothing: dress, animate."""

import json
import math
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from experiments.compared_runs import samples_of
from experiments.reconstruction.clothing import tryon, views
from lightning_modules.clothing import Clothing
from models.clothing.template import ellipsoid_template
from models.geometry.files import read_mesh, write_mesh
from tests.experiments.command_line import assert_one_sentence, threefold
from tests.experiments.conftest import ClothingRuns
from tests.experiments.known_garments import knowing, number_of_frames, oval_photograph
from tests.experiments.trials.sweeps import names_not_logged

SLIM = (0.3, 0.9, 0.15)
"""Half extents with which the small recipe starts."""


@pytest.fixture
def pair(clothing_runs: ClothingRuns, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Reconstructions of something red and something blue."""
    monkeypatch.setattr(views, "shown_size", partial(views.shown_size, height=48))
    monkeypatch.setattr(views, "turntable", partial(views.turntable, frames=2))
    monkeypatch.setattr(tryon, "write_grid", partial(tryon.write_grid, frames=2))
    monkeypatch.setattr(Clothing, "explain", knowing(azimuth=0.5))
    red, _ = oval_photograph(tmp_path, "red", colour=(200, 40, 40))
    blue, _ = oval_photograph(tmp_path, "blue", colour=(30, 60, 220))
    words = ("--mask", tmp_path / "masks", "--run", clothing_runs.small, "--out", tmp_path / "out")
    assert threefold(capsys, "reconstruct", red, blue, *words).status == 0
    return tmp_path / "out" / "red", tmp_path / "out" / "blue"


def test_one_wears_what_the_other_wore(pair: tuple[Path, Path], tmp_path: Path, capsys) -> None:
    red, blue = pair
    answer = threefold(capsys, "dress", "--shape", red, "--texture", blue, "--out", tmp_path / "dressed")
    assert answer.status == 0, answer
    dressed, shape, worn = (read_mesh(folder / "mesh.glb") for folder in (tmp_path / "dressed", red, blue))
    torch.testing.assert_close(dressed.vertices, shape.vertices)
    assert dressed.texture is not None
    assert worn.texture is not None
    torch.testing.assert_close(dressed.texture, worn.texture)
    with Image.open(tmp_path / "dressed" / "dress.png") as picture:
        middle = picture.getpixel((picture.width // 2, picture.height // 2))
    assert middle == pytest.approx((30, 60, 220), abs=4)


def test_damaged_reconstructions_are_named(pair: tuple[Path, Path], tmp_path: Path, capsys) -> None:
    red, blue = pair

    def dress(shape: Path):
        return threefold(capsys, "dress", "--shape", shape, "--texture", blue, "--out", tmp_path / "dressed")

    assert_one_sentence(dress(tmp_path), "is no reconstruction")
    broken = tmp_path / "broken"
    shutil.copytree(red, broken)
    values = json.loads((broken / "parameters.json").read_text())
    (broken / "parameters.json").write_text(json.dumps({**values, "kind": "face"}))
    assert_one_sentence(dress(broken), "is no reconstruction of clothing")
    (broken / "parameters.json").write_text(json.dumps({**values, "camera": {}}))
    assert_one_sentence(dress(broken), "lacks 'azimuth_degrees'")
    (broken / "parameters.json").write_text("{")
    assert_one_sentence(dress(broken), "is damaged")
    for changed in (
        {"crop_size": [64]},
        {"crop_size": [0, 32]},
        {"camera": {**values["camera"], "offset": [0.0, 0.0, 0.0]}},
        {"camera": {**values["camera"], "distance": "far"}},
        {"camera": {**values["camera"], "elevation_degrees": math.nan}},
        {"light": {"values": [1.0]}},
    ):
        (broken / "parameters.json").write_text(json.dumps({**values, **changed}))
        assert_one_sentence(dress(broken), "parameters.json was changed")
    shutil.copy(red / "parameters.json", broken)
    (broken / "mesh.glb").unlink()
    assert_one_sentence(dress(broken), "mesh.glb")
    assert not (tmp_path / "dressed").exists()


@pytest.mark.parametrize("place", [0, 1])
def test_a_reconstruction_is_not_replaced_by_what_is_made_from_it(
    place: int, pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    red, blue = pair
    before = (pair[place] / "parameters.json").read_bytes()
    same = pair[place].parent / "." / pair[place].name
    answer = threefold(capsys, "dress", "--shape", red, "--texture", blue, "--out", same)
    assert_one_sentence(answer, "is the reconstruction that the results are made from")
    assert (pair[place] / "parameters.json").read_bytes() == before


def test_a_run_keeps_its_templates(clothing_runs: ClothingRuns) -> None:
    first = clothing_runs.small / "template" / "epoch-0000.obj"
    torch.testing.assert_close(read_mesh(first).vertices, ellipsoid_template(SLIM).vertices)


def test_templates_become_an_animation(tmp_path: Path, capsys) -> None:
    template = ellipsoid_template()
    for epoch in (0, 2, 10, 100):
        taller = template.vertices * torch.tensor([1, 1 + epoch / 1000, 1])
        write_mesh(template.mesh(taller), tmp_path / "run" / "template" / f"epoch-{epoch:04d}.obj")
    answer = threefold(capsys, "animate", "--run", tmp_path / "run", "--out", tmp_path / "out")
    assert answer.status == 0, answer
    assert "4 templates, the last after epoch 100" in answer.printed
    assert number_of_frames(tmp_path / "out" / "template.gif") == 4
    last = read_mesh(tmp_path / "out" / "template.glb").vertices
    torch.testing.assert_close(last, template.vertices * torch.tensor([1, 1.1, 1]))
    nowhere = threefold(capsys, "animate", "--run", tmp_path / "none", "--out", tmp_path / "more")
    assert_one_sentence(nowhere, "none does not exist")
    empty = threefold(capsys, "animate", "--run", tmp_path / "out", "--out", tmp_path / "more")
    assert_one_sentence(empty, "holds no templates")
    (tmp_path / "run" / "template" / "epoch-0002.obj").write_text("v 1 2\n")
    broken = threefold(capsys, "animate", "--run", tmp_path / "run", "--out", tmp_path / "more")
    assert_one_sentence(broken, "epoch-0002.obj")
    (tmp_path / "run" / "template" / "epoch-0002.obj").rename(tmp_path / "run" / "template" / "epoch-last.obj")
    named = threefold(capsys, "animate", "--run", tmp_path / "run", "--out", tmp_path / "more")
    assert_one_sentence(named, "epoch-last.obj has no number of an epoch")
    assert not (tmp_path / "more").exists()


def test_sweeps_rank_by_what_the_stage_logs(clothing_runs: ClothingRuns) -> None:
    assert names_not_logged(clothing_runs.small) == []


def test_a_test_keeps_the_scores_of_every_photograph(clothing_runs: ClothingRuns, tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    shutil.copytree(clothing_runs.small, run)
    words = ("--model.init_args.feature_network", "null", "--trainer.limit_test_batches", 1)
    answer = threefold(capsys, "test", "--run", run, *words)
    assert answer.status == 0, answer
    measured, samples = json.loads((run / "metrics.json").read_text())["test"], samples_of(run)
    for name in ("test/mask_iou_soft", "test/iou_volume"):
        values = list(samples[name].values())
        assert len(values) == measured["test/pictures"] > 1
        assert sum(values) / len(values) == pytest.approx(measured[name], rel=1e-5)
