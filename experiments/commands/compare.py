"""`threefold compare`: runs side by side, mean and spread over them, with where every number came from."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.commands.parsing import call
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
    spread,
)
from experiments.errors import UserError
from experiments.quoted_results import Paper
from models.geometry.atomic import replace_when_complete


def compare(
    runs: list[Path],
    out: Path,
    *,
    methods: list[str] | None = None,
    paper: Paper | None = None,
) -> None:
    """Writes a table of runs (rows are metrics, columns runs, mean and standard deviation over them) as markdown, csv
    and json. Runs of one method with different seeds give its spread; a ranking needs several seeds of each method.

    Runs of several methods get a second table, methods against metrics, with mean ± standard deviation over seeds, and
    a third with the differences to the first method, seed by seed. A file that `threefold evaluate --json` wrote for
    bodies counts as a run: this is how the meshes of other methods enter.

    Args:
        runs: folders that `threefold fit` or `threefold test` has written, or JSON files of `threefold evaluate`.
        out: folder for table.md, table.csv and table.json, which holds command, seed, commit and hardware of every run.
        methods: the method of each run, one name a run; without it the names of the folders less the seed at their
            ends: pifu-0 and pifu-seed1 are both pifu.
        paper: prints the columns of the paper on these data with our figures, and its rows, marked as quoted, where
            they are known.
    """
    compared = [read_run(run) for run in runs]
    if methods is not None and len(methods) != len(runs):
        raise UserError(f"compare: --methods has {len(methods)} names for {len(runs)} runs; give one name for each run")
    grouped = methods_of(compared, methods)
    several = len(grouped) > 1 and (methods is not None or len(grouped) < len(compared))
    metrics = sorted({metric for run in compared for metric in run.figures})
    out.mkdir(parents=True, exist_ok=True)
    markdown, comma_separated = tables(compared, metrics, over_all=len(grouped) == 1)
    record: dict[str, Any] = {
        "metrics": {metric: summary(compared, metric) for metric in metrics},
        "runs": {run.name: {"figures": run.figures, "provenance": run.provenance} for run in compared},
    }
    if several:
        markdown += "\n" + markdown_table(method_rows(grouped, metrics))
        paired = paired_rows(grouped, metrics)
        if paired:
            markdown += "\nSeed by seed:\n\n" + markdown_table(paired)
        record["methods"] = method_record(grouped, metrics)
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


def read_run(run: Path) -> ComparedRun:
    """The test figures of a run, or its last training figures where it was not tested; or the means over bodies in a
    file of `threefold evaluate`.

    Raises:
        UserError: when the folder holds no metrics, or the file none of bodies.
    """
    if run.suffix == ".json":
        return read_evaluation(run)
    path = run / "metrics.json"
    if not path.is_file():
        raise UserError(f"compare: {run} holds no metrics.json; give folders of runs, such as runs/face-coarse")
    try:
        stored = json.loads(path.read_text())
        figures = stored.get("test") or stored["fit"]
        origin = run / "provenance.json"
        provenance = json.loads(origin.read_text()) if origin.is_file() else {}
    except (ValueError, KeyError, AttributeError):
        raise UserError(f"compare: {path} or the provenance beside it is damaged; test the run again") from None
    return ComparedRun(str(run), {name: value for name, value in figures.items() if value is not None}, provenance)


def read_evaluation(path: Path) -> ComparedRun:
    """The means of a body evaluation, named as a test of a run names them."""
    if not path.is_file():
        raise UserError(
            f"compare: {path} does not exist; give folders of runs, or files of `threefold evaluate --json`"
        )
    try:
        stored = json.loads(path.read_text())
        figures = {f"test/{name}": float(value) for name, value in stored["summary"].items()}
        provenance = {"evaluate": {**stored["origin"], "settings": stored["settings"]}}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"compare: {path} holds no scores of bodies; write it with `threefold evaluate --protocol body --json`"
        ) from None
    return ComparedRun(str(path), figures, provenance)


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
