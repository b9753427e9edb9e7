"""Trainings of real stages, killed and interrupted; `experiments.benchmarks.kill_trials` does it in earnest."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from experiments.benchmarks.kill_trial_stages import STAGES
from experiments.benchmarks.kill_trials import EVERY_BATCH, differences, outcome
from lightning_modules.callbacks.seeded_batches import SeededBatches
from tests.conftest import BodyRuns, run
from tests.experiments.toy_training import InterruptionError


def kill_trials(trials: int, json_file: Path, *words: str) -> list[dict]:
    command = [sys.executable, "-m", "experiments.benchmarks.kill_trials", "--trials", str(trials), *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, "--json", str(json_file)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(json_file.read_text())["trials"]


def test_a_killed_training_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    (trial,) = kill_trials(1, tmp_path / "trials.json", "--stage", "face-identity", "--seed", "3")
    assert trial["equal"]
    assert trial["kills"]


@pytest.mark.slow
def test_killed_trainings_of_all_stages_end_as_if_nothing_had_been(tmp_path: Path) -> None:
    trials = kill_trials(len(STAGES), tmp_path / "trials.json", "--seed", "1")
    assert {trial["stage"] for trial in trials} == set(STAGES)
    assert all(trial["equal"] for trial in trials)


@pytest.fixture
def folder(face_data: Path, body_runs: BodyRuns, tmp_path: Path) -> Iterator[Path]:
    """Where the stages' commands look for data and earlier runs."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "faces").symlink_to(face_data)
    (tmp_path / "bodies").symlink_to(body_runs.data)
    (tmp_path / "whole" / "body-multiscale").symlink_to(body_runs.multiscale)
    yield tmp_path
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("stage", ["face-coarse", "body-normals", "body-superresolution"])
def test_an_interrupted_stage_ends_as_if_nothing_had_been(stage: str, folder: Path, monkeypatch) -> None:
    draw, left = SeededBatches.on_train_batch_start, 3

    def interrupted(self: SeededBatches, *arguments) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise InterruptionError
        draw(self, *arguments)

    run(*STAGES[stage].command(folder / "run", folder), *EVERY_BATCH)
    with monkeypatch.context() as patch:
        patch.setattr(SeededBatches, "on_train_batch_start", interrupted)
        with pytest.raises(InterruptionError):
            run(*STAGES[stage].command(folder / "again", folder), *EVERY_BATCH)
    assert outcome_step(folder / "again") < outcome_step(folder / "run")
    run(*STAGES[stage].command(folder / "again", folder), *EVERY_BATCH)
    assert not differences(outcome(folder / "run"), outcome(folder / "again"))


def outcome_step(folder: Path) -> int:
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]


def test_one_bit_is_a_difference() -> None:
    one = {"weight": torch.tensor([0.0, 1.0]), "steps": [1, {"rate": 0.1}]}
    other = {"weight": torch.tensor([-0.0, 1.0]), "steps": [1, {"rate": 0.2}]}
    assert differences(one, one) == []
    assert sorted(differences(one, other)) == [".steps[1].rate", ".weight"]
    assert differences({"loss": float("nan")}, {"loss": float("nan")}) == []
    assert differences({"loss": float("nan")}, {"loss": 0.0}) == [".loss"]
    assert differences({"weight": torch.zeros(2)}, {"weight": torch.zeros(2, dtype=torch.float64)}) == [".weight"]
