"""Curves and bars inside a page: small SVG pictures that follow the reader's light or dark."""

import io
from collections.abc import Callable, Sequence
from typing import Any

from experiments.comparison import Method, cell
from experiments.comparison_plots import HEIGHT, WIDTH, draw_bars, draw_curves, pyplot
from experiments.report.pictures import Picture, data_address

INK = "#010203"
"""Stands for the colour of text until the picture is written."""
STYLE = (
    "<style>:root{--ink:#1c1e21}@media (prefers-color-scheme:dark){:root{--ink:#dcdfe4}}"
    "text{font-family:system-ui,'DejaVu Sans',sans-serif}</style>"
)
COLOURS = ("#2b8bd6", "#de7a22", "#3c9f58", "#d4576f", "#8c70d0", "#a07c4a", "#c45aad", "#6b8a9b")
"""Of the methods: neither too dark for a dark page nor too light for a light one."""
PARTS = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")


def curve_pictures(methods: Sequence[Method], metrics: Sequence[str]) -> list[Picture]:
    """What was logged over the epochs, a picture a metric.

    Raises:
        UserError: matplotlib is not installed.
    """
    return [
        Picture(
            svg(methods, metric, draw_curves), *pixels(), f"{metric} over the epochs. {told(methods, metric)}", metric
        )
        for metric in metrics
    ]


def bar_pictures(methods: Sequence[Method], metrics: Sequence[str]) -> list[Picture]:
    """The methods' figures with their 95 % intervals, a picture a metric; raises as `curve_pictures`."""

    def means(metric: str) -> str:
        return "; ".join(f"{method.name}: {cell(method.over_seeds(metric)) or 'not measured'}" for method in methods)

    return [
        Picture(svg(methods, metric, draw_bars), *pixels(), f"{metric} by method. {means(metric)}.", metric)
        for metric in metrics
    ]


def pixels() -> tuple[int, int]:
    """Width and height at which a picture's letters have the size of the page's."""
    return round(WIDTH * 96), round(HEIGHT * 96)


def told(methods: Sequence[Method], metric: str) -> str:
    """A curve in words: where each run begins and ends."""
    sentences = []
    for method in methods:
        for run in method.runs:
            curve = run.curves.get(metric, {})
            if curve:
                first, last = min(curve), max(curve)
                sentences.append(
                    f"{run.name}: from {curve[first]:.4g} in epoch {first:g} to {curve[last]:.4g} in epoch {last:g}"
                )
    return "; ".join(sentences) + "."


def svg(methods: Sequence[Method], metric: str, draw: Callable[[Any, Sequence[Method], str], None]) -> str:
    """One small picture as a data: address; its letters stay letters."""
    plt = pyplot()
    style = dict.fromkeys(PARTS, INK) | {
        "svg.fonttype": "none",
        "svg.hashsalt": metric,
        "axes.prop_cycle": plt.cycler(color=COLOURS),
        "axes.facecolor": "none",
        "legend.framealpha": 0.0,
        "legend.loc": "upper right",  # to look for the best place takes long
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with plt.rc_context(style):
        picture, axis = plt.subplots(figsize=(WIDTH, HEIGHT))
        draw(axis, methods, metric)
        axis.tick_params(labelsize=9)
        if sum(len(method.runs) for method in methods) == 1 and (legend := axis.get_legend()) is not None:
            legend.remove()
        picture.tight_layout()
        buffer = io.StringIO()
        picture.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        plt.close(picture)
    text = buffer.getvalue().replace("#000000", INK).replace(INK, "var(--ink)")
    start = text.index("<svg")
    opened = text.index(">", start) + 1
    return data_address((text[start:opened] + STYLE + text[opened:]).encode(), "image/svg+xml")
