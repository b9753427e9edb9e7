"""`threefold compare`: runs side by side, mean and spread over them, with where every number came from."""

import csv
import io
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments.commands.parsing import call
from experiments.errors import UserError
from models.geometry.atomic import replace_when_complete


class ComparedRun(NamedTuple):
    """What one run's folder says of itself."""

    name: str
    figures: dict[str, float]
    provenance: dict[str, Any]


def compare(runs: list[Path], out: Path) -> None:
    """Writes a table of runs (rows are metrics, columns runs, mean and standard deviation over them) as markdown, csv
    and json. Runs of one method with different seeds give its spread; a ranking needs several seeds of each method.

    Args:
        runs: folders that `threefold fit` or `threefold test` has written.
        out: folder for table.md, table.csv and table.json, which holds command, seed, commit and hardware of every run.
    """
    compared = [read_run(run) for run in runs]
    metrics = sorted({metric for run in compared for metric in run.figures})
    out.mkdir(parents=True, exist_ok=True)
    record = {
        "metrics": {metric: summary(compared, metric) for metric in metrics},
        "runs": {run.name: {"figures": run.figures, "provenance": run.provenance} for run in compared},
    }
    markdown, comma_separated = tables(compared, metrics)
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
    """The test figures of a run, or its last training figures where it was not tested.

    Raises:
        UserError: when the folder holds no metrics.
    """
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


def summary(runs: Sequence[ComparedRun], metric: str) -> dict[str, float | int | None]:
    """Mean and sample standard deviation over the runs that have the metric."""
    values = [run.figures[metric] for run in runs if metric in run.figures and math.isfinite(run.figures[metric])]
    spread = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.fmean(values) if values else None, "standard_deviation": spread, "runs": len(values)}


def tables(runs: Sequence[ComparedRun], metrics: Sequence[str]) -> tuple[str, str]:
    """The table as markdown and as comma-separated values."""
    head = ["metric", *(run.name for run in runs), "mean", "standard deviation"]
    rows = []
    for metric in metrics:
        over = summary(runs, metric)
        cells = [run.figures.get(metric) for run in runs] + [over["mean"], over["standard_deviation"]]
        rows.append([metric, *("" if cell is None else f"{cell:.4g}" for cell in cells)])
    markdown = "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---", *["---:"] * (len(head) - 1)], *rows])
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([head, *rows])
    return markdown + "\n", buffer.getvalue()


def run(verb: str, arguments: Sequence[str]) -> int:
    call(compare, arguments, verb=verb)
    return 0
