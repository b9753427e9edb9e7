"""The flow of `threefold train-clothing`: what it runs, what it skips, what it tells at the end."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from experiments.commands import pipeline, train_clothing
from tests.experiments.command_line import threefold


def write(path: Path, values: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """As much of a synthetic data set as the flow itself looks at: two people from two sides."""
    hq = tmp_path / "data" / "hq"
    for part, person in (("train_all", "0001"), ("query", "0002"), ("query", "0003")):
        for view in (1, 2):
            stem = f"{person}_c{view}s1_00000{view}_00"
            for kind, name in (("pytorch", f"{stem}.jpg.png"), ("seg_hmr", f"{stem}.jpg_0.31.png")):
                (hq / kind / part / person).mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (16, 32), "white").save(hq / kind / part / person / name)
    (hq / "subjects.csv").write_text("name,subject\n")
    return tmp_path / "data"


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would run; those side by side are one list with "&" between."""
    commands: list[list[str]] = []
    for run in ("clothing", "clothing-smr"):
        write(tmp_path / "runs" / run / "metrics.json", {"test": {"test/mask_iou": 0.9}})

    def one(*words: object) -> int:
        commands.append([str(word) for word in words])
        return 0

    def several(*together: list[object], logs: list[Path]) -> None:
        commands.append([str(word) for words in together for word in (*words, "&")])

    monkeypatch.setattr(pipeline, "threefold", one)
    monkeypatch.setattr(pipeline, "attempt", one)
    monkeypatch.setattr(pipeline, "side_by_side", several)
    monkeypatch.setattr(pipeline, "cores", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return commands


def test_the_whole_list_of_commands(tmp_path: Path, data: Path, flow: list[list[str]]) -> None:
    (data / "hq" / "subjects.csv").unlink()
    train_clothing.train_clothing(out=tmp_path / "runs", data=data, num=48, seed=4, max_steps=3)
    assert [words[0] for words in flow] == ["synthesize", "fit", "test", "reconstruct", "animate"]
    made, trained, _, shown, _ = flow
    assert made[made.index("--num") + 1] == "48"
    assert made[made.index("--seed") + 1] == "4"
    assert Path(trained[trained.index("--config") + 1]).name == "small.yaml"
    assert trained[trained.index("--trainer.max_steps") + 1] == "3"
    pictures = shown[1 : shown.index("--mask")]
    assert [Path(picture).name for picture in pictures] == ["0002_c1s1_000001_00.png", "0003_c2s1_000002_00.png"]
    masks = Path(shown[shown.index("--mask") + 1])
    assert all((masks / Path(picture).name).is_file() for picture in pictures), "masks are named as their pictures"
    assert shown[shown.index("--run") + 1] == str(tmp_path / "runs" / "clothing")


def test_two_cores_share_the_batches_of_one_training(
    tmp_path: Path, data: Path, flow: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = yaml.safe_load((train_clothing.CONFIGS / train_clothing.METHOD.recipe).read_text())
    assert recipe["data"]["init_args"]["batch_size"] == train_clothing.BATCH_SIZE
    train_clothing.train_clothing(out=tmp_path / "runs", data=data)
    shared = flow[0]
    assert shared[shared.index("--trainer.devices") + 1] == "2"
    assert shared[shared.index("--data.init_args.batch_size") + 1] == str(train_clothing.BATCH_SIZE // 2)
    for cores, gpu in ((1, False), (2, True)):
        monkeypatch.setattr(pipeline, "cores", lambda cores=cores: cores)
        monkeypatch.setattr(torch.cuda, "is_available", lambda gpu=gpu: gpu)
        assert pipeline.over_both_cores(16) == []


def test_the_baseline_trains_at_the_same_time(tmp_path: Path, data: Path, flow: list[list[str]]) -> None:
    train_clothing.train_clothing(out=tmp_path / "runs", data=data, baseline=True)
    trainings, tests = flow[:2]
    assert trainings.count("fit") == 2
    assert trainings.count("&") == 2
    assert tests.count("test") == 2
    assert "--trainer.devices" not in trainings, "each has a core of its own"
    recipes = [Path(word) for word in trainings if word.endswith(".yaml")]
    assert [recipe.name for recipe in recipes] == ["small.yaml", "smr_small.yaml"]
    assert all((train_clothing.CONFIGS / recipe.name).is_file() for recipe in recipes)


def test_what_is_finished_is_not_done_again(tmp_path: Path, data: Path, flow: list[list[str]]) -> None:
    run = tmp_path / "runs" / "clothing"
    write(run / "metrics.json", {"fit": {"train/loss": 1.0}, "test": {"test/mask_iou": 0.7}})
    write(run / "provenance.json", {"fit": {"finished": "2026-01-01"}, "test": {"finished": "2026-01-02"}})
    train_clothing.train_clothing(out=tmp_path / "runs", data=data)
    assert [words[0] for words in flow] == ["reconstruct", "animate"]
    write(run / "provenance.json", {"fit": {"finished": "2026-01-03"}, "test": {"finished": "2026-01-02"}})
    train_clothing.train_clothing(out=tmp_path / "runs", data=data)
    assert [words[0] for words in flow[2:]] == ["test", "reconstruct", "animate"], "the test is older"


def test_the_table_puts_the_baseline_beside(tmp_path: Path) -> None:
    for method, iou in ((train_clothing.METHOD, 0.91), (train_clothing.BASELINE, 0.83)):
        measured = {"test/mask_iou": iou, "test/iou_volume": 0.5, "test/pictures": 180.0}
        write(tmp_path / method.run / "metrics.json", {"test": measured})
        write(tmp_path / method.run / "provenance.json", {"fit": {"seconds": 600.0, "steps": 900}})
    text = train_clothing.summary(tmp_path, 90, [Path("someone")])
    assert "1.5 minutes" in text
    assert "180 pictures of unseen people" in text
    ours, baseline = (
        next(line.split() for line in text.splitlines() if name in line) for name in ("Magic Mirror", "SMR")
    )
    assert ours[3] == "0.91"
    assert baseline[1] == "0.83"
    assert ours[-2:] == ["600", "900"]
    assert "not made" in text


@pytest.mark.slow
def test_the_whole_way(tmp_path: Path, capsys) -> None:
    words = ("--out", tmp_path / "runs", "--data", tmp_path / "data", "--num", 48, "--max_steps", 4)
    answer = threefold(capsys, "train-clothing", *words)
    assert answer.status == 0, answer
    assert "MaskIoU" in answer.printed
    assert (tmp_path / "runs" / "reconstructions" / "tryon.png").is_file()
    assert (tmp_path / "runs" / "reconstructions" / "template" / "template.gif").is_file()
