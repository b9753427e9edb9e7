"""A sweep's YAML, the same that `wandb sweep` takes, read and checked whole before anything is run."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import yaml

from experiments.errors import UserError, one_line
from experiments.trials.logged_names import complaint_about
from experiments.trials.search_space import Parameter, read_parameter

Search = Literal["grid", "random", "bayes"]
KEYS = (
    *("program", "command", "method", "metric", "parameters", "name", "description", "project", "entity", "run_cap"),
)
MACROS = ("${env}", "${interpreter}", "${program}", "${args}")


class Goal(NamedTuple):
    """What makes one trial better than another."""

    name: str
    maximize: bool


class Sweep(NamedTuple):
    """Everything that the file says."""

    path: Path
    name: str
    method: Search
    goal: Goal | None
    parameters: tuple[Parameter, ...]
    program: str
    command: tuple[str, ...]
    most: int | None
    """`run_cap`: trials at most."""

    def configurations(self) -> list[Path]:
        """Every configuration file that a trial may be given."""
        files = [word.split("=", 1)[1] for word in self.command if word.startswith("--config=")]
        files += [str(value) for each in self.parameters if each.name == "config" for value in each.values]
        return [Path(file) for file in files]


def read_sweep(path: Path) -> Sweep:
    """Reads a sweep.

    Raises:
        UserError: no such file, no YAML, or anything in it that `threefold sweep` or `wandb agent` would stumble over.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; the sweeps that come with the project are in experiments/sweeps")
    try:
        asked = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no YAML: {one_line(str(error))}; correct the line") from error
    if not isinstance(asked, dict):
        raise UserError(f"{path} holds no keys, it is no sweep; see experiments/sweeps for examples")
    for key in asked:
        if key not in KEYS:
            near = difflib.get_close_matches(str(key), KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(KEYS)}"
            raise UserError(f"{path}: unknown key {key!r}; {hint}")
    sweep = Sweep(
        path,
        str(asked.get("name", path.stem)),
        _method(asked, path),
        _goal(asked, path),
        _parameters(asked, path),
        str(asked.get("program", "threefold")),
        _command(asked, path),
        _most(asked, path),
    )
    _check_together(sweep)
    return sweep


def _method(asked: Mapping[str, Any], path: Path) -> Search:
    if asked.get("method") not in get_args(Search):
        raise UserError(f"{path}: method is {asked.get('method')!r}; expected one of {', '.join(get_args(Search))}")
    return asked["method"]


def _goal(asked: Mapping[str, Any], path: Path) -> Goal | None:
    metric = asked.get("metric")
    if metric is None:
        return None
    if not isinstance(metric, dict) or not isinstance(metric.get("name"), str) or set(metric) - {"name", "goal"}:
        raise UserError(f"{path}: metric is {metric!r}; write metric: {{name: val/…, goal: minimize}}")
    if metric.get("goal", "minimize") not in {"minimize", "maximize"}:
        raise UserError(f"{path}: goal is {metric['goal']!r}; expected minimize or maximize")
    if not metric["name"].startswith(("train/", "val/")):
        raise UserError(
            f"{path}: metric {metric['name']!r} is not logged while training; rank by a train/ or val/ quantity and "
            "add --test true for the test's"
        )
    return Goal(metric["name"], metric.get("goal") == "maximize")


def _parameters(asked: Mapping[str, Any], path: Path) -> tuple[Parameter, ...]:
    parameters = asked.get("parameters")
    if not isinstance(parameters, dict) or not parameters:
        raise UserError(f"{path} has no parameters; write parameters: {{model.init_args.NAME: {{values: [A, B]}}}}")
    return tuple(in_order([read_parameter(str(name), value, str(path)) for name, value in parameters.items()]))


def in_order(parameters: list[Parameter]) -> list[Parameter]:
    """Whole configurations first, a class before its arguments, otherwise as written."""
    return sorted(parameters, key=lambda each: (each.name != "config", each.name.count(".")))


def _command(asked: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    command = asked.get("command")
    if not isinstance(command, list) or not all(isinstance(word, (str, int, float)) for word in command):
        raise UserError(f'{path}: command is {command!r}; write ["${{env}}", "${{program}}", fit, "${{args}}"]')
    words = [str(word) for word in command]
    for word in words:
        if word.startswith("${") and not word.startswith("${envvar:") and word not in MACROS:
            raise UserError(f"{path}: the command has {word}; expected some of {' '.join(MACROS)}")
    if words.count("${args}") != 1 or "fit" not in words:
        raise UserError(f"{path}: the command must have the verb fit and once the word ${{args}}; it is {words}")
    if taken := [word for word in words if word.startswith(("--run=", "--ckpt_path="))]:
        raise UserError(f"{path}: the command says {taken[0]}; take it out, every trial gets a folder of its own")
    return tuple(words)


def _most(asked: Mapping[str, Any], path: Path) -> int | None:
    most = asked.get("run_cap")
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        raise UserError(f"{path}: run_cap is {most!r}; give a number of trials, 1 or more")
    return most


def _check_together(sweep: Sweep) -> None:
    """What one key demands of another, and the files that are named."""
    if sweep.method == "bayes" and sweep.goal is None:
        raise UserError(
            f"{sweep.path}: bayes looks for the best of a metric; add metric: {{name: val/…, goal: minimize}}"
        )
    if sweep.method == "grid":
        for parameter in sweep.parameters:
            if not parameter.values:
                raise UserError(
                    f"{sweep.path}: parameter {parameter.name!r} has no values, which a grid needs; write "
                    "{values: [A, B]}, or take method: random"
                )
    if sweep.method == "bayes":
        for parameter in sweep.parameters:
            if parameter.probabilities or parameter.distribution == "q_log_uniform_values":
                raise UserError(
                    f"{sweep.path}: parameter {parameter.name!r}: bayes takes no probabilities "
                    "and no q_log_uniform_values; take method: random"
                )
    for parameter in sweep.parameters:
        if parameter.name in {"run", "ckpt_path"}:
            raise UserError(f"{sweep.path}: {parameter.name!r} is no parameter; every trial gets a folder of its own")
    if not sweep.configurations():
        raise UserError(
            f"{sweep.path} names no configuration; add the parameter config: {{value: experiments/configs/…}}"
        )
    for configuration in sweep.configurations():
        _check_configuration(sweep, configuration)


def _check_configuration(sweep: Sweep, configuration: Path) -> None:
    if not configuration.is_file():
        raise UserError(
            f"{sweep.path} names {configuration}, which does not exist from here; give its path from the folder that "
            "the sweep is started in"
        )
    try:
        content = yaml.safe_load(configuration.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{configuration} is no YAML: {one_line(str(error))}; correct the line") from error
    stage = ((content or {}).get("model") or {}).get("class_path", "")
    complaint = sweep.goal and complaint_about(sweep.goal.name, stage)
    if complaint:
        raise UserError(f"{sweep.path}: {complaint}")
