"""The parts of a training step are timed, and their share adds up."""

import json
from pathlib import Path

import pytest

from experiments.benchmarks.face_training import benchmark_face_training


def test_the_parts_of_a_step_add_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = benchmark_face_training(tmp_path / "training.json", batch_size=2, explained=1, repeats=1)
    parts = [value for name, value in figures.items() if name.endswith(" ms") and name != "step ms"]
    assert figures["step ms"] == pytest.approx(sum(parts))
    assert all(value > 0 for value in parts)
    assert 0 < figures["share of rendering percent"] < 100
    assert "share of rendering" in capsys.readouterr().out
    assert set(json.loads((tmp_path / "training.json").read_text())) == {"origin", "settings", "cpu_time"}
