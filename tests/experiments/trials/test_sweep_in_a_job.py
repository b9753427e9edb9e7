"""A trial of a sweep as a task of a job array: what SLURM asks of it reaches the training, which is a child of it."""

import sys
from pathlib import Path

import yaml

from experiments.benchmarks.simulated_slurm import SimulatedJob, await_true
from experiments.trials.trial_folder import read_record
from lightning_modules.callbacks.provenance import read_json
from tests.experiments.test_requeue import SAME, last_of
from tests.experiments.test_training_command import write_config

LEASHED = "tests.experiments.toy_training.LeashedToy"
BATCHES, EPOCHS, AT_STEP = 4, 3, 5


def write_sweep(folder: Path) -> Path:
    """One trial of a toy whose process asks the sweep's in its sixth step to end."""
    model = {"class_path": LEASHED, "init_args": {"at_step": AT_STEP}}
    data = {"class_path": SAME, "init_args": {"number": 2 * BATCHES}}
    config = write_config(folder, model=model, data=data, checkpoint={"monitor": None}, trainer__max_epochs=EPOCHS)
    sweep = {
        "program": "experiments.cli",
        "method": "grid",
        "metric": {"name": "val/loss", "goal": "minimize"},
        "parameters": {"config": {"value": str(config)}},
        "command": ["${env}", "${interpreter}", "-m", "${program}", "fit", "${args}"],
    }
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(sweep))
    return path


def test_a_signal_to_the_sweep_reaches_the_training(tmp_path: Path) -> None:
    """And one that comes before there is a training is not lost either: the job is requeued."""
    path, trial = write_sweep(tmp_path), tmp_path / "out" / "sweep" / "0000"
    job = SimulatedJob(tmp_path, ["sweep", path, "--out", tmp_path / "out", "--trial", 0, "--"], tasks=1)

    job.start()
    assert job.wait(600) == [0], job.said()
    assert job.requests == ["requeue 4711"]
    assert read_record(trial)["state"] == "interrupted", "the status of a training that is requeued is 0"
    assert last_of(trial)["global_step"] == AT_STEP + 1

    job.start()
    assert await_true(job.listening, 600)
    job.send()
    assert job.wait(600) == [0], job.said()
    assert job.requests == ["requeue 4711"] * 2
    begun = read_json(trial / "slurm.json")["4711"].keys()
    assert begun in ({"0"}, {"0", "1"}), (
        "the signal comes before the training or, on a busy machine, just behind its start"
    )
    assert read_record(trial)["state"] == "interrupted"

    job.start()
    assert job.wait(600) == [0], job.said()
    assert job.requests == ["requeue 4711"] * 2
    assert read_record(trial)["state"] == "finished"
    assert last_of(trial)["global_step"] == EPOCHS * BATCHES
    assert sys.executable in read_record(trial)["command"]
