"""`threefold weights` and `threefold figures`: which commands they run, in which order, on what."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import figures, shipped
from experiments.commands import figures as figures_command
from experiments.commands import pipeline
from experiments.figures import LARGEST_BYTES, small_png, write_figure
from tests.experiments.command_line import assert_one_sentence, threefold


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would be run, in order."""
    run: list[list[str]] = []
    monkeypatch.setattr(pipeline, "threefold", lambda *words: run.append([str(word) for word in words]))
    return run


def test_each_model_is_trained_exported_and_tested(commands: list[list[str]], tmp_path: Path, capsys) -> None:
    out, data, weights = tmp_path / "runs", tmp_path / "data", tmp_path / "weights"
    words = ("--out", out, "--data", data, "--weights", weights, "--max_steps", 2, "--num", 8)
    answer = threefold(capsys, "weights", *words)
    assert answer.status == 0, answer
    assert [each[0] for each in commands] == [
        *("train-face", "export", "train-clothing", "export", "synthesize", "fit", "export")
    ]
    exported = [each for each in commands if each[0] == "export"]
    for (run, name, root), each in zip(
        [("face-detail", "face", "faces"), ("clothing", "clothing", "garments"), ("body-single", "body", "bodies")],
        exported,
        strict=True,
    ):
        assert each == ["export", str(out / run), "--out", str(weights / name), "--data", str(data / root)]
    body = commands[5]
    assert body[body.index("--data.init_args.views") + 1] == "1", "trained on one picture of each person"
    assert body[body.index("--trainer.max_steps") + 1] == "2"


def test_with_photographs_the_face_is_tested_on_both(commands: list[list[str]], tmp_path: Path, capsys) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    words = ("--out", tmp_path, "--data", tmp_path / "d", "--photos", photos, "--only", "face")
    assert threefold(capsys, "weights", *words).status == 0
    assert [each[0] for each in commands] == ["train-face", "export"]
    assert commands[0][-2:] == ["--photos", str(photos)]
    assert commands[1][1] == str(tmp_path / "face-detail-photos")
    assert commands[1][-2:] == [str(tmp_path / "d" / "faces"), str(photos)]


def test_what_weights_and_figures_do_not_know_is_named(
    commands: list[list[str]], tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "WEIGHTS", tmp_path)
    assert_one_sentence(threefold(capsys, "weights", "--only", "hand"), "--only hand")
    assert_one_sentence(threefold(capsys, "weights", "--photos", tmp_path / "none"), "is no folder")
    assert_one_sentence(threefold(capsys, "figures", "--only", "hand"), "--only hand")
    assert_one_sentence(threefold(capsys, "figures", "--photo", tmp_path / "none.jpg"), "none.jpg does not exist")
    assert_one_sentence(threefold(capsys, "figures"), "make weights")
    assert not commands


def test_a_figure_shows_every_reconstruction_and_stays_small(done: Path, tmp_path: Path) -> None:
    write_figure("face", [done, done], tmp_path / "face.png")
    assert (tmp_path / "face.png").stat().st_size <= LARGEST_BYTES
    with Image.open(tmp_path / "face.png") as page:
        rows = np.asarray(page.convert("RGB"))
    assert rows.shape[0] % 2 == 0
    assert rows.shape[1] > 6 * figures.HEIGHT
    assert (rows[: rows.shape[0] // 2] == rows[rows.shape[0] // 2 :]).mean() > 0.99
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (400, 900, 3)).astype(np.uint8))
    assert len(small_png(noise)) <= LARGEST_BYTES
    assert figures_command.SHOWN == 2
