"""A training that was interrupted anywhere, and the same command again."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.experiments.command_line import Answer, threefold
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
    "validation-inside": {"max_epochs": 2, "max_steps": -1, "val_check_interval": 2},
    "accumulated": {"max_epochs": 3, "max_steps": -1, "accumulate_grad_batches": 2},
}

MOMENTS = {
    "epochs": (3, 12),
    "steps": (2, 14),
    "sparse-validation": (8,),
    "sparse-steps": (9,),
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
    found |= {"step": last["global_step"], "epoch": last["epoch"], "schedule": last["lr_schedulers"]}
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
