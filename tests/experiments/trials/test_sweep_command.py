"""`threefold sweep` with a quick program in the place of a training: what runs, what goes on, what is told."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.commands import pipeline
from experiments.trials.trial_command import configurations_first
from tests.experiments.command_line import Answer, assert_one_sentence, threefold
from tests.experiments.trials.sweeps import CONFIG, SWEEPS, starts_of, trials_of, write_sweep

FIXED = {"config": {"value": str(CONFIG)}}


def deeds(*names: str) -> dict:
    return {**FIXED, "x": {"value": 0.5}, "deed": {"values": list(names)}}


def sweep(capsys: pytest.CaptureFixture[str], path: Path, *words: object) -> Answer:
    return threefold(capsys, "sweep", path, "--out", path.parent / "out", *words)


def test_a_grid_is_run_once_and_ranked(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(pipeline, "cores", lambda: 4)
    path, folder = write_sweep(tmp_path), tmp_path / "out" / "parabola"
    answer = sweep(capsys, path, "--jobs", 2)
    assert answer.status == 0, answer
    rows = [line.split(" | ") for line in answer.printed.splitlines() if line.startswith("| ")]
    assert rows[0][1:3] == ["x", "val/bce"], "what does not vary is not shown"
    assert [row[1] for row in rows[2:]] == ["0.25", "0", "1"], "the best first"
    assert json.loads((folder / "0000" / "metrics.json").read_text())["fit"]["threads"] == 2, "jobs share the cores"
    assert sweep(capsys, path).status == 0
    assert [len(starts_of(path, number)) for number in range(3)] == [1, 1, 1]
    table = list(csv.DictReader((folder / "table.csv").open()))
    assert table[0]["state"] == "finished"
    assert float(table[0]["val/bce"]) == pytest.approx(0.0025)
    assert len(json.loads((folder / "table.json").read_text())["trials"]) == 3
    assert (folder / "sweep.yaml").read_text() == path.read_text()


def test_what_failed_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_sweep(tmp_path, parameters=deeds("refuse", "die", "silent", "none"))
    answer = sweep(capsys, path)
    assert answer.status == 1
    assert "failed: x is wrong; give another |" in answer.printed
    assert "failed: ended by signal 9" in answer.printed
    assert "failed: val/bce was not logged" in answer.printed
    assert [trial["state"] for trial in trials_of(tmp_path / "out" / "parabola")] == ["failed"] * 3 + ["finished"]
    sweep(capsys, path)
    assert len(starts_of(path, 0)) == 1, "failed trials are left alone"
    sweep(capsys, path, "--retry", "true")
    assert len(starts_of(path, 0)) == 2


def test_an_interrupted_trial_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, folder = write_sweep(tmp_path, parameters=deeds("interrupted")), tmp_path / "out" / "parabola" / "0000"
    assert sweep(capsys, path).status == 0
    assert json.loads((folder / "trial.json").read_text())["state"] == "interrupted"
    sweep(capsys, path)
    first, second = starts_of(path, 0)
    assert "--ckpt_path" not in first
    assert second.endswith("--ckpt_path=last")
    assert json.loads((folder / "trial.json").read_text())["state"] == "finished"


def test_stopping_the_sweep_stops_its_trials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, folder = write_sweep(tmp_path, parameters=deeds("wait", "none")), tmp_path / "out" / "parabola"
    words = [sys.executable, "-m", "experiments.cli", "sweep", str(path), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
    )
    deadline = time.monotonic() + 120
    while not (folder / "0000" / "log.txt").is_file() or "waiting" not in (folder / "0000" / "log.txt").read_text():
        assert time.monotonic() < deadline, process.communicate(timeout=5)
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, complaint = process.communicate(timeout=300)
    assert process.returncode == 130
    assert complaint.decode().strip() == "threefold: interrupted"
    assert not (folder / "0001" / "trial.json").exists(), "no other is begun"
    assert sweep(capsys, path).status == 0
    assert len(starts_of(path, 0)) == 2


def test_words_behind_the_parameters_and_a_single_trial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, folder = write_sweep(tmp_path), tmp_path / "out" / "parabola"
    answer = sweep(capsys, path, "--trial", 2, "--", "--trainer.max_steps=3")
    assert answer.status == 0
    assert [trial["number"] for trial in trials_of(folder)] == [2]
    assert "--trainer.max_steps=3" in starts_of(path, 2)[0]
    assert_one_sentence(sweep(capsys, path, "--trial", 3), "none of the 3 trials", "give 0 to 2")
    assert_one_sentence(sweep(capsys, write_sweep(tmp_path, method="bayes", run_cap=2), "--trial", 0), "another sweep")


def test_another_sweep_in_the_same_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(capsys, write_sweep(tmp_path))
    assert_one_sentence(sweep(capsys, write_sweep(tmp_path, method="random"), "--count", 2), "another sweep")
    random = write_sweep(tmp_path, name="other", method="random", parameters={**FIXED, "x": {"min": 0.0, "max": 1.0}})
    sweep(capsys, random, "--count", 1)
    assert_one_sentence(sweep(capsys, random, "--count", 1, "--seed", 1), "the seed and the file")


def test_a_bayesian_search_runs_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna")
    parameters = {**FIXED, "x": {"min": 0.0, "max": 1.0}}
    path, folder = write_sweep(tmp_path, method="bayes", parameters=parameters), tmp_path / "out" / "parabola"
    assert_one_sentence(sweep(capsys, path), "bayes has no end")
    assert sweep(capsys, path, "--count", 2).status == 0
    answer = sweep(capsys, path, "--count", 4, "--jobs", 2)
    assert answer.status == 0, answer
    assert [trial["number"] for trial in trials_of(folder)] == [0, 1, 2, 3]
    assert len(starts_of(path, 0)) == 1
    assert (folder / "optuna.db").is_file()
    assert_one_sentence(sweep(capsys, path, "--count", 4, "--slurm", "--time=1:00:00"), "bayes is sequential")


def test_an_interrupted_trial_of_a_bayesian_search_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna")
    parameters = {**FIXED, "x": {"min": 0.0, "max": 1.0}, "deed": {"value": "interrupted"}}
    path = write_sweep(tmp_path, method="bayes", parameters=parameters, run_cap=1)
    sweep(capsys, path)
    (trial,) = trials_of(tmp_path / "out" / "parabola")
    assert trial["state"] == "interrupted"
    sweep(capsys, path)
    (again,) = trials_of(tmp_path / "out" / "parabola")
    assert again["state"] == "finished"
    assert again["parameters"] == trial["parameters"]
    assert starts_of(path, 0)[1].endswith("--ckpt_path=last")


def test_seeds_get_a_table_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parameters = {**FIXED, "x": {"values": [0.3, 0.5]}, "seed_everything": {"values": [0, 1]}}
    answer = sweep(capsys, write_sweep(tmp_path, parameters=parameters))
    assert "Over seeds:" in answer.printed
    assert "| 0.5 | 0.04 ± 0 (2) |" in answer.printed


def test_a_job_array(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The script is the one that sbatch is given; its task is what `--trial` runs."""
    path, folder = write_sweep(tmp_path), tmp_path / "out" / "parabola"
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert_one_sentence(sweep(capsys, path, "--slurm", "--time=1:00:00"), "there is no sbatch here")
    assert_one_sentence(sweep(capsys, path, "--slurm", "--partition=gpu"), "says no time")
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text('#!/bin/sh\necho "Submitted batch job 7: $*"\n')
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{sbatch.parent}:/usr/bin:/bin")
    answer = sweep(capsys, path, "--slurm", "--time=1:00:00 --gpus-per-node=1", "--jobs", 2, "--", "--x.y=1")
    assert answer.status == 0, answer
    assert "Submitted batch job 7: --time=1:00:00 --gpus-per-node=1" in answer.printed
    script = (folder / "array.sbatch").read_text()
    assert "#SBATCH --array=0-2%2" in script
    assert f'sweep {path} --out {tmp_path / "out"} --seed 0 --trial "$SLURM_ARRAY_TASK_ID" -- --x.y=1' in script
    assert "{" not in script
    assert subprocess.run(["bash", "-n", folder / "array.sbatch"], check=False).returncode == 0


def test_a_later_configuration_never_undoes_a_value() -> None:
    words = ["env", "threefold", "fit", "--model.init_args.a=1", "--model=X", "--flag", "3", "--config=c.yaml"]
    expected = ["env", "threefold", "fit", "--config=c.yaml", "--flag", "3", "--model=X", "--model.init_args.a=1"]
    assert configurations_first(words) == expected


def test_commands_can_be_seen_beforehand(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SWEEPS.parents[1])
    answer = threefold(capsys, "sweep", SWEEPS / "clothing_ablations.yaml", "--dry_run", "true")
    lines = answer.printed.splitlines()
    assert len(lines) == 15
    assert lines[-1] == (
        "trial 14: /usr/bin/env threefold fit --config=experiments/configs/clothing/small_unconditioned.yaml "
        "--seed_everything=2"
    )
