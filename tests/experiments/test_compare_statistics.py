"""Intervals over seeds, differences sample by sample, curves of resumed runs, and the pictures of a comparison."""

import csv
import json
import math
import statistics
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.compared_runs import curves_of, read_run, samples_of
from experiments.comparison import ComparedRun, Method, interval, sample_differences
from experiments.errors import UserError
from tests.experiments.command_line import assert_one_sentence, threefold
from tests.experiments.test_compare import write_run


def write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_the_interval_is_students() -> None:
    values = [1.0, 2.0, 4.0]
    low, high = interval(values) or (math.nan, math.nan)
    half = 4.302653 * statistics.stdev(values) / math.sqrt(3)  # two degrees of freedom
    assert (low, high) == pytest.approx((7 / 3 - half, 7 / 3 + half))
    assert interval([1.0, math.nan]) is None


def test_the_interval_holds_what_it_promises() -> None:
    """19 of 20 intervals over three seeds hold the true mean."""
    drawn = np.random.default_rng(0).normal(5.0, 2.0, (2000, 3))
    held = [low <= 5 <= high for low, high in (interval(list(row)) or (0, 0) for row in drawn)]
    assert 0.935 < np.mean(held) < 0.965


def sampled(name: str, values: dict[int, float]) -> ComparedRun:
    return ComparedRun(name, {"test/x": statistics.fmean(values.values())}, {}, {"test/x": values})


def test_samples_are_paired_over_seeds() -> None:
    generator = np.random.default_rng(1)
    people = generator.normal(10, 5, 60)  # differ much; the methods differ little

    def runs(shift: float, name: str) -> Method:
        made = [people + shift + generator.normal(0, 0.2, 60) for _ in range(2)]
        return Method(name, tuple(sampled(name, dict(enumerate(map(float, each)))) for each in made))

    found = sample_differences(runs(0.0, "old"), runs(-0.3, "new"), "test/x")
    assert found is not None
    low, high = found["interval"]
    assert found["samples"] == 60
    assert low < -0.3 < high < 0
    assert found["mean"] == pytest.approx(-0.3, abs=0.1)


def test_other_samples_are_not_paired() -> None:
    one, other = (Method("a", (sampled("a", values),)) for values in ({0: 1.0, 1: 2.0}, {0: 1.0, 2: 2.0}))
    assert sample_differences(one, other, "test/x") is None
    assert sample_differences(one, Method("c", (ComparedRun("c", {}, {}),)), "test/x") is None


def test_a_resumed_run_has_one_curve(tmp_path: Path) -> None:
    write_rows(tmp_path / "metrics-1.csv", [{"epoch": 0, "step": 1, "val/x": 5}, {"epoch": 1, "step": 2, "val/x": 4}])
    write_rows(tmp_path / "metrics-2.csv", [{"epoch": 1, "step": 2, "val/x": 3}, {"epoch": 2, "step": 3, "val/x": ""}])
    write_rows(tmp_path / "metrics.csv", [{"epoch": 3, "step": 4, "val/x": 1}, {"epoch": 4, "step": 5, "val/x": "nan"}])
    assert curves_of(tmp_path) == {"val/x": {0.0: 5.0, 1.0: 3.0, 3.0: 1.0}}


def with_samples(folder: Path, values: list[float], seed: int) -> Path:
    run = write_run(folder, {"test/x": statistics.fmean(values), "test/y": 1.0}, seed)
    write_rows(run / "test_samples.csv", [{"index": place, "x": value, "y": ""} for place, value in enumerate(values)])
    curve = [{"epoch": epoch, "step": epoch, "val/z": 1 / (1 + epoch + seed)} for epoch in range(5)]
    write_rows(run / "metrics.csv", curve)
    return run


def test_the_whole_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = {"old-0": [1.0, 5.0, 9.0], "old-1": [1.2, 5.0, 9.1], "new-0": [0.8, 4.9, 8.8], "new-1": [0.9, 4.7, 8.9]}
    runs = [with_samples(tmp_path / name, each, int(name[-1])) for name, each in values.items()]
    answer = threefold(capsys, "compare", *runs, "--out", tmp_path / "out")
    assert answer.status == 0, answer
    assert "Seed by seed, with 95 % intervals of the mean" in answer.printed
    assert "Sample by sample, with 95 % bootstrap intervals" in answer.printed
    assert "| test/x | -0.2167 [" in answer.printed
    record = json.loads((tmp_path / "out" / "table.json").read_text())["methods"]["new"]
    assert record["minus old, samples"]["test/x"]["samples"] == 3
    assert "test/y" not in record["minus old, samples"]
    assert record["minus old"]["test/x"]["interval"][0] < record["minus old"]["test/x"]["mean"] < 0
    for name in ("bars.png", "curves.png"):
        with Image.open(tmp_path / "out" / name) as picture:
            colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24) or ()}
        assert len(colours) > 20, "two methods in two colours, softened edges"
    words = ("--out", tmp_path / "few", "--metrics", "val/z", "test/x", "--plots", "false")
    few = threefold(capsys, "compare", *runs, *words)
    assert few.status == 0, few
    assert "test/y" not in few.printed
    assert not (tmp_path / "few" / "bars.png").exists()
    assert_one_sentence(
        threefold(capsys, "compare", *runs, "--out", tmp_path / "no", "--metrics", "test/xx"), "did you mean test/x?"
    )


def test_damaged_samples_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "test_samples.csv").write_text("index,x\nfirst,1\n")
    with pytest.raises(UserError, match="test the run again"):
        samples_of(tmp_path)


def test_runs_in_wandb_need_an_address_and_an_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    with pytest.raises(UserError, match="ENTITY/PROJECT/RUN"):
        read_run("wandb:abc")
    with pytest.raises(UserError, match="needs an account"):
        read_run("wandb:me/threefold/abc")
