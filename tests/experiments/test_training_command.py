"""fit, validate and test through the real command line, on a module of four weights."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from experiments.runs import checkpoint_of
from tests.experiments.command_line import Answer, assert_one_sentence, threefold

TOY = "tests.experiments.toy_training.ToyModule"


def write_config(folder: Path, name: str = "toy.yaml", **changes: Any) -> Path:
    """A configuration of the toy; `changes` are members to replace, with __ between levels."""
    config: dict[str, Any] = {
        "seed_everything": 3,
        "run": str(folder / "run"),
        "checkpoint": {"monitor": "val/loss", "mode": "min"},
        "trainer": {"max_epochs": 2, "accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False},
        "model": {"class_path": TOY, "init_args": {"width": 3}},
        "data": {"class_path": "tests.experiments.toy_training.ToyData"},
    }
    for path, value in changes.items():
        *above, last = path.split("__")
        part = config
        for key in above:
            part = part[key]
        part[last] = value
    path = folder / name
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Fits the toy with changes of its configuration and more words."""

    def run(*words: object, **changes: Any) -> Answer:
        return threefold(capsys, "fit", "--config", write_config(tmp_path, **changes), *words)

    return run


def steps_of(run: Path) -> int:
    return torch.load(checkpoint_of(run), weights_only=True)["global_step"]


@pytest.mark.parametrize(("limit", "steps"), [("1", 1), ("2", 2), ("1.0", 4), ("0.5", 2)])
def test_a_batch_limit_of_one_means_one_batch(limit: str, steps: int, fit, tmp_path: Path) -> None:
    assert fit("--trainer.limit_train_batches", limit, trainer__max_epochs=1).status == 0
    assert steps_of(tmp_path / "run") == steps


def test_a_batch_limit_of_one_in_a_file_means_one_batch(fit, tmp_path: Path) -> None:
    assert fit(trainer__limit_train_batches=1, trainer__limit_val_batches=1, trainer__max_epochs=1).status == 0
    assert steps_of(tmp_path / "run") == 1
    saved = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert saved["trainer"]["limit_train_batches"] == 1
    assert isinstance(saved["trainer"]["limit_train_batches"], int)


def test_a_run_folder_holds_everything(fit, tmp_path: Path) -> None:
    answer = fit()
    run = tmp_path / "run"
    assert answer.status == 0
    for name in ("config.yaml", "metrics.csv", "metrics.json", "provenance.json", "checkpoints/best.ckpt"):
        assert (run / name).is_file(), name
    assert (run / "checkpoints" / "last.ckpt").is_file()
    assert len(list((run / "panels").glob("*.png"))) == 2
    assert list(run.glob("events.out.tfevents.*"))
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["fit"]["val/loss"] > 0
    provenance = json.loads((run / "provenance.json").read_text())["fit"]
    assert provenance["seed"] == 3
    assert provenance["finished"] is not None
    assert provenance["steps"] == 8
    assert {"command", "commit", "packages", "hardware"} <= provenance.keys()


def test_nothing_is_advertised(fit) -> None:
    answer = fit()
    assert "litlogger" not in answer.complaint + answer.printed
    assert "LeafSpec" not in answer.complaint


def test_the_saved_configuration_trains_again(fit, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit()
    answer = threefold(capsys, "fit", "--config", tmp_path / "run" / "config.yaml", "--run", tmp_path / "again")
    assert answer.status == 0
    first, second = (torch.load(checkpoint_of(tmp_path / name), weights_only=True) for name in ("run", "again"))
    assert torch.equal(first["state_dict"]["layer.weight"], second["state_dict"]["layer.weight"])


def test_a_finished_run_is_never_overwritten(fit) -> None:
    assert fit().status == 0
    assert_one_sentence(fit(), "already holds a run", "--ckpt_path last")


def test_resuming_equals_not_stopping(fit, tmp_path: Path) -> None:
    assert fit(trainer__max_epochs=4, run=str(tmp_path / "whole")).status == 0
    assert fit(trainer__max_epochs=2).status == 0
    assert fit("--ckpt_path", "last", trainer__max_epochs=4).status == 0
    whole, resumed = (
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True) for name in ("whole", "run")
    )
    assert torch.equal(whole["state_dict"]["layer.weight"], resumed["state_dict"]["layer.weight"])
    assert whole["global_step"] == resumed["global_step"] == 16
    moments = [checkpoint["optimizer_states"][0]["state"][0]["exp_avg"] for checkpoint in (whole, resumed)]
    assert torch.equal(*moments)
    assert "val/loss" in (tmp_path / "run" / "metrics-1.csv").read_text(), "the metrics before the stop are kept"


def test_a_run_alone_is_enough_to_test_it(fit, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit()
    run = tmp_path / "run"
    before = (run / "config.yaml").read_text()
    assert threefold(capsys, "test", "--run", run).status == 0
    assert threefold(capsys, "validate", "--run", run).status == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["test/loss"] == pytest.approx(metrics["validate"]["val/loss"])
    assert (run / "config.yaml").read_text() == before
    assert (run / "metrics.csv").is_file(), "testing must not touch the training's metrics"


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"trainer__max_epoch": 2}, ["toy.yaml", "max_epoch"]),
        ({"model__init_args__widht": 2}, ["toy.yaml", "widht"]),
        ({"model__init_args__width": "wide"}, ["toy.yaml", "width", "int", "wide"]),
        ({"model__class_path": "lightning_modules.nothing.Nothing"}, ["toy.yaml", "lightning_modules.nothing"]),
        ({"checkpoint__mode": "small"}, ["toy.yaml", "mode", "small"]),
        ({"sead": 3}, ["toy.yaml", "sead"]),
        ({"checkpoint__monitor": "val/nothing"}, ["val/nothing", "val/loss"]),
    ],
)
def test_mistakes_in_a_file_name_the_key_and_the_file(changes: dict[str, Any], parts: list[str], fit) -> None:
    assert_one_sentence(fit(**changes), *parts)


def test_abbreviated_options_are_refused(fit) -> None:
    assert_one_sentence(fit("--trainer.max_epoch", "3"), "--trainer.max_epoch")


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.yaml").write_text("model: [1, 2")
    assert_one_sentence(threefold(capsys, "fit", "--config", tmp_path / "broken.yaml"), "broken.yaml", "YAML")
    assert_one_sentence(threefold(capsys, "fit", "--config", tmp_path / "absent.yaml"), "absent.yaml does not exist")
    (tmp_path / "letter.yaml").write_text("dear diary")
    assert_one_sentence(threefold(capsys, "fit", "--config", tmp_path / "letter.yaml"), "letter.yaml holds no keys")


def test_two_files_may_not_name_two_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write_config(tmp_path, "first.yaml")
    second = write_config(tmp_path, "second.yaml", model__class_path="tests.experiments.toy_training.OtherToyModule")
    answer = threefold(capsys, "fit", "--config", first, "--config", second)
    assert_one_sentence(answer, "first.yaml", "second.yaml", "OtherToyModule")


def test_a_run_folder_must_be_named(fit) -> None:
    assert_one_sentence(fit(run=None), "--run")


def test_checkpoints_that_cannot_be_used_are_named(fit, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit()
    run = tmp_path / "run"
    whole = (run / "checkpoints" / "best.ckpt").read_bytes()
    short = tmp_path / "short.ckpt"
    short.write_bytes(whole[: len(whole) // 2])
    assert_one_sentence(threefold(capsys, "test", "--run", run, "--ckpt_path", short), "short.ckpt", "cut short")
    absent = tmp_path / "absent.ckpt"
    assert_one_sentence(threefold(capsys, "test", "--run", run, "--ckpt_path", absent), "absent.ckpt does not exist")
    assert_one_sentence(threefold(capsys, "test", "--run", tmp_path / "nowhere"), "nowhere", "config.yaml")
    other = write_config(tmp_path, "other.yaml", model__class_path="tests.experiments.toy_training.OtherToyModule")
    answer = threefold(capsys, "test", "--config", other, "--ckpt_path", run / "checkpoints" / "best.ckpt")
    assert_one_sentence(answer, "best.ckpt", "ToyModule", "OtherToyModule")


def test_fast_dev_run_leaves_no_folder(fit, tmp_path: Path) -> None:
    assert fit("--trainer.fast_dev_run", "true").status == 0
    assert not (tmp_path / "run").exists()
