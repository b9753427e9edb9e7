"""A training that was interrupted anywhere, and the same command again."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lightning_modules.callbacks.panels import Panels
from tests.experiments.command_line import Answer, assert_one_sentence, threefold
from tests.experiments.test_training_command import write_config
from tests.experiments.toy_training import ChancyModule, InterruptionError

CHANCY = {
    "model__class_path": "tests.experiments.toy_training.ChancyModule",
    "data__class_path": "tests.experiments.toy_training.ShuffledData",
    "checkpoint": {"monitor": "val/loss", "mode": "max", "minutes": 0},
}
LIMITS: dict[str, dict[str, Any]] = {
    "epochs": {"max_epochs": 3, "max_steps": -1},
    "steps": {"max_epochs": None, "max_steps": 13},
    "sparse-validation": {"max_epochs": 4, "max_steps": -1, "check_val_every_n_epoch": 2},
    "sparse-steps": {"max_epochs": None, "max_steps": 13, "check_val_every_n_epoch": 2},
    "rest-unvalidated": {"max_epochs": 3, "max_steps": -1, "check_val_every_n_epoch": 2},
    "validation-inside": {"max_epochs": 2, "max_steps": -1, "val_check_interval": 2},
    "accumulated": {"max_epochs": 3, "max_steps": -1, "accumulate_grad_batches": 2},
}

MOMENTS = {
    "epochs": (3, 12),
    "steps": (2, 14),
    "sparse-validation": (8,),
    "sparse-steps": (9,),
    "rest-unvalidated": (17,),
    "validation-inside": (12,),
    "accumulated": (11,),
}
"""Steps of training and validation that are done; all others were tried once."""


@pytest.fixture
def fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Fits the chancy toy; `after` interrupts it after so many steps of training and validation."""

    def run(name: str, limits: dict[str, Any], *words: object, after: int | None = None, **changes: Any) -> Answer:
        settings = {f"trainer__{key}": value for key, value in limits.items()}
        config = write_config(tmp_path, **CHANCY, **settings, run=str(tmp_path / name), **changes)
        ChancyModule.interrupt_after = after
        try:
            return threefold(capsys, "fit", "--config", config, *words)
        finally:
            ChancyModule.interrupt_after = None

    return run


def result(run: Path) -> dict[str, Any]:
    """Everything that two equal trainings leave equal."""
    last, best = (torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True) for name in ("last", "best"))
    found = {"last": last["state_dict"], "best": best["state_dict"], "optimizer": last["optimizer_states"][0]["state"]}
    found |= {name: last[name] for name in ("global_step", "epoch", "lr_schedulers", "loops")}
    return {**found, "metrics": json.loads((run / "metrics.json").read_text())}


def assert_equal(one: Any, other: Any, name: str = "") -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), name
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), name
        for key in one:
            assert_equal(one[key], other[key], f"{name}.{key}")
    else:
        assert one == other, name


@pytest.mark.parametrize(("limits", "moments"), MOMENTS.items())
def test_an_interruption_changes_nothing(limits: str, moments: tuple[int, ...], fit, tmp_path: Path) -> None:
    assert fit("whole", LIMITS[limits]).status == 0
    for after in moments:
        with pytest.raises(InterruptionError):
            fit(f"run-{after}", LIMITS[limits], after=after)
        answer = fit(f"run-{after}", LIMITS[limits])
        assert answer.status == 0
        assert f"run-{after} was interrupted" in answer.printed
        assert_equal(result(tmp_path / f"run-{after}"), result(tmp_path / "whole"), f"{limits}, after {after}")


@pytest.mark.parametrize("limits", ["epochs", "steps"])
@pytest.mark.parametrize(("heard_by", "moment"), [(Panels, "on_train_end"), (ChancyModule, "on_fit_end")])
def test_an_interruption_after_the_last_step_changes_nothing(
    heard_by: type, moment: str, limits: str, fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything else is written at the end of training, and when all is but the end of the run."""

    def interrupted(*arguments: Any) -> None:
        raise InterruptionError

    assert fit("whole", LIMITS[limits]).status == 0
    with monkeypatch.context() as patch:
        patch.setattr(heard_by, moment, interrupted)
        with pytest.raises(InterruptionError):
            fit("run", LIMITS[limits])
    assert "run was interrupted" in fit("run", LIMITS[limits]).printed
    assert_equal(result(tmp_path / "run"), result(tmp_path / "whole"))


@pytest.fixture
def interrupted(fit, tmp_path: Path) -> Path:
    """A run with two checkpoints that was interrupted in its second epoch."""
    with pytest.raises(InterruptionError):
        fit("run", LIMITS["epochs"], after=12)
    return tmp_path / "run"


def flip(path: Path) -> None:
    """Changes one bit of a weight, of which torch itself takes no notice."""
    weight = torch.load(path, weights_only=True)["state_dict"]["layer.weight"]
    content = bytearray(path.read_bytes())
    content[content.index(weight.numpy().tobytes())] ^= 1
    path.write_bytes(bytes(content))
    assert not torch.equal(torch.load(path, weights_only=True)["state_dict"]["layer.weight"], weight)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("spoil", [flip, cut])
def test_a_damaged_checkpoint_is_told_and_the_one_before_it_used(spoil, interrupted: Path, fit, tmp_path: Path) -> None:
    assert fit("whole", LIMITS["epochs"]).status == 0
    spoil(interrupted / "checkpoints" / "last.ckpt")
    answer = fit("run", LIMITS["epochs"])
    assert answer.status == 0
    assert "run was interrupted; last.ckpt is damaged, so it goes on from before-last.ckpt" in answer.printed
    assert (interrupted / "checkpoints" / "last.damaged").is_file()
    assert_equal(result(interrupted), result(tmp_path / "whole"))


def test_two_damaged_checkpoints_are_refused(interrupted: Path, fit) -> None:
    for name in ("last", "before-last"):
        cut(interrupted / "checkpoints" / f"{name}.ckpt")
    assert_one_sentence(fit("run", LIMITS["epochs"]), "last.ckpt and before-last.ckpt", "are damaged")


def test_an_interrupted_run_goes_on_with_its_own_configuration_only(interrupted: Path, fit) -> None:
    answer = fit("run", LIMITS["epochs"], model__init_args__learning_rate=0.3)
    assert_one_sentence(
        answer, "run was interrupted", "model.init_args.learning_rate: 0.1, now 0.3", "--ckpt_path last"
    )
    more = {**LIMITS["epochs"], "max_epochs": 5}
    assert_one_sentence(fit("run", more), "trainer.max_epochs: 3, now 5")
    assert fit("run", more, "--ckpt_path", "last").status == 0
    assert_one_sentence(fit("run", more), "already holds a run")


def test_half_written_files_are_no_hindrance(interrupted: Path, fit, tmp_path: Path) -> None:
    (interrupted / "checkpoints" / ".last.ckpt.unfinished").write_bytes(b"half")
    (interrupted / ".provenance.json.unfinished").write_text('{"fit": ')
    (interrupted / ".config.yaml.0a1b.partial").write_text("trainer:")
    rows = (interrupted / "metrics.csv").read_text() if (interrupted / "metrics.csv").exists() else ""
    (interrupted / "metrics.csv").write_text(rows + "1,0.")
    assert fit("run", LIMITS["epochs"]).status == 0
    assert not [*interrupted.glob("**/.*.unfinished"), *interrupted.glob("**/.*.partial")]
    assert (interrupted / "metrics-1.csv").read_text().endswith("1,0.")


def test_how_often_a_training_went_on_is_written_down(interrupted: Path, fit) -> None:
    begun = json.loads((interrupted / "provenance.json").read_text())["fit"]
    with pytest.raises(InterruptionError):
        fit("run", LIMITS["epochs"], after=2)
    fit("run", LIMITS["epochs"])
    known = json.loads((interrupted / "provenance.json").read_text())["fit"]
    assert known["started"] == begun["started"]
    assert known["finished"] is not None
    assert known["steps"] == 15
    assert [resume["checkpoint"] for resume in known["resumes"]] == ["checkpoints/last.ckpt"] * 2
    assert [resume["step"] for resume in known["resumes"]] == sorted(resume["step"] for resume in known["resumes"])
    assert all({"when", "epoch", "command", "commit"} <= resume.keys() for resume in known["resumes"])


def test_a_run_interrupted_before_its_first_checkpoint_begins_anew(fit, tmp_path: Path) -> None:
    with pytest.raises(InterruptionError):
        fit("run", LIMITS["epochs"], after=1)
    answer = fit("run", {**LIMITS["epochs"], "max_epochs": 1})
    assert answer.status == 0
    assert "interrupted before its first checkpoint and begins anew" in answer.printed
