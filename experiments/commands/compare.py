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
    methods_of,
    paired_differences,
    paper_record,
    sample_differences,
)
from experiments.comparison_tables import Table, every_table, several_methods, summary
from experiments.errors import UserError
from experiments.quoted_results import Paper
from experiments.report.page import Choices, page_of
from experiments.report.run_contents import contents_of
from models.geometry.atomic import replace_when_complete


def compare(
    runs: list[str],
    out: Path,
    *,
    methods: list[str] | None = None,
    paper: Paper | None = None,
    plots: bool = True,
    metrics: list[str] | None = None,
    page: bool = True,
    cases: int = 0,
) -> None:
    """Writes a table of runs (rows are metrics, columns runs, mean and standard deviation over them) as markdown, csv
    and json. Runs of one method with different seeds give its spread; a ranking needs several seeds of each method.

    Runs of several methods get a second table, methods against metrics, with mean ± standard deviation over seeds, and
    a third with the differences to the first method, seed by seed, each with its 95 % interval (Student's t over
    seeds), and, where the runs kept the scores of every test sample, a fourth with the differences sample by sample
    (bootstrap over samples). bars.png shows the figures with their intervals, curves.png what was logged over epochs.
    report.html is one page with all of it, and the curves, panels and meshes of the runs; it opens without a network.
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
        page: whether report.html is written.
        cases: so many best and worst test samples of every run are drawn on the page; it takes the runs' data.
    """
    compared = [read_run(run) for run in runs]
    if methods is not None and len(methods) != len(runs):
        raise UserError(f"compare: --methods has {len(methods)} names for {len(runs)} runs; give one name for each run")
    grouped = methods_of(compared, methods)
    shown = figures_of(compared, metrics)
    out.mkdir(parents=True, exist_ok=True)
    tables = every_table(compared, grouped, shown, named=methods is not None, paper=paper)
    record: dict[str, Any] = {
        "metrics": {metric: summary(compared, metric) for metric in shown},
        "runs": {run.name: {"figures": run.figures, "provenance": run.provenance} for run in compared},
    }
    if several_methods(grouped, named=methods is not None):
        record["methods"] = method_record(grouped, shown)
    if paper is not None:
        record["quoted"] = paper_record(paper)
    markdown = markdown_of(tables)
    files = {
        out / "table.md": markdown,
        out / "table.csv": comma_separated(tables[0].rows),
        out / "table.json": json.dumps(record, indent=2) + "\n",
    }
    if page:
        choices = Choices(cases=cases, plots=plots, metrics=None if metrics is None else tuple(metrics))
        files[out / "report.html"] = page_of([contents_of(run) for run in compared], grouped, tables, choices)
    with replace_when_complete(*files) as temporary:
        for path, text in zip(temporary, files.values(), strict=True):
            path.write_text(text, encoding="utf-8")
    print(markdown)
    if plots:
        from experiments.comparison_plots import write_plots

        for path in write_plots(grouped, metrics, out):
            print(path)
    if page:
        print(out / "report.html")


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


def markdown_of(tables: Sequence[Table]) -> str:
    """Tables below each other, each under what must be read with it."""
    return "\n".join(
        f"{table.introduction}\n\n" * bool(table.introduction) + markdown_table(table.rows) for table in tables
    )


def comma_separated(rows: Sequence[Sequence[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def run(verb: str, arguments: Sequence[str]) -> int:
    call(compare, arguments, verb=verb)
    return 0
