"""What `threefold submit` refuses, what its scripts say, and what it hands to sbatch."""

from pathlib import Path
from typing import Any

import pytest

from experiments.errors import UserError
from experiments.slurm_scripts import Resources, Submission, script_of, seconds_of, seeds_of
from tests.conftest import CLOTHING_CONFIGS
from tests.experiments.command_line import Answer, assert_one_sentence, threefold
from tests.experiments.test_training_command import write_config

HOUR = ("--time", "1:00:00")
CPU = ("--gpus-per-node", "0")


@pytest.fixture
def submit(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def run(*words: object, **changes: Any) -> Answer:
        return threefold(capsys, "submit", "--config", write_config(tmp_path, **changes), *words)

    return run


@pytest.fixture
def sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in on PATH; the file to which it writes what it is given."""
    given, program = tmp_path / "sbatch.txt", tmp_path / "bin" / "sbatch"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {given}\necho "4711;here"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return given


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ((), ["required: time"]),
        ((*HOUR, "--nodes", 0), ["--nodes 0", "1 or more"]),
        ((*HOUR, "--tasks-per-node", 4, "--gpus-per-node", 2), ["--tasks-per-node 4", "--gpus-per-node 2"]),
        (("--time", "soon"), ["--time soon", "hours:minutes:seconds"]),
        (("--time", 4), ["--time 4", "270 s", "--signal-seconds"]),
        ((*HOUR, "--array", "a-b"), ["--array a-b", "0-4"]),
        ((*HOUR, "--array", "1,1"), ["--array 1,1", "2 seeds, of which 1 differ"]),
        ((*HOUR, "--run", "my run", "--dry_run"), ["my run", "characters"]),
        ((*HOUR, "--", "--seed_everything", 3), ["--seed_everything", "--array"]),
        ((*HOUR, "--", "--run", "elsewhere"), ["--run", "in front of the --"]),
        ((*HOUR, "--", "--model.init_args.widht", 3), ["widht"]),
        ((*HOUR, "--knots", 2), ["--knots"]),
    ],
)
def test_refusals_are_one_sentence(words: tuple[object, ...], parts: list[str], submit) -> None:
    assert_one_sentence(submit(*words, trainer__accelerator="auto"), *parts)


@pytest.mark.parametrize(
    ("changes", "words", "parts"),
    [
        ({"trainer__devices": 4}, CPU, ["trainer.devices 4", "1 processes"]),
        ({"trainer__num_nodes": 2}, CPU, ["trainer.num_nodes 2", "1 nodes"]),
        ({}, ("--gpus-per-node", 2), ["trainer.accelerator cpu", "gpu"]),
        ({"trainer__max_epoch": 2}, CPU, ["toy.yaml", "max_epoch"]),
        ({"run": None}, CPU, ["--run runs/NAME"]),
    ],
)
def test_a_configuration_that_does_not_fit_its_job_is_refused(changes, words, parts, submit) -> None:
    assert_one_sentence(submit(*HOUR, *words, **changes), *parts)


def test_files_that_are_missing_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], submit) -> None:
    absent = tmp_path / "absent.yaml"
    assert_one_sentence(threefold(capsys, "submit", *HOUR, "--config", absent), "absent.yaml does not exist")
    assert_one_sentence(threefold(capsys, "submit", *HOUR), "--config")


def test_a_cluster_that_is_not_there_is_one_sentence(submit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert_one_sentence(submit(*HOUR, *CPU), "sbatch was not found", "--dry_run")


def test_a_used_run_folder_is_refused_before_the_queue(submit, sbatch: Path, tmp_path: Path) -> None:
    (tmp_path / "run-seed1" / "checkpoints").mkdir(parents=True)
    assert_one_sentence(submit(*HOUR, *CPU, "--array", "0-2"), "run-seed1 already holds a run")
    assert not sbatch.exists()


def test_an_interrupted_run_may_be_handed_over_again(submit, sbatch: Path, tmp_path: Path) -> None:
    (tmp_path / "run-seed1" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run-seed1" / "provenance.json").write_text('{"fit": {"finished": null}}')
    assert submit(*HOUR, *CPU, "--array", "0-2").status == 0, "it goes on, as with fit"
    assert sbatch.exists()


def test_a_submission_says_what_it_did(submit, sbatch: Path, tmp_path: Path) -> None:
    answer = submit(*HOUR, *CPU, "--nodes", 2, "--tasks-per-node", 2, "--", "--trainer.max_epochs", 3)
    run = tmp_path / "run"
    assert answer.status == 0
    assert sbatch.read_text().split() == ["--parsable", str(run / "job.sbatch")]
    for part in ("submitted job 4711", "2 nodes", f"{run}/slurm-4711.log", f"{run}/job.sbatch", "scancel 4711"):
        assert part in answer.printed
    command = next(line for line in answer.printed.splitlines() if "command" in line)
    assert "fit --config" in command
    assert "--trainer.num_nodes 2 --trainer.devices 2 --trainer.accelerator cpu" in command
    assert command.endswith(f"--trainer.max_epochs 3 --run {run}")
    assert (run / "job.sbatch").read_text().count("#SBATCH") == 9


def test_a_dry_run_prints_the_script_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ("--nodes", 2, "--gpus-per-node", 4, "--time", "2-0", "--partition", "long", "--run", tmp_path / "a")
    answer = threefold(capsys, "submit", "--config", CLOTHING_CONFIGS / "small.yaml", *words, "--dry_run")
    assert answer.status == 0
    assert answer.printed.startswith("#!/bin/bash\n")
    assert not (tmp_path / "a").exists()
    lines = answer.printed.splitlines()
    for option in ("nodes=2", "ntasks-per-node=4", "gpus-per-node=4", "time=2-0", "partition=long", "requeue"):
        assert f"#SBATCH --{option}" in lines
    assert "#SBATCH --signal=SIGUSR1@180" in lines


def test_every_seed_of_an_array_has_its_own_run_and_log() -> None:
    resources = Resources(1, 1, 1, 4, "1:00:00", 180)
    array = Submission(resources, (Path("a b.yaml"),), Path("runs/pifu"), ("--x", "it's"), "1-5:2%2")
    assert [run.name for run in array.runs] == ["pifu-seed1", "pifu-seed3", "pifu-seed5"]
    script = script_of(array)
    assert "#SBATCH --array=1-5:2%2\n" in script
    assert "#SBATCH --output=runs/pifu-seed%a/slurm-%A_%a.log\n" in script
    assert """--run runs/pifu-seed"$SEED" --seed_everything "$SEED"\n""" in script
    assert "--config 'a b.yaml'" in script
    assert """--x 'it'"'"'s'""" in script
    assert "{" not in script


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("5", 300), ("5:30", 330), ("1:00:00", 3600), ("1-2", 93600), ("1-2:03", 93780), ("1-2:03:04", 93784)],
)
def test_times_are_read_as_slurm_reads_them(time: str, seconds: int) -> None:
    assert seconds_of(time) == seconds


@pytest.mark.parametrize(("array", "seeds"), [("3", (3,)), ("0-2", (0, 1, 2)), ("1,4-8:2%1", (1, 4, 6, 8))])
def test_arrays_are_read_as_slurm_reads_them(array: str, seeds: tuple[int, ...]) -> None:
    assert seeds_of(array) == seeds


@pytest.mark.parametrize("array", ["", "3-1", "1-2%0", "1-2%", "x", "0-5000"])
def test_arrays_that_mean_nothing_are_refused(array: str) -> None:
    with pytest.raises(UserError):
        seeds_of(array)
