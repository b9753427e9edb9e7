"""Methods side by side as pictures: their figures with intervals, and what they logged over the epochs."""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.comparison import Method, interval
from experiments.errors import UserError
from models.geometry.atomic import replace_when_complete

COLUMNS = 3
WIDTH, HEIGHT = 4.2, 3.0
"""Inches of one small picture."""


def write_plots(methods: Sequence[Method], metrics: Sequence[str] | None, out: Path) -> list[Path]:
    """Writes bars.png and curves.png, each where there is something to show.

    Args:
        methods: with their runs.
        metrics: what to show; when None in bars everything that differs between runs, and in curves what was validated
            and the training loss.
        out: the folder.
    """
    figures, curves = chosen(methods, metrics)
    written = []
    for name, shown, draw in (("bars.png", figures, draw_bars), ("curves.png", curves, draw_curves)):
        if shown:
            written.append(out / name)
            small_pictures(written[-1], methods, shown, draw)
    return written


def chosen(methods: Sequence[Method], metrics: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Names of the figures and of the curves to draw, see `write_plots`."""
    figures = sorted({name for method in methods for run in method.runs for name in run.figures})
    curves = sorted({name for method in methods for run in method.runs for name in run.curves})
    if metrics is None:
        figures = [name for name in figures if differs(methods, name)]
        curves = [name for name in curves if name.startswith("val/") or name == "train/loss"]
    else:
        figures, curves = ([name for name in metrics if name in known] for known in (figures, curves))
    return figures, curves


def differs(methods: Sequence[Method], metric: str) -> bool:
    """Whether runs disagree about a figure; a lone run has nobody to agree with."""
    runs = [run for method in methods for run in method.runs]
    return len(runs) == 1 or len({run.figures.get(metric) for run in runs}) > 1


def small_pictures(path: Path, methods: Sequence[Method], metrics: Sequence[str], draw: Any) -> None:
    """One small picture a metric, in rows of three; the methods keep their colours throughout."""
    plt = pyplot()
    columns = min(COLUMNS, len(metrics))
    rows = math.ceil(len(metrics) / columns)
    picture, axes = plt.subplots(rows, columns, figsize=(WIDTH * columns, HEIGHT * rows), squeeze=False)
    for place, axis in enumerate(axes.flat):
        if place < len(metrics):
            draw(axis, methods, metrics[place])
            axis.set_title(metrics[place], fontsize=9)
            axis.tick_params(labelsize=8)
        else:
            axis.set_axis_off()
    picture.tight_layout()
    with replace_when_complete(path) as (unfinished,):
        picture.savefig(unfinished, dpi=120, format="png")
    plt.close(picture)


def pyplot() -> Any:
    """matplotlib without a window; a dollar in a run's name begins no formula.

    Raises:
        UserError: it is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError:
        raise UserError(
            "plots need the package matplotlib; install it with `pip install 'threefold[plots]'`, or add --plots false"
        ) from None
    plt.switch_backend("Agg")
    plt.rcParams["text.parse_math"] = False
    return plt


def draw_bars(axis: Any, methods: Sequence[Method], metric: str) -> None:
    """A bar a method, its runs as dots, the 95 % interval of the mean as a whisker."""
    for place, method in enumerate(methods):
        values = [run.figures[metric] for run in method.runs if metric in run.figures]
        if not values:
            continue
        mean, bounds = statistics.fmean(values), interval(values)
        whisker = None if bounds is None else [[mean - bounds[0]], [bounds[1] - mean]]
        axis.bar(place, mean, yerr=whisker, capsize=4, color=f"C{place}", alpha=0.6)
        axis.plot([place] * len(values), values, ".", color="black", markersize=4)
    axis.set_xticks(range(len(methods)), [method.name for method in methods])


def draw_curves(axis: Any, methods: Sequence[Method], metric: str) -> None:
    """The mean over a method's runs against the epoch, and the band from the lowest to the highest run."""
    for place, method in enumerate(methods):
        runs = [run.curves[metric] for run in method.runs if metric in run.curves]
        epochs = sorted(set().union(*runs))
        values = [[run[epoch] for run in runs if epoch in run] for epoch in epochs]
        if not epochs:
            continue
        marker = "." if len(epochs) < 3 else ""
        means = [statistics.fmean(each) for each in values]
        axis.plot(epochs, means, marker=marker, color=f"C{place}", label=f"{method.name} ({len(runs)})")
        axis.fill_between(
            epochs, [min(each) for each in values], [max(each) for each in values], color=f"C{place}", alpha=0.2
        )
    axis.set_xlabel("epoch", fontsize=8)
    axis.locator_params(axis="x", integer=True)
    axis.legend(fontsize=7)
