"""The flow of `threefold train-face`: what it skips, what it resumes, what it tells at the end."""

import json
from pathlib import Path

import pytest
from PIL import Image

from datamodules.face_records import face_records
from experiments.commands import pipeline, train_face
from experiments.errors import UserError
from tests.experiments.command_line import assert_one_sentence, threefold


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that the flow would run."""
    commands: list[list[str]] = []
    monkeypatch.setattr(pipeline, "threefold", lambda *words: commands.append([str(word) for word in words]))
    return commands


def write(path: Path, values: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def test_a_finished_training_is_not_done_again(tmp_path: Path, spoken: list[list[str]]) -> None:
    write(tmp_path / "run" / "metrics.json", {"fit": {"train/loss": 1.0}})
    write(tmp_path / "run" / "provenance.json", {"fit": {"finished": "2026-01-01"}})
    pipeline.train(tmp_path / "run", train_face.CONFIGS / "coarse_small.yaml", tmp_path, 0)
    assert spoken == []


def test_an_interrupted_training_is_asked_for_again(tmp_path: Path, spoken: list[list[str]]) -> None:
    write(tmp_path / "run" / "provenance.json", {"fit": {"finished": None}})
    pipeline.train(tmp_path / "run", train_face.CONFIGS / "coarse_small.yaml", tmp_path, 7, "--trainer.max_steps", 3)
    (words,) = spoken
    assert words[0] == "fit"
    assert words[words.index("--seed_everything") + 1] == "7"
    assert words[-2:] == ["--trainer.max_steps", "3"]


def write_photographs(folder: Path, names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.new("RGB", (64, 64), (90, 120, 150)).save(folder / f"{name}.png")


def write_points(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{10 + row % 17 * 2} {10 + row // 17 * 10}\n" for row in range(68)))


def test_photographs_without_landmarks_are_searched_for_faces(tmp_path: Path) -> None:
    write_photographs(tmp_path, "ab")
    assert train_face.detection(tmp_path) == ["--data.init_args.find_face", train_face.DETECTOR]
    write_points(tmp_path / "landmarks" / "a.txt")
    assert train_face.detection(tmp_path) == ["--data.init_args.find_face", train_face.DETECTOR], "b has none"
    (tmp_path / "boxes.json").write_text(json.dumps({"b": [10, 20, 50, 60]}))
    assert train_face.detection(tmp_path) == []


def test_reconstruction_is_told_where_the_faces_are(tmp_path: Path) -> None:
    write_photographs(tmp_path, "abc")
    write_points(tmp_path / "landmarks" / "a.txt")
    (tmp_path / "boxes.json").write_text(json.dumps({"b": [10, 20, 50, 60]}))
    marked, boxed, unknown = train_face.located(face_records(tmp_path), tmp_path)
    assert marked == [tmp_path / "a.png", "--landmarks", tmp_path / "landmarks"]
    assert boxed == [tmp_path / "b.png", "--box", 10.0, 20.0, 40.0, 40.0]
    assert unknown == [tmp_path / "c.png"]


def test_synthetic_faces_are_not_searched_for(tmp_path: Path, monkeypatch) -> None:
    """The detector knows photographs: it misses some synthetic faces, whose place is known anyway."""
    data, commands = tmp_path / "data", []
    write_photographs(data, "ab")
    for name in "ab":
        write_points(data / "landmarks" / f"{name}.txt")
    (data / "split.txt").write_text("a train\nb test\n")
    monkeypatch.setattr(pipeline, "threefold", lambda *words: commands.append([str(word) for word in words]))
    monkeypatch.setattr(train_face, "test", lambda *words: None)
    train_face.train_face(out=tmp_path / "runs", data=data)
    (words,) = [words for words in commands if words[0] == "reconstruct"]
    assert words[words.index("--landmarks") + 1] == str(data / "landmarks")


def test_photographs_that_cannot_be_used_are_told_before_the_work(tmp_path: Path, capsys, spoken) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    words = ("train-face", "--photos", photos, "--out", tmp_path / "runs", "--data", tmp_path / "data")
    assert_one_sentence(threefold(capsys, *words), photos, "no pictures")
    write_photographs(photos, "ab")
    answer = threefold(capsys, *words)
    assert_one_sentence(answer, "2 of 2", "a.png", "no upright face")
    assert "b.png" in answer.complaint
    write_points(photos / "landmarks" / "a.txt")
    (photos / "b.png").unlink()
    assert_one_sentence(threefold(capsys, *words), photos, "1 photograph", "train")
    assert spoken == []


def test_a_run_on_other_data_is_not_taken_for_this_one(tmp_path: Path, spoken: list[list[str]]) -> None:
    run, known = tmp_path / "run", {"data": {"init_args": {"root": str(tmp_path / "others")}}}
    write(run / "config.yaml", known)
    with pytest.raises(UserError, match=r"was trained on .*others"):
        pipeline.train(run, train_face.CONFIGS / "coarse_photos.yaml", tmp_path / "mine", 0)
    assert (run / "config.yaml").is_file()
    assert spoken == []


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
