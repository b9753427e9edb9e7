"""The flow of `threefold train-body`: what runs side by side, what it skips, what it tells at the end."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from experiments.commands import pipeline, train_body
from tests.experiments.command_line import assert_one_sentence, threefold


def write(path: Path, values: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """As much of a synthetic data set as the flow itself looks at."""
    folder = tmp_path / "data"
    for yaw in train_body.TURNS_DEGREES:
        picture = folder / "RENDER" / "p7" / f"{yaw}_0_00.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64)).save(picture)
    (folder / "test.txt").write_text("p7\n")
    return folder


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would run; those side by side are one list with "&" between."""
    commands: list[list[str]] = []

    def one(*words: object) -> int:
        commands.append([str(word) for word in words])
        return 0

    def several(*together: list[object], logs: list[Path]) -> None:
        commands.append([str(word) for words in together for word in (*words, "&")])
        for run in ("body-pifu", "body-multiscale"):
            write(Path(logs[0]).parent.parent / run / "metrics.json", {"test": {"test/iou_volume": 0.5}})

    monkeypatch.setattr(pipeline, "threefold", one)
    monkeypatch.setattr(pipeline, "attempt", one)
    monkeypatch.setattr(pipeline, "side_by_side", several)
    monkeypatch.setattr(pipeline, "cores", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return commands


def test_both_trainings_run_at_the_same_time(tmp_path: Path, data: Path, flow: list[list[str]]) -> None:
    train_body.train_body(out=tmp_path / "runs", data=data, max_steps=3)
    trainings, tests, shown = flow
    assert trainings.count("fit") == 2
    assert trainings.count("&") == 2
    recipes = [Path(word).name for word in trainings if word.endswith(".yaml")]
    assert recipes == ["pifu_small.yaml", "multiscale_small.yaml"]
    assert trainings.count("--trainer.max_steps") == 2
    assert tests.count("test") == 2
    assert shown[:2] == ["reconstruct", "--views"]
    assert shown[shown.index("--run") + 1] == str(tmp_path / "runs" / "body-multiscale")


def test_a_picture_gets_a_network_for_single_pictures(tmp_path: Path, data: Path, flow: list[list[str]]) -> None:
    picture = tmp_path / "me.png"
    Image.new("RGB", (64, 64)).save(picture)
    train_body.train_body(out=tmp_path / "runs", data=data, picture=picture)
    training, shown = flow[-2:]
    assert training[0] == "fit"
    assert training[training.index("--data.init_args.views") + 1] == "1"
    assert shown[:2] == ["reconstruct", str(picture)]
    assert shown[shown.index("--run") + 1] == training[training.index("--run") + 1]


def test_the_views_say_where_the_pictures_are(tmp_path: Path, data: Path) -> None:
    (path,) = train_body.write_views(data, tmp_path / "views")
    views = json.loads(path.read_text())["views"]
    assert [view["yaw"] for view in views] == [0, 90, 180, 270]
    assert all(Path(view["picture"]).is_file() for view in views)
    assert views[0]["center"] == [32, 32]
    assert views[0]["pixels_per_cm"] == pytest.approx(64 / 204.8)


def test_what_is_finished_is_not_done_again(tmp_path: Path, data: Path, flow: list[list[str]]) -> None:
    for method in train_body.METHODS:
        run = tmp_path / "runs" / method.run
        write(run / "metrics.json", {"fit": {"train/loss": 1.0}, "test": {"test/iou_volume": 0.7}})
        write(run / "provenance.json", {"fit": {"finished": "2026-01-01"}, "test": {"finished": "2026-01-02"}})
    train_body.train_body(out=tmp_path / "runs", data=data)
    assert [words[0] for words in flow] == ["reconstruct"]
    again = tmp_path / "runs" / "body-multiscale"
    write(again / "provenance.json", {"fit": {"finished": "2026-01-03"}, "test": {"finished": "2026-01-02"}})
    train_body.train_body(out=tmp_path / "runs", data=data)
    assert [words[0] for words in flow[1:]] == ["test", "reconstruct"], "the test is older than the training"


def test_one_core_trains_in_turn(tmp_path: Path, data: Path, flow: list[list[str]], monkeypatch) -> None:
    monkeypatch.setattr(pipeline, "cores", lambda: 1)
    pipeline.together([(["fit", "a"], tmp_path / "a"), (["fit", "b"], tmp_path / "b")], tmp_path, "fit")
    assert flow == [["fit", "a"], ["fit", "b"]]


def test_the_table_shows_the_hull_beside_the_methods(tmp_path: Path) -> None:
    for method, iou in zip(train_body.METHODS, (0.7, 0.8)):
        measured = {"test/iou_volume": iou, "test/hull_iou_volume": 0.54, "test/bodies": 6.0, "test/bands_c1": 0.4}
        write(tmp_path / method.run / "metrics.json", {"test": measured})
        write(tmp_path / method.run / "provenance.json", {"fit": {"seconds": 300.0, "steps": 900}})
    text = train_body.summary(tmp_path, 90, [Path("someone.json")])
    assert "1.5 minutes" in text
    assert "6 unseen people" in text
    hull, pifu, multiscale = (
        next(line.split() for line in text.splitlines() if name in line)
        for name in ("visual hull", "PIFu", "multi-scale")
    )
    assert hull[2] == "0.54"
    assert pifu[1] == "0.7"
    assert multiscale[1] == "0.8"
    assert multiscale[-2:] == ["300", "900"]
    assert "not reconstructed" in text
    assert "someone.json" in text


def test_a_picture_that_is_not_there_is_told_at_once(tmp_path: Path, capsys) -> None:
    answer = threefold(capsys, "train-body", "--picture", tmp_path / "nowhere.png", "--out", tmp_path)
    assert_one_sentence(answer, "nowhere.png does not exist")


def test_commands_side_by_side(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The real thing: what the second says is kept in its log; its failure is shown and ends the flow."""
    logs = [tmp_path / "a.txt", tmp_path / "b.txt"]
    pipeline.side_by_side(["reconstruct", "--help"], ["synthesize", "--help"], logs=logs)
    assert "--yaws" in capfd.readouterr().out
    assert "usage" in logs[1].read_text() or "threefold" in logs[1].read_text()
    with pytest.raises(SystemExit) as ended:
        pipeline.side_by_side(["reconstruct", "--help"], ["reconstruct", "--nonsense"], logs=logs)
    assert ended.value.code == 2
    assert "nonsense" in capfd.readouterr().err


@pytest.mark.slow
def test_the_whole_way(tmp_path: Path, capsys) -> None:
    words = ("--out", tmp_path / "runs", "--data", tmp_path / "data", "--num", 10, "--max_steps", 2)
    answer = threefold(capsys, "train-body", *words)
    assert answer.status == 0, answer
    assert "visual hull" in answer.printed
