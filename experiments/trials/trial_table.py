"""The trials of a sweep side by side, the best first, with what failed and why."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.commands.pipeline import metrics_of
from experiments.comparison import cell, markdown_table, spread
from experiments.trials.sweep_file import Sweep
from experiments.trials.trial_folder import Trial
from models.geometry.atomic import replace_when_complete

SEED = "seed_everything"


def write_table(sweep: Sweep, trials: Sequence[Trial], folder: Path) -> str:
    """Writes table.md, table.csv and table.json and gives the first."""
    ordered = ranked(sweep, trials)
    records = [{**trial.record(), "run": str(trial.folder), "figures": metrics_of(trial.folder)} for trial in ordered]
    markdown = markdown_table(rows(sweep, ordered))
    groups = seed_rows(sweep, ordered)
    if groups:
        markdown += "\nOver seeds:\n\n" + markdown_table(groups)
    files = {
        folder / "table.md": markdown,
        folder / "table.csv": comma_separated(sweep, ordered),
        folder / "table.json": json.dumps({"sweep": sweep.name, "trials": records}, indent=2) + "\n",
    }
    with replace_when_complete(*files) as temporary:
        for path, text in zip(temporary, files.values(), strict=True):
            path.write_text(text, encoding="utf-8")
    return markdown


def ranked(sweep: Sweep, trials: Sequence[Trial]) -> list[Trial]:
    """The best first; without a metric, or a value of it, as they were numbered."""

    def place(trial: Trial) -> tuple[bool, float, int]:
        value = trial.record().get("metric")
        if sweep.goal is None or value is None:
            return (True, 0.0, trial.number)
        return (False, -value if sweep.goal.maximize else value, trial.number)

    return sorted(trials, key=place)


def varied(trials: Sequence[Trial]) -> list[str]:
    """Parameters that are not the same in all trials; all where there is one trial."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.parameters))
    different = [name for name in names if len({json.dumps(trial.parameters.get(name)) for trial in trials}) > 1]
    return different or names


def short_names(names: Sequence[str]) -> dict[str, str]:
    """As few of the last parts of each dotted name as tell it from the others."""
    shortened = {}
    for name in names:
        parts = name.split(".")
        endings = [".".join(parts[-length:]) for length in range(1, len(parts) + 1)]
        alone = (end for end in endings if sum(other == end or other.endswith(f".{end}") for other in names) == 1)
        shortened[name] = next(alone, name)
    return shortened


def shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return Path(value).stem if isinstance(value, str) and value.endswith(".yaml") else str(value)


def rows(sweep: Sweep, trials: Sequence[Trial]) -> list[list[str]]:
    """Header and one row a trial."""
    names = short_names(varied(trials))
    table = [["trial", *names.values(), *([sweep.goal.name] if sweep.goal else []), "minutes", "state"]]
    for trial in trials:
        record = trial.record()
        metric = [] if sweep.goal is None else [number(record.get("metric"))]
        state = trial.state if not record.get("reason") else f"{trial.state}: {record['reason']}"
        minutes = "" if "seconds" not in record else f"{record['seconds'] / 60:.1f}"
        values = [shown(trial.parameters[name]) for name in names]
        table.append([str(trial.number), *values, *metric, minutes, state.replace("|", "/")])
    return table


def seed_rows(sweep: Sweep, trials: Sequence[Trial]) -> list[list[str]]:
    """Header and one row for trials that differ in the seed alone; nothing where seeds were not varied."""
    others = [name for name in varied(trials) if name != SEED]
    if sweep.goal is None or SEED not in varied(trials) or not others:
        return []
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(json.dumps([trial.parameters.get(name) for name in others]), []).append(trial)
    names = short_names(others)
    table = [[*names.values(), sweep.goal.name]]
    for members in groups.values():
        values = [value for trial in members if (value := trial.record().get("metric")) is not None]
        table.append([*(shown(members[0].parameters[name]) for name in others), cell(spread(values))])
    return table


def comma_separated(sweep: Sweep, trials: Sequence[Trial]) -> str:
    """Every parameter and every figure of training and test, one row a trial."""
    parameters = list(dict.fromkeys(name for trial in trials for name in trial.parameters))
    figures = {trial.number: _figures(trial) for trial in trials}
    columns = sorted({name for each in figures.values() for name in each})
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["trial", *parameters, "state", "seconds", "reason", *columns])
    for trial in trials:
        record, own = trial.record(), figures[trial.number]
        said = [trial.state, record.get("seconds", ""), record.get("reason") or ""]
        writer.writerow(
            [
                trial.number,
                *(trial.parameters.get(name) for name in parameters),
                *said,
                *(own.get(name) for name in columns),
            ]
        )
    return buffer.getvalue()


def _figures(trial: Trial) -> dict[str, float | None]:
    measured = metrics_of(trial.folder)
    return {**measured.get("fit", {}), **measured.get("test", {})}


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
