"""The tables of a comparison, as rows of text: each run, methods over seeds, differences, the paper's rows beside."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.comparison import (
    ComparedRun,
    Method,
    method_rows,
    paired_rows,
    paper_note,
    paper_rows,
    sample_rows,
    spread,
)
from experiments.quoted_results import Paper


class Table(NamedTuple):
    title: str
    rows: list[list[str]]
    """The first row is the header."""
    introduction: str = ""
    """What must be read with the rows."""


def run_rows(runs: Sequence[ComparedRun], metrics: Sequence[str], *, over_all: bool = True) -> list[list[str]]:
    """Header and one row a metric, one column a run; `over_all` adds mean and deviation over all runs."""
    head = ["metric", *(run.name for run in runs), *(["mean", "standard deviation"] if over_all else [])]
    rows = []
    for metric in metrics:
        over = summary(runs, metric)
        cells = [run.figures.get(metric) for run in runs]
        cells += [over["mean"], over["standard_deviation"]] if over_all else []
        rows.append([metric, *("" if value is None else f"{value:.4g}" for value in cells)])
    return [head, *rows]


def summary(runs: Sequence[ComparedRun], metric: str) -> dict[str, float | int | None]:
    """Mean and sample standard deviation over the runs that have the metric."""
    return spread([run.figures[metric] for run in runs if metric in run.figures])


def method_tables(methods: Sequence[Method], metrics: Sequence[str]) -> list[Table]:
    """Methods against metrics, and the differences to the first method where there are any."""
    by_seed = "Seed by seed, with 95 % intervals of the mean:"
    by_sample = "Sample by sample, with 95 % bootstrap intervals of the mean:"
    found = [
        Table("Methods, mean ± standard deviation over seeds", method_rows(methods, metrics)),
        Table("Differences, seed by seed", paired_rows(methods, metrics), by_seed),
        Table("Differences, sample by sample", sample_rows(methods, metrics), by_sample),
    ]
    return [table for table in found if table.rows]


def several_methods(methods: Sequence[Method], *, named: bool) -> bool:
    """Whether runs are compared as methods: several of them, named as such or with several runs each."""
    return len(methods) > 1 and (named or len(methods) < sum(len(method.runs) for method in methods))


def every_table(
    runs: Sequence[ComparedRun], methods: Sequence[Method], metrics: Sequence[str], *, named: bool, paper: Paper | None
) -> list[Table]:
    """All that there is to say of the runs; the first table has a column for each of them.

    Args:
        runs: in order.
        methods: the same, grouped.
        metrics: rows.
        named: whether somebody said which run belongs to which method.
        paper: whose columns and rows come last.
    """
    over_all = len(methods) == 1 and len(runs) > 1
    tables = [Table("Every run", run_rows(runs, metrics, over_all=over_all))]
    if several_methods(methods, named=named):
        tables += method_tables(methods, metrics)
    if paper is not None:
        tables.append(paper_table(methods, paper))
    return tables


def paper_table(methods: Sequence[Method], paper: Paper) -> Table:
    """Ours and the paper's rows, marked as quoted."""
    return Table(f"Beside the paper: {paper}", paper_rows(methods, paper), paper_note(paper).strip())
