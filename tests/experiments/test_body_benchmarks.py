"""The benchmark of the whole way from a field to scores writes what it prints."""

import json
from pathlib import Path

from experiments.benchmarks.body_pipeline import benchmark_body_pipeline


def test_a_perfect_network_loses_little_on_the_way(tmp_path: Path, capsys) -> None:
    """At 96 cells, 2.1 cm wide; a shift of half a cell would cost 1 cm."""
    file = tmp_path / "pipeline.json"
    benchmark_body_pipeline(file, people=1, resolution=96, truth_resolution=160)
    row = json.loads(file.read_text())["scores"]["mean"]
    assert row["p2s_cm"] < 0.2
    assert row["watertight"] == 1
    assert "p2s_cm" in capsys.readouterr().out
