"""Training skips nothing silently: a broken sample is named, whether the training process reads it or a worker."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import CONFIGS, FaceRuns
from tests.experiments.command_line import assert_one_sentence, threefold


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_picture_ends_the_training_with_its_name(
    workers: int, face_runs: FaceRuns, tmp_path: Path, capsys
) -> None:
    data = tmp_path / "data"
    shutil.copytree(face_runs.data, data)
    for picture in (data / "images").iterdir():
        picture.write_bytes(picture.read_bytes()[:300])
    words = ("--data.init_args.root", data, "--data.init_args.workers", workers, "--data.init_args.batch_size", 2)
    level = ("--model.init_args.face_model.init_args.level", "tiny", "--trainer.accelerator", "cpu")
    config = CONFIGS / "coarse_small.yaml"
    answer = threefold(capsys, "fit", "--config", config, "--run", tmp_path / "run", *words, *level)
    assert_one_sentence(answer, data / "images", "cannot be read")


def test_a_missing_data_set_is_named(tmp_path: Path, capsys) -> None:
    words = ("--data.init_args.root", tmp_path / "nowhere", "--model.init_args.face_model.init_args.level", "tiny")
    answer = threefold(capsys, "fit", "--config", CONFIGS / "coarse_small.yaml", "--run", tmp_path / "run", *words)
    assert_one_sentence(answer, "nowhere")


def test_inspection_names_every_broken_file_and_exits_with_one(face_runs: FaceRuns, tmp_path: Path, capsys) -> None:
    data = tmp_path / "data"
    shutil.copytree(face_runs.data, data)
    assert threefold(capsys, "inspect", "faces", "--root", data).status == 0
    (data / "images" / "000003.jpg").write_bytes(b"")
    (data / "landmarks" / "000005.txt").write_text("1 2\n")
    answer = threefold(capsys, "inspect", "faces", "--root", data, "--panel", tmp_path / "panel.png")
    assert answer.status == 1
    assert "000003.jpg" in answer.printed
    assert "000005.txt" in answer.printed
    assert (tmp_path / "panel.png").is_file()


@pytest.mark.parametrize("kind", ["celeba", "300w-lp", "aflw2000"])
def test_a_download_that_is_not_there_is_named(kind: str, tmp_path: Path, capsys) -> None:
    answer = threefold(capsys, "prepare", kind, "--raw", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert_one_sentence(answer, "nowhere")
