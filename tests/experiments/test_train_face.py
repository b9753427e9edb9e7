"""The flow of `threefold train-face`: what it skips, what it resumes, what it tells at the end."""

import json
from pathlib import Path

import pytest

from experiments.commands import train_face
from tests.experiments.command_line import assert_one_sentence, threefold


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that the flow would run."""
    commands: list[list[str]] = []
    monkeypatch.setattr(train_face, "threefold", lambda *words: commands.append([str(word) for word in words]))
    return commands


def write(path: Path, values: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def test_a_finished_training_is_not_done_again(tmp_path: Path, spoken: list[list[str]]) -> None:
    write(tmp_path / "run" / "metrics.json", {"fit": {"train/loss": 1.0}})
    write(tmp_path / "run" / "provenance.json", {"fit": {"finished": "2026-01-01"}})
    train_face.train(tmp_path / "run", "coarse_small.yaml", tmp_path, 0)
    assert spoken == []


def test_an_interrupted_training_goes_on(tmp_path: Path, spoken: list[list[str]]) -> None:
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    write(last, {})
    train_face.train(tmp_path / "run", "coarse_small.yaml", tmp_path, 7, "--trainer.max_steps", 3)
    (words,) = spoken
    assert words[0] == "fit"
    assert words[words.index("--ckpt_path") + 1] == "last"
    assert words[words.index("--seed_everything") + 1] == "7"
    assert words[-2:] == ["--trainer.max_steps", "3"]


def test_a_training_without_a_checkpoint_begins_anew(tmp_path: Path, spoken: list[list[str]]) -> None:
    write(tmp_path / "run" / "config.yaml", {})
    train_face.train(tmp_path / "run", "coarse_small.yaml", tmp_path, 0)
    assert not (tmp_path / "run").exists()
    assert "--ckpt_path" not in spoken[0]


def test_photographs_without_landmarks_are_searched_for_faces(tmp_path: Path) -> None:
    assert train_face.detection(tmp_path) == ["--data.init_args.find_face", train_face.DETECTOR]
    (tmp_path / "landmarks").mkdir()
    assert train_face.detection(tmp_path) == []


def test_the_summary_shows_what_was_measured(tmp_path: Path) -> None:
    write(tmp_path / "face-coarse-synthetic.json", {"test/landmark_nme_percent": 2.5})
    write(tmp_path / "face-coarse-photos-before.json", {"test/photometric_error_grey": 30.0, "test/gone": 1.0})
    write(tmp_path / "face-coarse-photos-after.json", {"test/photometric_error_grey": 20.0})
    (tmp_path / "reconstructions").mkdir()
    text = train_face.summary(tmp_path, 90)
    assert "1.5 minutes" in text
    assert "2.5" in text
    row = next(line for line in text.splitlines() if "photometric_error_grey" in line)
    assert row.split() == ["test/photometric_error_grey", "30", "20"]
    assert "no value" in text
    assert str(tmp_path / "reconstructions") in text


def test_photographs_that_are_not_there_are_told_at_once(tmp_path: Path, capsys) -> None:
    answer = threefold(capsys, "train-face", "--photos", tmp_path / "nowhere", "--out", tmp_path)
    assert_one_sentence(answer, "nowhere is no folder")


@pytest.mark.slow
def test_the_whole_way(tmp_path: Path, capsys) -> None:
    words = ("--out", tmp_path / "runs", "--data", tmp_path / "data", "--num", 40, "--max_steps", 2)
    answer = threefold(capsys, "train-face", *words)
    assert answer.status == 0, answer
    assert "coarse stage on unseen synthetic faces" in answer.printed
    assert list((tmp_path / "runs" / "reconstructions" / "synthetic").glob("*/fine.glb"))
