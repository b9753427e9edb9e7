"""The flow of `threefold rank`: one sweep over methods and seeds, tested, then one comparison."""

import json
from pathlib import Path

import pytest

from experiments.commands import pipeline, rank
from experiments.trials.sweep_file import read_sweep
from tests.experiments.command_line import assert_one_sentence, threefold


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would run; the sweep leaves its trials."""
    commands: list[list[str]] = []

    def one(*words: object) -> None:
        commands.append([str(word) for word in words])
        if words[0] == "sweep":
            out = Path(str(words[words.index("--out") + 1]))
            sweep = read_sweep(Path(str(words[1])))
            for place, file in enumerate(file for file in sweep.configurations() for _ in range(3)):
                folder = out / sweep.name / f"{place:04d}"
                folder.mkdir(parents=True)
                (folder / "metrics.json").write_text(json.dumps({"test": {"test/iou_volume": 0.5, "test/other": 1.0}}))
                (folder / "trial.json").write_text(json.dumps({"parameters": {"config": str(file)}}))

    monkeypatch.setattr(pipeline, "threefold", one)
    monkeypatch.chdir(rank.SWEEP.parents[2])
    return commands


def test_three_seeds_of_each_method_are_compared(tmp_path: Path, flow: list[list[str]]) -> None:
    rank.rank(out=tmp_path / "runs", data=tmp_path / "data", num=8, max_steps=2)
    made, trained, compared = flow
    assert made[:4] == ["synthesize", "bodies", "--out", str(tmp_path / "data")]
    assert trained[:2] == ["sweep", "experiments/sweeps/bodies_methods.yaml"]
    assert trained[trained.index("--test") + 1] == "true"
    more = trained[trained.index("--") + 1 :]
    assert more[:2] == [f"--data.init_args.root={tmp_path / 'data'}", "--trainer.max_steps=2"]
    assert [Path(word).name for word in compared[1:7]] == [f"{place:04d}" for place in range(6)]
    methods = compared[compared.index("--methods") + 1 : compared.index("--metrics")]
    assert compared[compared.index("--metrics") + 1 : compared.index("--paper")] == ["test/iou_volume"]
    assert methods == ["pifu"] * 3 + ["multiscale"] * 3


def test_data_is_made_once(tmp_path: Path, flow: list[list[str]]) -> None:
    (tmp_path / "test.txt").write_text("p7\n")
    rank.rank(out=tmp_path / "runs", data=tmp_path)
    assert [words[0] for words in flow] == ["sweep", "compare"]


def test_it_needs_the_recipes(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert_one_sentence(threefold(capsys, "rank", "--data", tmp_path), "change into that folder")


@pytest.mark.slow
def test_the_whole_way(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(rank.SWEEP.parents[2])
    words = ("--out", tmp_path / "runs", "--data", tmp_path / "data", "--num", 16, "--max_steps", 4)
    assert threefold(capsys, "rank", *words).status == 0
    table = (tmp_path / "runs" / "comparison-bodies" / "table.md").read_text()
    assert "| metric | pifu | multiscale |" in table
    assert "multiscale − pifu" in table
    assert "Sample by sample" in table
    assert "Li et al. (quoted)" in table
    assert (tmp_path / "runs" / "comparison-bodies" / "bars.png").is_file()
