"""`threefold compare`: runs side by side, mean and spread over them, with where every number came from."""

import csv
import difflib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.commands.parsing import call
from experiments.compared_runs import read_run
from experiments.comparison import (
    ComparedRun,
    Method,
    markdown_table,
    method_rows,
    methods_of,
    paired_differences,
    paired_rows,
    paper_note,
    paper_record,
    paper_rows,
    sample_differences,
    sample_rows,
    spread,
)
from experiments.errors import UserError
from experiments.quoted_results import Paper
from models.geometry.atomic import replace_when_complete


def compare(
    runs: list[str],
    out: Path,
    *,
    methods: list[str] | None = None,
    paper: Paper | None = None,
    plots: bool = True,
    metrics: list[str] | None = None,
) -> None:
    """Writes a table of runs (rows are metrics, columns runs, mean and standard deviation over them) as markdown, csv
    and json. Runs of one method with different seeds give its spread; a ranking needs several seeds of each method.

    Runs of several methods get a second table, methods against metrics, with mean ± standard deviation over seeds, and
    a third with the differences to the first method, seed by seed, each with its 95 % interval (Student's t over
    seeds), and, where the runs kept the scores of every test sample, a fourth with the differences sample by sample
    (bootstrap over samples). bars.png shows the figures with their intervals, curves.png what was logged over epochs.
    A file that `threefold evaluate --json` wrote for bodies counts as a run: this is how the meshes of other methods
    enter.

    Args:
        runs: folders that `threefold fit` or `threefold test` has written, JSON files of `threefold evaluate`, or
            wandb:ENTITY/PROJECT/RUN for runs in wandb.
        out: folder for the plots and table.md, table.csv and table.json, which holds command, seed, commit and hardware
            of every run.
        methods: the method of each run, one name a run; without it the names of the folders less the seed at their
            ends: pifu-0 and pifu-seed1 are both pifu.
        paper: prints the columns of the paper on these data with our figures, and its rows, marked as quoted, where
            they are known.
        plots: whether bars.png and curves.png are drawn.
        metrics: what to show, such as test/iou_volume val/bce; everything when left out.
    """
    compared = [read_run(run) for run in runs]
    if methods is not None and len(methods) != len(runs):
        raise UserError(f"compare: --methods has {len(methods)} names for {len(runs)} runs; give one name for each run")
    grouped = methods_of(compared, methods)
    several = len(grouped) > 1 and (methods is not None or len(grouped) < len(compared))
    shown = figures_of(compared, metrics)
    out.mkdir(parents=True, exist_ok=True)
    markdown, comma_separated = tables(compared, shown, over_all=len(grouped) == 1)
    record: dict[str, Any] = {
        "metrics": {metric: summary(compared, metric) for metric in shown},
        "runs": {run.name: {"figures": run.figures, "provenance": run.provenance} for run in compared},
    }
    if several:
        markdown += "\n" + markdown_table(method_rows(grouped, shown))
        paired = paired_rows(grouped, shown)
        if paired:
            markdown += "\nSeed by seed, with 95 % intervals of the mean:\n\n" + markdown_table(paired)
        by_sample = sample_rows(grouped, shown)
        if by_sample:
            markdown += "\nSample by sample, with 95 % bootstrap intervals of the mean:\n\n" + markdown_table(by_sample)
        record["methods"] = method_record(grouped, shown)
    if paper is not None:
        markdown += f"\n{paper_note(paper)}\n" + markdown_table(paper_rows(grouped, paper))
        record["quoted"] = paper_record(paper)
    files = {
        out / "table.md": markdown,
        out / "table.csv": comma_separated,
        out / "table.json": json.dumps(record, indent=2) + "\n",
    }
    with replace_when_complete(*files) as temporary:
        for path, text in zip(temporary, files.values(), strict=True):
            path.write_text(text, encoding="utf-8")
    print(markdown)
    if plots:
        from experiments.comparison_plots import write_plots

        for path in write_plots(grouped, metrics, out):
            print(path)


def figures_of(runs: Sequence[ComparedRun], asked: Sequence[str] | None) -> list[str]:
    """Names of the figures to show, in order.

    Raises:
        UserError: one was asked for that no run has.
    """
    known = sorted({metric for run in runs for metric in run.figures})
    curves = {metric for run in runs for metric in run.curves}
    for name in asked or ():
        if name not in known and name not in curves:
            near = difflib.get_close_matches(name, [*known, *curves], n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise UserError(f"compare: no run has {name!r}; {hint}")
    return known if asked is None else [name for name in asked if name in known]


def summary(runs: Sequence[ComparedRun], metric: str) -> dict[str, float | int | None]:
    """Mean and sample standard deviation over the runs that have the metric."""
    return spread([run.figures[metric] for run in runs if metric in run.figures])


def method_record(methods: Sequence[Method], metrics: Sequence[str]) -> dict[str, Any]:
    """Runs, spread and paired differences of every method, as plain values."""
    return {
        method.name: {
            "runs": [run.name for run in method.runs],
            "metrics": {metric: method.over_seeds(metric) for metric in metrics},
            f"minus {methods[0].name}": {
                metric: paired_differences(methods[0], method, metric) for metric in metrics if method is not methods[0]
            },
            f"minus {methods[0].name}, samples": {
                metric: found
                for metric in metrics
                if method is not methods[0] and (found := sample_differences(methods[0], method, metric)) is not None
            },
        }
        for method in methods
    }


def tables(runs: Sequence[ComparedRun], metrics: Sequence[str], *, over_all: bool = True) -> tuple[str, str]:
    """The table as markdown and as comma-separated values; `over_all` adds mean and deviation over all runs."""
    head = ["metric", *(run.name for run in runs), *(["mean", "standard deviation"] if over_all else [])]
    rows = []
    for metric in metrics:
        over = summary(runs, metric)
        cells = [run.figures.get(metric) for run in runs]
        cells += [over["mean"], over["standard_deviation"]] if over_all else []
        rows.append([metric, *("" if value is None else f"{value:.4g}" for value in cells)])
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([head, *rows])
    return markdown_table([head, *rows]), buffer.getvalue()


def run(verb: str, arguments: Sequence[str]) -> int:
    call(compare, arguments, verb=verb)
    return 0
