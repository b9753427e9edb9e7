"""Runs side by side: means, spreads, missing figures, and where the numbers came from."""

import csv
import json
from pathlib import Path

import pytest

from experiments.cli import main


def write_run(folder: Path, figures: dict[str, float], seed: int) -> Path:
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps({"fit": {"train/loss": 9.0}, "test": figures}))
    (folder / "provenance.json").write_text(json.dumps({"fit": {"seed": seed, "commit": "abc"}}))
    return folder


def test_mean_and_spread_over_seeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = write_run(tmp_path / "a-0", {"test/nme": 2.0, "test/only": 5.0}, 0)
    second = write_run(tmp_path / "a-1", {"test/nme": 4.0}, 1)
    main(["compare", str(first), str(second), "--out", str(tmp_path / "table")])
    assert "| test/nme | 2 | 4 | 3 | 1.414 |" in capsys.readouterr().out
    record = json.loads((tmp_path / "table" / "table.json").read_text())
    assert record["metrics"]["test/nme"] == {"mean": 3.0, "standard_deviation": pytest.approx(2**0.5), "runs": 2}
    assert record["metrics"]["test/only"]["standard_deviation"] is None
    assert record["runs"][str(second)]["provenance"]["fit"]["seed"] == 1
    rows = list(csv.reader((tmp_path / "table" / "table.csv").open()))
    assert rows[1] == ["test/nme", "2", "4", "3", "1.414"]
    assert rows[2][2] == ""


def test_runs_of_different_methods_have_no_common_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [write_run(tmp_path / name, {"test/nme": value}, 0) for name, value in (("old", 2.0), ("new", 4.0))]
    main(["compare", *map(str, runs), "--out", str(tmp_path / "table")])
    printed = capsys.readouterr().out
    assert "| test/nme | 2 | 4 |\n" in printed
    assert "mean" not in printed


def test_an_untested_run_shows_its_training_figures(tmp_path: Path) -> None:
    run = tmp_path / "a"
    run.mkdir()
    (run / "metrics.json").write_text(json.dumps({"fit": {"train/loss": 9.0}}))
    main(["compare", str(run), "--out", str(tmp_path / "table")])
    assert "train/loss | 9" in (tmp_path / "table" / "table.md").read_text()


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_a_folder_without_figures_is_one_sentence(
    tmp_path: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "a"
    run.mkdir()
    if content is not None:
        (run / "metrics.json").write_text(content)
    with pytest.raises(SystemExit) as stopped:
        main(["compare", str(run), "--out", str(tmp_path / "table")])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "table").exists()
