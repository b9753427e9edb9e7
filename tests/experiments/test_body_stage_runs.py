"""Runs that build upon earlier ones are whole by themselves: their folders may move, the earlier ones may go."""

import json
import shutil
from pathlib import Path

import pytest

from experiments.compared_runs import samples_of
from tests.conftest import BodyRuns
from tests.experiments.command_line import threefold
from tests.experiments.conftest import BodyStages
from tests.experiments.trials.sweeps import names_not_logged, unknown_names


@pytest.mark.parametrize("stage", ["coarse", "fine", "superresolution"])
def test_a_run_is_measured_without_the_runs_before_it(
    stage: str, body_runs: BodyRuns, body_stages: BodyStages, tmp_path: Path, capsys
) -> None:
    run = tmp_path / stage
    shutil.copytree(getattr(body_stages, stage), run)
    config = (run / "config.yaml").read_text()
    for earlier in (*body_stages, body_runs.multiscale):
        config = config.replace(str(earlier), "gone")
    assert "gone/checkpoints/best.ckpt" in config
    (run / "config.yaml").write_text(config)
    answer = threefold(capsys, "validate", "--run", run, "--trainer.limit_val_batches", 1)
    assert answer.status == 0, answer


def test_sweeps_rank_by_what_the_stages_log(body_runs: BodyRuns) -> None:
    assert names_not_logged(body_runs.multiscale) == []
    assert unknown_names(body_runs.multiscale) == []


def test_a_test_keeps_the_scores_of_every_body(body_runs: BodyRuns, tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    shutil.copytree(body_runs.multiscale, run)
    answer = threefold(capsys, "test", "--run", run, "--model.init_args.test_hull", "false")
    assert answer.status == 0, answer
    measured = json.loads((run / "metrics.json").read_text())["test"]
    samples = samples_of(run)
    for name in ("test/iou_volume", "test/p2s_cm", "test/chamfer_l2_cm2"):
        values = list(samples[name].values())
        assert len(values) == measured["test/bodies"]
        assert sum(values) / len(values) == pytest.approx(measured[name], rel=1e-5)
