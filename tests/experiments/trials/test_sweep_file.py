"""What a sweep's file may say, and the sentence for everything else."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from experiments.errors import UserError
from experiments.trials.logged_names import complaint_about
from experiments.trials.running import Course
from experiments.trials.search_space import Parameter
from experiments.trials.sweep_file import read_sweep
from experiments.trials.trial_command import arguments
from tests.experiments.command_line import threefold
from tests.experiments.trials.sweeps import CONFIG, SWEEPS, write_sweep

SHIPPED = sorted(SWEEPS.glob("*.yaml"))
FIXED = {"config": {"value": str(CONFIG)}}


def with_x(asked: Any) -> dict[str, Any]:
    return {**FIXED, "x": asked}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"methd": "grid"}, "did you mean 'method'?"),
        ({"early_terminate": {"type": "hyperband"}}, "unknown key 'early_terminate'"),
        ({"method": "genetic"}, "expected one of grid, random, bayes"),
        ({"method": "bayes", "metric": None}, "add metric"),
        ({"metric": {"name": "val/iou_pionts"}}, "did you mean val/iou_points?"),
        ({"metric": {"name": "val/nonsense"}}, "BodyOccupancy logs no 'val/nonsense'"),
        ({"metric": {"name": "test/iou_volume"}}, "add --test true"),
        ({"metric": {"name": "val/bce", "goal": "lower"}}, "expected minimize or maximize"),
        ({"metric": "val/bce"}, "write metric: {name"),
        ({"parameters": None}, "has no parameters"),
        ({"parameters": with_x({"min": 0.0, "max": 1.0})}, "which a grid needs"),
        ({"parameters": with_x({"parameters": {"y": {"value": 1}}})}, "write dotted names such as x.NAME"),
        ({"parameters": with_x({"values": [1, None]})}, 'write "null" in quotes'),
        ({"parameters": with_x({"values": []})}, "no list of values"),
        ({"parameters": with_x(3)}, "{value: 3}"),
        ({"parameters": with_x({"vals": [3]})}, "unknown key 'vals'"),
        ({"parameters": with_x({"min": 1})}, "neither values nor min and max"),
        ({"parameters": with_x({"values": [1, 2], "probabilities": [1.0]})}, "1 probabilities for 2 values"),
        ({"method": "random", "parameters": with_x({"min": "1e-3", "max": 1.0})}, "YAML reads 1e-3 as text"),
        ({"method": "random", "parameters": with_x({"min": 1.0, "max": 0.5})}, "must be min"),
        (
            {"method": "random", "parameters": with_x({"min": 0.0, "max": 1.0, "distribution": "log_uniform_values"})},
            "no logarithm",
        ),
        ({"method": "random", "parameters": with_x({"min": 0, "max": 1, "distribution": "beta"})}, "expected one of"),
        ({"parameters": {"config": {"values": ["nowhere.yaml"]}}}, "nowhere.yaml, which does not exist from here"),
        ({"parameters": {"x": {"values": [1]}}}, "names no configuration"),
        ({"parameters": {**FIXED, "run": {"value": "a"}}}, "a folder of its own"),
        ({"command": ["${program}", "fit"]}, "once the word ${args}"),
        ({"command": ["${program}", "fit", "${args_no_hyphens}"]}, "expected some of"),
        ({"command": ["${program}", "fit", "--run=here", "${args}"]}, "take it out"),
        ({"command": "fit"}, 'write ["${env}"'),
        ({"run_cap": 0}, "1 or more"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as refused:
        read_sweep(write_sweep(tmp_path, **changes))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["a: [", "- 1\n", ""])
def test_no_sweep_at_all(tmp_path: Path, text: str) -> None:
    (tmp_path / "sweep.yaml").write_text(text)
    with pytest.raises(UserError, match=r"no YAML|no keys"):
        read_sweep(tmp_path / "sweep.yaml")
    with pytest.raises(UserError, match="does not exist"):
        read_sweep(tmp_path / "nowhere.yaml")


def test_whole_configurations_come_first(tmp_path: Path) -> None:
    names = ["a.init_args.b", "a.class_path", "a", "config"]
    parameters = {name: {"value": str(CONFIG)} for name in names}
    read = read_sweep(write_sweep(tmp_path, parameters=parameters))
    assert [parameter.name for parameter in read.parameters] == ["config", "a", "a.class_path", "a.init_args.b"]


def test_args_are_what_the_agent_of_wandb_makes_of_them() -> None:
    utils = pytest.importorskip("wandb.sdk.launch.sweeps.utils", reason="wandb is not installed")
    parameters = {
        "config": "a.yaml",
        "model.init_args.rate": 1e-05,
        "flag": True,
        "widths": [1, 2.5],
        "weights": {"a": None},
        "nothing": "null",
        "text": "two words",
    }
    expected = utils.create_sweep_command_args({"args": {name: {"value": value} for name, value in parameters.items()}})
    assert arguments(parameters) == expected["args"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_sweep_that_is_shipped_is_right(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SWEEPS.parents[1])
    read = read_sweep(path)
    assert path.read_text().startswith("#"), "a sweep says what it is for"
    assert read.program == "threefold"
    assert read.name == path.stem.replace("_", "-")
    assert yaml.safe_load(path.read_text())["project"] == "threefold"
    assert all(complaint_about(read.goal.name, stage_of(file)) is None for file in read.configurations() if read.goal)


def stage_of(configuration: Path) -> str:
    return yaml.safe_load(configuration.read_text())["model"]["class_path"]


def test_every_family_has_methods_ablations_and_a_search() -> None:
    assert len(SHIPPED) >= 9
    for family in ("bodies", "clothing", "faces"):
        assert {f"{family}_methods", f"{family}_search"} <= {path.stem for path in SHIPPED}


def test_unknown_stages_are_not_judged() -> None:
    assert complaint_about("val/anything", "elsewhere.Stage") is None


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_trial_of_the_shipped_sweeps_is_a_training(path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """As few trials as hold every value of every parameter pass the training's own parser."""
    monkeypatch.chdir(SWEEPS.parents[1])
    read = read_sweep(path)
    course = Course(read)
    for place in range(max(len(parameter.values) for parameter in read.parameters)):
        values = {each.name: value_at(each, place) for each in read.parameters}
        words = course.words(values)
        answer = threefold(capsys, *words[words.index("fit") :], "--print_config")
        assert answer.status == 0, answer.complaint
        config = yaml.safe_load(answer.printed)
        for name, value in values.items():
            if name != "config":
                assert member(config, name) == value, "a later configuration undid it"


def value_at(parameter: Parameter, place: int) -> Any:
    return parameter.values[place % len(parameter.values)] if parameter.values else parameter.draw(Random(place))


def member(config: Any, name: str) -> Any:
    for key in name.split("."):
        config = config[key]
    return config
