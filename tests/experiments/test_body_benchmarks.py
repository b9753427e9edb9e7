"""The benchmarks of bodies run from the command line and write what they print."""

import json
from pathlib import Path

from experiments.benchmarks.body_pipeline import benchmark_body_pipeline
from tests.experiments.command_line import threefold


def test_a_perfect_network_loses_little_on_the_way(tmp_path: Path, capsys) -> None:
    """At 96 cells, 2.1 cm wide; a shift of half a cell would cost 1 cm."""
    file = tmp_path / "pipeline.json"
    benchmark_body_pipeline(file, people=1, resolution=96, truth_resolution=160)
    row = json.loads(file.read_text())["scores"]["mean"]
    assert row["p2s_cm"] < 0.2
    assert row["watertight"] == 1
    assert "p2s_cm" in capsys.readouterr().out


def test_steps_of_two_methods_take_turns(body_data: Path, tmp_path: Path, capsys) -> None:
    file = tmp_path / "steps.json"
    words = ("--data", body_data, "--repeats", 1, "--threads", 1, "--json", file)
    answer = threefold(capsys, "bench", "body-training", *words)
    assert answer.status == 0, answer
    figures = json.loads(file.read_text())["cpu_time"]
    assert figures["pifu_small.yaml"]["of the first configuration's"] == 1
    for parts in figures.values():
        assert parts["step ms"] > parts["forward ms"] > 0
        assert parts["backward ms"] > 0
