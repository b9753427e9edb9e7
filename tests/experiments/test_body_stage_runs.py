"""Runs that build upon earlier ones are whole by themselves: their folders may move, the earlier ones may go."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import BodyRuns
from tests.experiments.command_line import threefold
from tests.experiments.conftest import BodyStages


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
