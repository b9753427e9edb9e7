"""Reading checkpoints: safely, and with a sentence where that is impossible."""

import os
from pathlib import Path

import pytest
import torch

from experiments import runs
from experiments.errors import UserError
from tests.experiments.toy_training import ToyModule


def write_checkpoint(path: Path, **changes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    module = ToyModule()
    content = {
        "state_dict": module.state_dict(),
        "hyper_parameters": {"_class_path": "tests.experiments.toy_training.ToyModule", "width": 3},
        "pytorch-lightning_version": "2.6.6",
    }
    torch.save(content | changes, path)
    return path


def test_the_best_checkpoint_comes_before_the_last_and_the_newest(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    newest = write_checkpoint(folder / "epoch=3.ckpt")
    assert runs.checkpoint_of(tmp_path) == newest
    last = write_checkpoint(folder / "last.ckpt")
    assert runs.checkpoint_of(tmp_path) == last
    best = write_checkpoint(folder / "best.ckpt")
    assert runs.checkpoint_of(tmp_path) == best
    assert runs.checkpoint_of(newest) == newest


def test_a_folder_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no checkpoint"):
        runs.checkpoint_of(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        runs.checkpoint_of(tmp_path / "absent")


class Malice:
    """Would create a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    target = tmp_path / "it-ran"
    path = write_checkpoint(tmp_path / "evil.ckpt", extra=Malice(target))
    with pytest.raises(UserError, match=r"evil\.ckpt"):
        runs.read_checkpoint(path)
    assert not target.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"text"])
def test_damaged_files_are_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged.ckpt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged\.ckpt"):
        runs.read_checkpoint(path)


def test_a_file_that_is_no_training_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"layer.weight": torch.zeros(3)}, path)
    with pytest.raises(UserError, match="no training checkpoint"):
        runs.read_checkpoint(path)


def test_only_classes_of_the_project_are_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_checkpoint(tmp_path / "toy.ckpt")
    with pytest.raises(UserError, match="not one of this project's"):
        runs.load_module(path)
    monkeypatch.setattr(runs, "MODULE_PACKAGE", "tests.experiments.")
    assert isinstance(runs.load_module(path), ToyModule)
    inner = {"_class_path": "tests.experiments.toy_training.ToyModule", "part": [{"class_path": "os.system"}]}
    path = write_checkpoint(tmp_path / "inner.ckpt", hyper_parameters=inner)
    with pytest.raises(UserError, match=r"os\.system"):
        runs.load_module(path)


def test_weights_that_do_not_fit_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MODULE_PACKAGE", "tests.experiments.")
    path = write_checkpoint(tmp_path / "wide.ckpt", state_dict={"layer.weight": torch.zeros(1, 5)})
    with pytest.raises(UserError, match="does not fit this version"):
        runs.load_module(path)
