"""Runs of several methods: who belongs together, spread over seeds, paired differences, quoted rows beside."""

import math
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments.quoted_results import TABLES, Paper

SEED_SUFFIX = re.compile(r"[-_.]?(?:seed[-_]?|s)?(\d+)$")


class ComparedRun(NamedTuple):
    """What one run's folder, or one file of `threefold evaluate`, says of itself."""

    name: str
    figures: dict[str, float]
    provenance: dict[str, Any]

    @property
    def seed(self) -> int | None:
        """From the provenance, else from the end of the name."""
        seeds = [stage["seed"] for stage in self.provenance.values() if isinstance(stage, dict) and "seed" in stage]
        known = [seed for seed in seeds if isinstance(seed, int)]
        if known:
            return known[0]
        suffix = SEED_SUFFIX.search(Path(self.name).stem)
        return int(suffix[1]) if suffix else None


class Method(NamedTuple):
    """Runs that differ in the seed alone."""

    name: str
    runs: tuple[ComparedRun, ...]

    def over_seeds(self, metric: str) -> dict[str, float | int | None]:
        """Mean and sample standard deviation."""
        return spread([run.figures[metric] for run in self.runs if metric in run.figures])


def methods_of(runs: Sequence[ComparedRun], names: Sequence[str] | None) -> list[Method]:
    """The runs by method: by the names given, one a run; else by folder names without a seed at their ends (pifu-0 and
    pifu-seed1 are both pifu), in the order of their first run. Runs of one seed are no spread over seeds: where names
    end in something else (pifu-128, pifu-256), each run is a method of its own.
    """
    full = [Path(run.name).stem for run in runs]
    given = list(names) if names else [SEED_SUFFIX.sub("", name) or name for name in full]
    by_name: dict[str, list[ComparedRun]] = {}
    for name, run in zip(given, runs, strict=True):
        by_name.setdefault(name, []).append(run)
    if not names and any(len({run.seed for run in members}) < len(members) for members in by_name.values()):
        return [Method(name, (run,)) for name, run in zip(full, runs, strict=True)]
    return [Method(name, tuple(members)) for name, members in by_name.items()]


def spread(values: Sequence[float]) -> dict[str, float | int | None]:
    """Mean and sample standard deviation of the finite values, and how many they are."""
    finite = [value for value in values if math.isfinite(value)]
    deviation = statistics.stdev(finite) if len(finite) > 1 else None
    return {"mean": statistics.fmean(finite) if finite else None, "standard_deviation": deviation, "runs": len(finite)}


def cell(over: dict[str, float | int | None]) -> str:
    """`mean ± deviation (runs)`."""
    if over["mean"] is None:
        return ""
    if over["standard_deviation"] is None:
        return f"{over['mean']:.4g}"
    return f"{over['mean']:.4g} ± {over['standard_deviation']:.2g} ({over['runs']})"


def method_rows(methods: Sequence[Method], metrics: Sequence[str]) -> list[list[str]]:
    """Header and one row a metric, one column a method."""
    rows = [["metric", *(method.name for method in methods)]]
    rows += [[metric, *(cell(method.over_seeds(metric)) for method in methods)] for metric in metrics]
    return rows


def paired_differences(first: Method, other: Method, metric: str) -> dict[str, float | int | None]:
    """`other` minus `first`, seed by seed, over the seeds that both have: the spread of seeds drops out."""
    of_first = {run.seed: run.figures[metric] for run in first.runs if run.seed is not None and metric in run.figures}
    differences = [
        run.figures[metric] - of_first[run.seed] for run in other.runs if run.seed in of_first and metric in run.figures
    ]
    return spread(differences) | {"below": sum(value < 0 for value in differences)}


def paired_rows(methods: Sequence[Method], metrics: Sequence[str]) -> list[list[str]]:
    """Header and rows of differences against the first method; empty where no seeds are shared."""
    first, others = methods[0], methods[1:]
    rows = []
    for metric in metrics:
        cells = []
        for other in others:
            difference = paired_differences(first, other, metric)
            below = f", below in {difference['below']} of {difference['runs']}" if difference["runs"] else ""
            cells.append(cell(difference) + below)
        if any(cells):
            rows.append([metric, *cells])
    return [["metric", *(f"{other.name} − {first.name}" for other in others)], *rows] if rows else []


def paper_rows(methods: Sequence[Method], paper: Paper) -> list[list[str]]:
    """Header, our rows and the paper's, marked as quoted. Figures are found by their names without `test/`."""
    table = TABLES[paper]
    rows = [["method", *(column.title for column in table.columns)]]
    for method in methods:
        found = [
            spread([value for run in method.runs for value in _named(run.figures, column.ours)])
            for column in table.columns
        ]
        rows.append([f"{method.name} (ours)", *(cell(over) for over in found)])
    for name, values in table.rows.items():
        rows.append([f"{name} (quoted)", *("" if value is None else f"{value:.{table.digits}f}" for value in values)])
    return rows


def _named(figures: dict[str, float], name: str) -> list[float]:
    return [figures[key] for key in (f"test/{name}", name) if key in figures][:1]


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """The first row is the header; numbers stand to the right."""
    head = rows[0]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---", *["---:"] * (len(head) - 1)], *rows[1:]]) + "\n"


def paper_note(paper: Paper) -> str:
    """What must be read with the quoted rows."""
    return f"Beside the {TABLES[paper].title} table of the paper. {TABLES[paper].note}\n"


def paper_record(paper: Paper) -> dict[str, Any]:
    """The quoted rows as plain values."""
    table = TABLES[paper]
    titles = [column.title for column in table.columns]
    rows = {name: dict(zip(titles, values, strict=True)) for name, values in table.rows.items()}
    return {"paper": paper, "note": table.note, "rows": rows}
