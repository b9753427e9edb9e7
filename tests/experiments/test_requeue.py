"""A training under simulated SLURM is signalled, saves itself, asks to be started again and goes on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments.benchmarks.simulated_slurm import SOURCE, SimulatedJob
from lightning_modules import stop_signals
from lightning_modules.callbacks.provenance import read_json
from tests.experiments.command_line import Answer, assert_one_sentence, threefold
from tests.experiments.test_training_command import write_config

SIGNALLED, SAME = (f"tests.experiments.toy_training.{name}" for name in ("SignalledToy", "SameData"))
BATCHES, EPOCHS = 4, 3


@pytest.fixture
def quiet_signals() -> Iterator[None]:
    """Takes back what a training under SLURM does to the signals of its process."""
    before = {number: signal.getsignal(number) for number in (stop_signals.REQUEUE, stop_signals.END)}
    yield
    forget()
    for number, handler in before.items():
        signal.signal(number, handler)


def forget() -> None:
    """As in a process that has just begun."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {stop_signals.REQUEUE})  # one that waits is noted
    stop_signals._noted.clear()


@pytest.fixture
def one_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet_signals: None) -> SimulatedJob:
    """This process as the only task of a job."""
    job = SimulatedJob(tmp_path, [], tasks=1)
    for name, value in job.environment(0).items():
        monkeypatch.setenv(name, value)
    return job


def toy(folder: Path, at_step: int, name: str = "SIGUSR1", processes: int = 1, **changes: Any) -> Path:
    """A configuration whose process is signalled in its step number `at_step`, counted from 0."""
    model = {"class_path": SIGNALLED, "init_args": {"at_step": at_step, "name": name}}
    data = {"class_path": SAME, "init_args": {"number": 2 * BATCHES * processes}}
    checkpoint = {"monitor": None}
    return write_config(folder, model=model, data=data, checkpoint=checkpoint, trainer__max_epochs=EPOCHS, **changes)


def last_of(run: Path) -> dict[str, Any]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


def weight_of(run: Path) -> torch.Tensor:
    return last_of(run)["state_dict"]["layer.weight"]


def fitted_again(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Answer:
    forget()
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    return threefold(capsys, "fit", "--config", config)


@pytest.mark.parametrize(
    ("at_step", "accumulated", "saved"),
    [
        (1, 1, 2),  # in the middle of an epoch: after the batch in which it came
        (BATCHES - 1, 1, BATCHES),  # in the last batch of an epoch: after its validation
        (1, 2, 2),  # half of a gradient is never lost
    ],
)
def test_a_signalled_training_is_saved_requeued_and_resumed(
    at_step: int,
    accumulated: int,
    saved: int,
    one_task: SimulatedJob,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    more: dict[str, Any] = {"trainer__accumulate_grad_batches": accumulated, "trainer__log_every_n_steps": 1}
    config, run = toy(tmp_path, at_step, **more), tmp_path / "run"
    assert threefold(capsys, "fit", "--config", config).status == 0
    assert one_task.requests == ["requeue 4711"]
    assert last_of(run)["global_step"] == saved
    first_metrics = (run / "metrics.csv").read_text()
    assert fitted_again(config, capsys, monkeypatch).status == 0
    assert one_task.requests == ["requeue 4711"]
    assert last_of(run)["global_step"] == EPOCHS * BATCHES // accumulated
    assert (run / "metrics-1.csv").read_text() == first_metrics, "what was measured before is kept"
    assert read_json(run / "slurm.json")["4711"].keys() == {"0", "1"}
    alone = toy(tmp_path, -1, run=str(tmp_path / "alone"), **more)
    assert threefold(capsys, "fit", "--config", alone).status == 0
    assert torch.equal(weight_of(run), weight_of(tmp_path / "alone"))


def test_a_signal_in_the_last_step_requeues_nothing(
    one_task: SimulatedJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert threefold(capsys, "fit", "--config", toy(tmp_path, EPOCHS * BATCHES - 1)).status == 0
    assert one_task.requests == []
    assert last_of(tmp_path / "run")["global_step"] == EPOCHS * BATCHES


def test_a_preempted_training_is_saved_and_leaves_the_requeue_to_slurm(
    one_task: SimulatedJob, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = toy(tmp_path, 5, "SIGTERM")
    assert threefold(capsys, "fit", "--config", config).status == 143
    assert one_task.requests == []
    assert last_of(tmp_path / "run")["global_step"] == 6
    assert fitted_again(config, capsys, monkeypatch).status == 0
    assert last_of(tmp_path / "run")["global_step"] == EPOCHS * BATCHES


def test_a_refused_requeue_is_one_sentence_and_the_checkpoint_is_there(
    one_task: SimulatedJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one_task.install_scontrol(refuses=True)
    answer = threefold(capsys, "fit", "--config", toy(tmp_path, 2))
    assert_one_sentence(answer, "did not requeue job 4711", "--ckpt_path last")
    assert last_of(tmp_path / "run")["global_step"] == 3


def test_another_job_with_the_same_command_goes_on_too(
    one_task: SimulatedJob, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, run = toy(tmp_path, 2), tmp_path / "run"
    assert threefold(capsys, "fit", "--config", config).status == 0
    monkeypatch.setenv("SLURM_JOB_ID", "4712")
    again = fitted_again(config, capsys, monkeypatch)
    assert again.status == 0
    assert "was interrupted; it goes on from last.ckpt" in again.printed
    assert read_json(run / "slurm.json").keys() == {"4711", "4712"}
    assert_one_sentence(fitted_again(config, capsys, monkeypatch), "already holds a run")


def test_a_job_of_an_array_is_requeued_by_its_task(
    one_task: SimulatedJob, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "4700")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    assert threefold(capsys, "fit", "--config", toy(tmp_path, 2)).status == 0
    assert one_task.requests == ["requeue 4700_3"]


@pytest.mark.parametrize("copied", [False, True])
def test_two_processes_stop_together_when_one_is_signalled(
    copied: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And end with the weights that one process alone has without any signal; none aborts at its exit."""
    job = SimulatedJob(tmp_path, ["fit", "--config", toy(tmp_path, 5, processes=2)], tasks=2, copied=copied)
    job.start()
    assert job.wait(300) == [0, 0], job.said(0) + job.said(1)
    assert job.requests == ["requeue 4711"]
    assert last_of(tmp_path / "run")["global_step"] == 6
    job.start()
    assert job.wait(300) == [0, 0], job.said(0) + job.said(1)
    assert "it goes on from last.ckpt" in job.said(0)
    assert job.requests == ["requeue 4711"]
    assert threefold(capsys, "fit", "--config", toy(tmp_path, -1, run=str(tmp_path / "alone"))).status == 0
    together, alone = last_of(tmp_path / "run"), last_of(tmp_path / "alone")
    assert together["global_step"] == alone["global_step"] == EPOCHS * BATCHES
    torch.testing.assert_close(together["state_dict"]["layer.weight"], alone["state_dict"]["layer.weight"])


SPAWNING = """
import multiprocessing, os, signal, sys, time
from lightning_modules.stop_signals import REQUEUE, heard, listen

def work():
    time.sleep(0.2)

if __name__ == "__main__":
    if sys.argv[1] == "listening":
        listen(REQUEUE)
    worker = multiprocessing.get_context("spawn").Process(target=work)
    worker.start()
    os.kill(worker.pid, signal.SIGUSR1)  # it has not even begun to import
    worker.join()
    os.kill(os.getpid(), signal.SIGUSR1)
    print(worker.exitcode, heard(REQUEUE))
"""


def test_workers_outlive_the_signal_however_they_are_started(tmp_path: Path) -> None:
    (tmp_path / "spawning.py").write_text(SPAWNING)

    def run(word: str) -> subprocess.CompletedProcess[str]:
        path = {**os.environ, "PYTHONPATH": str(SOURCE)}
        words = [sys.executable, str(tmp_path / "spawning.py"), word]
        return subprocess.run(words, env=path, capture_output=True, text=True, timeout=120)

    assert run("listening").stdout.split() == ["0", "True"]
    assert run("deaf").returncode == -signal.SIGUSR1, "else the test shows nothing"
