"""Trainings on a real SLURM with two nodes: submitted, requeued, cancelled, one for each seed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from lightning_modules.callbacks.provenance import read_json
from tests.conftest import CLOTHING_CONFIGS, ClothingData
from tests.experiments.command_line import threefold
from tests.experiments.slurm_cluster import Cluster, await_gone, missing, processes_of
from tests.experiments.test_training_command import write_config

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(missing() is not None, reason=missing() or "")]
PATIENCE = 200
CPU = ("--gpus-per-node", 0, "--cpus-per-task", 1, "--time", 10, "--signal-seconds", 60)
SAME = "tests.experiments.toy_training.SameData"


@pytest.fixture(scope="session")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def cluster(daemons: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The cluster, for the commands that a test runs."""
    for name, value in daemons.environment.items():
        monkeypatch.setenv(name, value)
    return daemons


def submitted(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The number of the job."""
    answer = threefold(capsys, "submit", *words)
    found = re.match(r"submitted job (\d+)", answer.printed)
    assert found is not None, answer
    return found[1]


def clothing(data: ClothingData, run: Path, epochs: int) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """The small recipe for clothing on a few pictures of 64 x 32 pixels, as words in front of and behind the --."""
    small = ("--data.init_args.root", data.market_hq, "--data.init_args.image_size", "[64, 32]")
    short = ("--data.init_args.batch_size", 2, "--trainer.max_epochs", epochs, "--trainer.check_val_every_n_epoch", 5)
    return ("--config", CLOTHING_CONFIGS / "small.yaml", "--run", run), ("--", *small, *short)


def last_of(run: Path) -> dict[str, Any]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)


def log_of(run: Path, job: str) -> str:
    return (run / f"slurm-{job}.log").read_text()


def test_clothing_trains_on_two_nodes_is_requeued_and_goes_on(
    cluster: Cluster, clothing_data: ClothingData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, epochs = tmp_path / "clothing", 24
    own, behind = clothing(clothing_data, run, epochs)
    job = submitted(capsys, *own, *CPU, "--nodes", 2, *behind)
    cluster.await_or_tell((run / "checkpoints" / "last.ckpt").exists, PATIENCE, job)
    cluster.ask("scancel", "--signal=USR1", job)
    assert cluster.ended(job, PATIENCE) == {"COMPLETED"}, log_of(run, job)
    log = log_of(run, job)
    assert read_json(run / "slurm.json")[job].keys() == {"0", "1"}
    saved = re.search(r"saved step (\d+) of epoch (\d+)", log)
    assert saved is not None, log
    assert 0 < int(saved[2]) < epochs - 1, "it was signalled too late to show anything"
    assert "Restored all states" in log
    assert "MEMBER: 2/2" in log
    assert "terminate called" not in log
    ended = last_of(run)
    assert ended["epoch"] == epochs, "saved behind the last one"
    assert ended["global_step"] > int(saved[1])
    assert (run / "metrics-1.csv").is_file() or not list(run.glob("metrics-*.csv"))
    assert read_json(run / "metrics.json")["fit"]["val/mask_iou"] > 0
    assert await_gone(job, 20) == []


def test_two_processes_on_one_node_train_clothing(
    cluster: Cluster, clothing_data: ClothingData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "clothing"
    own, behind = clothing(clothing_data, run, 2)
    job = submitted(capsys, *own, *CPU, "--tasks-per-node", 2, *behind)
    assert cluster.ended(job, PATIENCE) == {"COMPLETED"}, log_of(run, job)
    assert last_of(run)["epoch"] == 2, "saved behind the last one"
    assert "MEMBER: 2/2" in log_of(run, job)


def toy(folder: Path, number: int = 16, workers: int = 0, epochs: int = 2) -> Path:
    data = {"class_path": SAME, "init_args": {"number": number, "workers": workers}}
    return write_config(folder, data=data, checkpoint={"monitor": None}, trainer__max_epochs=epochs)


def test_spawned_workers_outlive_the_signal(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SLURM signals every process of a job, those that load data among them."""
    run = tmp_path / "run"
    job = submitted(capsys, "--config", toy(tmp_path, 60_000, 1, 1), *CPU, "--", "--trainer.limit_val_batches", 0)
    cluster.await_or_tell((run / "metrics.csv").exists, PATIENCE, job)
    cluster.ask("scancel", "--signal=USR1", job)
    cluster.await_or_tell(lambda: "1" in read_json(run / "slurm.json").get(job, {}), PATIENCE, job)
    log = log_of(run, job)
    assert "asked SLURM to start the job again" in log
    assert "killed by signal: User" not in log
    cluster.ask("scancel", job)
    assert cluster.ended(job, PATIENCE) == {"CANCELLED"}


def test_every_seed_of_an_array_has_its_own_run(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = submitted(capsys, "--config", toy(tmp_path), *CPU, "--array", "3-5%2")
    assert cluster.ended(job, PATIENCE) == {"COMPLETED"}
    runs = [tmp_path / f"run-seed{seed}" for seed in (3, 4, 5)]
    assert [read_json(run / "provenance.json")["fit"]["seed"] for run in runs] == [3, 4, 5]
    weights = {tuple(last_of(run)["state_dict"]["layer.weight"][0].tolist()) for run in runs}
    assert len(weights) == 3
    assert [len(list(run.glob(f"slurm-{job}_*.log"))) for run in runs] == [1, 1, 1]


def test_a_cancelled_training_leaves_no_process(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    words = ("--config", toy(tmp_path, 100_000, 0, 50), *CPU, "--nodes", 2, "--", "--trainer.limit_val_batches", 0)
    job = submitted(capsys, *words)
    cluster.await_or_tell((run / "metrics.csv").exists, PATIENCE, job)
    assert len(processes_of(job)) >= 2
    cluster.ask("scancel", job)
    assert cluster.ended(job, PATIENCE) == {"CANCELLED"}
    assert await_gone(job, 20) == []
    assert last_of(run)["global_step"] > 0, "what was learned is saved"
