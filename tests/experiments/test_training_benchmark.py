"""Training steps of every stage are timed part by part, and several processes against one."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from experiments.benchmarks import kill_trial_stages, training_processes
from experiments.benchmarks.step_clock import PARTS, Clock, marked
from experiments.benchmarks.training import benchmark_training
from experiments.benchmarks.training_processes import Arrangement, benchmark_processes, measured
from experiments.benchmarks.training_stages import STAGES, MeasuredStage
from experiments.errors import UserError
from tests.conftest import ClothingData
from tests.experiments.command_line import assert_one_sentence, threefold

SMALLEST = {name.replace("-", "_"): stage.words for name, stage in kill_trial_stages.STAGES.items()}
RENDERED = {"clothing", "face_coarse", "face_detail"}


@pytest.fixture(scope="module")
def tiny(
    face_data: Path, body_data: Path, clothing_data: ClothingData, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with the data that the stages ask for, tiny."""
    folder = tmp_path_factory.mktemp("training")
    places = {"faces": face_data, "bodies": body_data, "bodies-hd": body_data, "garments": clothing_data.market_hq}
    for kind, place in places.items():
        (folder / kind).symlink_to(place)
    return folder


def tiny_stages() -> dict[str, MeasuredStage]:
    return {
        name: stage._replace(words=(*stage.words, *SMALLEST[name], "--trainer.enable_progress_bar", "false"))
        for name, stage in STAGES.items()
    }


def test_every_stage_tells_where_its_time_goes(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tiny / "training.json"
    rows = benchmark_training(file, data=tiny, workers=(0,), steps=1, warm_up=1, stages=tiny_stages())
    assert [row["stage"] for row in rows] == list(STAGES)
    for row in rows:
        assert row["step ms"] == pytest.approx(sum(row[f"{part} ms"] for part in PARTS))
        worked = [f"{part} ms" for part in ("data", "forward", "backward", "optimiser")]
        assert min(row[part] for part in worked) > 0, row
        rendered = [row[f"{part} ms"] > 0 for part in ("render", "render backward")]
        assert rendered == [row["stage"] in RENDERED] * 2, row["stage"]
        assert 0 < row["data share percent"] < 100
    assert json.loads(file.read_text())["rows"] == rows
    assert "face_detail" in capsys.readouterr().out


def test_loader_workers_are_waited_for(tiny: Path) -> None:
    one = {"body_multiscale": tiny_stages()["body_multiscale"]}
    (row,) = benchmark_training(None, data=tiny, workers=(1,), steps=1, warm_up=1, stages=one)
    assert row["workers"] == 1
    assert row["data ms"] > 0


def test_two_processes_share_the_batches_of_one(tiny: Path) -> None:
    stage = tiny_stages()["body_multiscale"]
    stage = stage._replace(words=(*stage.words, "--data.init_args.batch_size", "2"))
    assert measured(stage, Arrangement(2, 1), tiny, steps=1, warm_up=1) > 0
    with pytest.raises(UserError, match="batches of 2, which 3 processes cannot share equally"):
        measured(stage, Arrangement(3, 1), tiny, steps=1, warm_up=1)


def test_arrangements_take_turns_and_are_compared_by_their_medians(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = iter([10.0, 12.0, 18.0, 10.0, 12.0, 18.0, 1.0, 2.0, 3.0])
    monkeypatch.setattr(training_processes, "measured", lambda *_: next(rates))
    stages = {"body_multiscale": tiny_stages()["body_multiscale"]}
    rows = benchmark_processes(tiny / "processes.json", data=tiny, names=list(stages), rounds=3, stages=stages)
    assert [(row["processes"], row["threads"]) for row in rows] == [(1, 1), (1, 2), (2, 1)]
    assert rows[2]["times one thread"] == pytest.approx(1.8)
    assert rows[2]["times as many threads"] == pytest.approx(1.5)
    assert json.loads((tiny / "processes.json").read_text())["rows"] == rows
    assert "1.50 x 2 threads" in capsys.readouterr().out


def test_what_lies_between_two_marks_is_told_on_the_way_back() -> None:
    """Also where a part of what comes out has no gradient."""
    told: list[str] = []
    layers = nn.Linear(2, 2), nn.Linear(2, 2)
    inside = marked({"x": layers[0](torch.ones(1, 2)), "fixed": torch.ones(1)}, lambda: told.append("end"))
    inside["x"].register_hook(lambda gradient: told.append("within"))
    behind = marked((2 * inside["x"], inside["fixed"]), lambda: told.append("begin"))
    layers[1](behind[0]).sum().backward()
    assert told == ["begin", "within", "end"]
    assert layers[0].weight.grad is not None


def test_each_moment_counts_for_the_innermost_part() -> None:
    clock = Clock()
    clock.start("[Strategy]SingleDeviceStrategy.training_step")
    clock.enter("render")
    sum(range(100_000))
    clock.leave("render")
    clock.stop("[Strategy]SingleDeviceStrategy.training_step")
    assert clock.processor["render"] > clock.processor["forward"] >= 0
    clock.enter("backward")
    clock.enter("render backward")
    clock.leave("backward")  # the other end was not reached
    assert clock.open == []


def test_mistakes_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    answer = threefold(capsys, "bench", "training", "--stages", "clothes")
    assert_one_sentence(answer, "--stages clothes is none of clothing, face_coarse")
    answer = threefold(capsys, "bench", "training", "--processes", 2, "--workers", 1)
    assert_one_sentence(answer, "leave --device, --workers and --threads out")
