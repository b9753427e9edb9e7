"""Runs of several methods: who belongs together, spread over seeds, paired differences, quoted rows beside."""

import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from experiments.quoted_results import TABLES, Paper

SEED_SUFFIX = re.compile(r"[-_.]?(?:seed[-_]?|s)?(\d+)$")

CONFIDENCE = 0.95
RESAMPLES = 10_000


class ComparedRun(NamedTuple):
    """What one run's folder, or one file of `threefold evaluate`, says of itself."""

    name: str
    figures: dict[str, float]
    provenance: dict[str, Any]
    samples: Mapping[str, dict[int, float]] = MappingProxyType({})
    """Figures of single test samples by their index, for the metrics that have them."""
    curves: Mapping[str, dict[float, float]] = MappingProxyType({})
    """What was logged in training, by epoch."""

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


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % confidence interval of the mean, Student's t; None for fewer than two values."""
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return None
    from scipy.stats import t

    half = float(t.ppf((1 + CONFIDENCE) / 2, len(finite) - 1)) * statistics.stdev(finite) / math.sqrt(len(finite))
    return statistics.fmean(finite) - half, statistics.fmean(finite) + half


def differences(first: Method, other: Method, metric: str) -> list[float]:
    """`other` minus `first`, seed by seed, over the seeds that both have."""
    of_first = {run.seed: run.figures[metric] for run in first.runs if run.seed is not None and metric in run.figures}
    return [
        run.figures[metric] - of_first[run.seed] for run in other.runs if run.seed in of_first and metric in run.figures
    ]


def paired_differences(first: Method, other: Method, metric: str) -> dict[str, Any]:
    """`other` minus `first`, seed by seed: the spread of seeds drops out. With the interval of the mean."""
    found = differences(first, other, metric)
    return spread(found) | {"interval": interval(found), "below": sum(value < 0 for value in found)}


def paired_rows(methods: Sequence[Method], metrics: Sequence[str]) -> list[list[str]]:
    """Header and rows of differences against the first method; empty where no seeds are shared."""

    def told(first: Method, other: Method, metric: str) -> str:
        difference = paired_differences(first, other, metric)
        below = f", below in {difference['below']} of {difference['runs']}" if difference["runs"] else ""
        return cell(difference) + bracket(difference["interval"]) + below

    return _against_first(methods, metrics, told)


def sample_differences(first: Method, other: Method, metric: str) -> dict[str, Any] | None:
    """`other` minus `first`, test sample by test sample, each method's value the mean over its runs: mean and bootstrap
    interval over the samples. None where not both have every sample's scores, of the same samples.
    """
    ours, theirs = _mean_samples(first, metric), _mean_samples(other, metric)
    if len(ours) < 2 or ours.keys() != theirs.keys():
        return None
    found = np.array([theirs[index] - ours[index] for index in sorted(ours)])
    drawn = np.random.default_rng(0).integers(len(found), size=(RESAMPLES, len(found)))
    low, high = np.quantile(found[drawn].mean(1), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return {"mean": float(found.mean()), "interval": (float(low), float(high)), "samples": len(found)}


def _mean_samples(method: Method, metric: str) -> dict[int, float]:
    """Over runs, of the samples that all runs have."""
    runs = [run.samples.get(metric, {}) for run in method.runs]
    shared = set.intersection(*(set(run) for run in runs))
    return {index: statistics.fmean(run[index] for run in runs) for index in shared}


def sample_rows(methods: Sequence[Method], metrics: Sequence[str]) -> list[list[str]]:
    """Header and rows of differences against the first method; empty where single samples have no scores."""

    def told(first: Method, other: Method, metric: str) -> str:
        found = sample_differences(first, other, metric)
        return "" if found is None else f"{found['mean']:.4g}{bracket(found['interval'])} ({found['samples']})"

    return _against_first(methods, metrics, told)


def _against_first(
    methods: Sequence[Method], metrics: Sequence[str], told: Callable[[Method, Method, str], str]
) -> list[list[str]]:
    first, others = methods[0], methods[1:]
    rows = [[metric, *(told(first, other, metric) for other in others)] for metric in metrics]
    rows = [row for row in rows if any(row[1:])]
    return [["metric", *(f"{other.name} − {first.name}" for other in others)], *rows] if rows else []


def bracket(bounds: tuple[float, float] | None) -> str:
    """` [low, high]`."""
    return "" if bounds is None else f" [{bounds[0]:.3g}, {bounds[1]:.3g}]"


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
