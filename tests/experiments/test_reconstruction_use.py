"""What is done with reconstructions and runs: transfer, relight, evaluate, predict."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.reconstruction.turntable import turntable
from models.geometry.files import read_mesh
from tests.conftest import FaceRuns
from tests.experiments.command_line import Answer, assert_one_sentence, threefold


@pytest.fixture
def short_turntables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.reconstruction.turntable.turntable", partial(turntable, frames=2, size=32))


@pytest.mark.usefixtures("short_turntables")
@pytest.mark.parametrize("verb", ["transfer", "relight"])
def test_a_face_changed_by_itself_stays(verb: str, done: Path, tmp_path: Path, capsys) -> None:
    giver = {"transfer": "--expression", "relight": "--light"}[verb]
    answer = threefold(capsys, verb, "--face", done, giver, done, "--out", tmp_path / "changed")
    assert answer.status == 0, answer
    changed, fine = read_mesh(tmp_path / "changed" / f"{verb}.glb"), read_mesh(done / "fine.glb")
    torch.testing.assert_close(changed.vertices, fine.vertices, atol=1e-6, rtol=0)
    assert changed.texture is not None
    assert fine.texture is not None
    torch.testing.assert_close(changed.texture, fine.texture, atol=0.01, rtol=0)
    nowhere = threefold(capsys, verb, "--face", tmp_path, giver, done, "--out", tmp_path / "more")
    assert_one_sentence(nowhere, tmp_path, "is no reconstruction")


@pytest.mark.parametrize("stage", ["coarse", "detail"])
def test_prediction_writes_one_row_a_picture(stage: str, face_runs: FaceRuns, tmp_path: Path, capsys) -> None:
    run, data = tmp_path / "run", tmp_path / "data"
    shutil.copytree(getattr(face_runs, stage), run)
    (data / "images").mkdir(parents=True)
    for number in range(3):
        shutil.copy(face_runs.data / "images" / f"00000{number}.jpg", data / "images")
    answer = threefold(capsys, "predict", "--run", run, "--data.init_args.root", data)
    assert answer.status == 0, answer
    with np.load(run / "predictions.npz", allow_pickle=False) as rows:
        assert rows["names"].tolist() == ["000000", "000001", "000002"]
        assert rows["landmarks"].shape == (3, 68, 2)
        assert rows["pose"].shape == (3, 6)
        assert ("displacement_mm" in rows) == (stage == "detail")
    assert not list(run.glob(".predictions*"))


@pytest.mark.parametrize("verb", ["transfer", "relight"])
def test_a_reconstruction_is_not_replaced_by_what_is_made_from_it(verb: str, tmp_path: Path, capsys) -> None:
    given = {"transfer": "--expression", "relight": "--light"}[verb]
    for out in ("anna", "ben"):
        answer = threefold(
            capsys, verb, "--face", tmp_path / "anna", given, tmp_path / "ben", "--out", tmp_path / "." / out
        )
        assert_one_sentence(answer, out, "is the reconstruction that the results are made from")


def test_damaged_reconstructions_are_named(done: Path, tmp_path: Path, capsys) -> None:
    def transfer(**changes: object) -> Answer:
        broken = tmp_path / "broken"
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(done, broken)
        values = json.loads((broken / "parameters.json").read_text()) | changes
        (broken / "parameters.json").write_text(json.dumps(values))
        if not changes:
            (broken / "displacement_mm.npy").write_bytes(b"")
        return threefold(capsys, "transfer", "--face", broken, "--expression", done, "--out", tmp_path / "out")

    assert_one_sentence(transfer(), "displacement_mm.npy cannot be read")
    assert_one_sentence(transfer(face_model={}), "parameters.json lacks 'name'")
    assert_one_sentence(transfer(identity={"values": [0.0, 1.0]}), "broken was made with", "--run")
    assert_one_sentence(transfer(picture=str(tmp_path / "gone.jpg")), "gone.jpg")
    assert not (tmp_path / "out").exists()


def test_a_reconstruction_can_be_used_from_another_folder(done: Path) -> None:
    values = json.loads((done / "parameters.json").read_text())
    assert Path(values["picture"]).is_absolute()
    assert Path(values["run"]).is_absolute()


@pytest.mark.usefixtures("short_turntables")
def test_expression_and_light_are_the_only_things_that_change(done: Path, tmp_path: Path, capsys) -> None:
    other = tmp_path / "other"
    shutil.copytree(done, other)
    values = json.loads((other / "parameters.json").read_text())
    values["expression"]["values"][0] += 3
    values["light"]["values"][0] = [1.0, 1.0, 1.0]
    (other / "parameters.json").write_text(json.dumps(values))
    assert threefold(capsys, "transfer", "--face", done, "--expression", other, "--out", tmp_path / "a").status == 0
    assert threefold(capsys, "relight", "--face", done, "--light", other, "--out", tmp_path / "b").status == 0
    fine, moved, relit = (
        read_mesh(path) for path in (done / "fine.glb", tmp_path / "a" / "transfer.glb", tmp_path / "b" / "relight.glb")
    )
    assert float((moved.vertices.mean(0) - fine.vertices.mean(0)).abs().max()) > 1e-5
    torch.testing.assert_close(relit.vertices, fine.vertices, atol=1e-6, rtol=0)
    assert fine.texture is not None
    assert relit.texture is not None
    assert float(relit.texture.mean()) < 0.8 * float(fine.texture.mean())


def test_a_face_measured_against_itself_has_no_error(done: Path, tmp_path: Path, capsys) -> None:
    for folder in ("pred/anna/selfie", "gt/anna"):
        (tmp_path / folder).mkdir(parents=True)
        for suffix in ("ply", "txt"):
            shutil.copy(done / f"neutral.{suffix}", tmp_path / folder / f"one.{suffix}")
    words = ("--pred", tmp_path / "pred", "--gt", tmp_path / "gt", "--gt_unit", "m", "--json", tmp_path / "now.json")
    answer = threefold(capsys, "evaluate", *words)
    assert answer.status == 0, answer
    result = json.loads((tmp_path / "now.json").read_text())
    assert result["median_mm"] < 1e-3
    assert result["percent_below_mm"]["0.5"] == pytest.approx(100)
    assert "commit" in result["origin"]
    assert_one_sentence(threefold(capsys, "evaluate", *words[:-1], tmp_path / "now.txt"), "now.txt", ".json")
    assert_one_sentence(
        threefold(capsys, "evaluate", "--pred", tmp_path / "no", "--gt", tmp_path / "gt"), "no is not a folder"
    )
