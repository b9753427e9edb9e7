"""The page: all parts gathered, and put into the template with everything from files escaped."""

import base64
import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from experiments.comparison import Method
from experiments.comparison_plots import chosen
from experiments.comparison_tables import Table
from experiments.quoted_results import TABLES
from experiments.report.cases import PREFERRED, Cases, ranked_cases
from experiments.report.curves import bar_pictures, curve_pictures
from experiments.report.meshes import Meshes, viewable_meshes
from experiments.report.origins import Origin, origins_of
from experiments.report.panels import columns_of, panel_gallery
from experiments.report.pictures import Gallery, Picture, Room
from experiments.report.run_contents import RunContents, differing_settings
from experiments.three_js import three_js
from lightning_modules.callbacks.provenance import command, commit

PAGE = Path(__file__).parent / "page"
MEBIBYTE = 2**20
PICTURE_ROOM, MESH_ROOM = 7 * MEBIBYTE, 5 * MEBIBYTE
"""Of a page below 15 MB; three.js takes 0.7, curves and text the rest."""
LEADING_FIGURES = {column.ours for table in TABLES.values() for column in table.columns} | set(PREFERRED)


class Choices(NamedTuple):
    """What the reader of a page asked for."""

    cases: int = 3
    by: str | None = None
    data: Path | None = None
    meshes: tuple[Path, ...] = ()
    plots: bool = True
    metrics: tuple[str, ...] | None = None


class RunPart(NamedTuple):
    """What the page shows of one run."""

    anchor: str
    contents: RunContents
    origins: list[Origin]
    columns: str
    panels: Gallery
    cases: Cases
    meshes: Meshes


class Plots(NamedTuple):
    bars: list[Picture]
    """The figures that papers print and samples are ranked by."""
    other_bars: list[Picture]
    leading: list[Picture]
    """What was validated, and the training loss."""
    others: list[Picture]


def page_of(runs: Sequence[RunContents], methods: Sequence[Method], tables: Sequence[Table], choices: Choices) -> str:
    """The whole page as text.

    Raises:
        UserError: a wish that cannot be met, or matplotlib is missing.
    """
    import jinja2

    pictures, meshes = Room(PICTURE_ROOM), Room(MESH_ROOM)
    panels_each = 6 if len(runs) == 1 else 2
    parts = [
        RunPart(
            f"run-{place}",
            run,
            origins_of(run),
            columns_of(run),
            panel_gallery(run, panels_each, pictures),
            ranked_cases(run, choices.cases, choices.by, choices.data, pictures),
            viewable_meshes(run.meshes(), meshes),
        )
        for place, run in enumerate(runs)
    ]
    further = viewable_meshes(choices.meshes, meshes)
    scripts = []
    if further.shown or any(part.meshes.shown for part in parts):
        scripts = [three_js(), (PAGE / "viewer.js").read_text(encoding="utf-8")]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja").render(
        title=title_of(runs),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command=command(),
        commit=commit(),
        parts=parts,
        methods=methods,
        tables=tables,
        short=short_names(runs),
        plots=plots_of(methods, choices),
        plots_asked=choices.plots,
        differing=differing_settings(list(runs)),
        further=further,
        style=(PAGE / "page.css").read_text(encoding="utf-8"),
        scripts=scripts,
        script_sources=" ".join(f"'sha256-{digest(script)}'" for script in scripts) or "'none'",
    )


def short_names(runs: Sequence[RunContents]) -> dict[str, str]:
    """The runs' names without the folder that they share, for the heads of tables."""
    names = [run.name for run in runs]
    folders = [str(Path(name).parent) for name in names]
    if len(set(names)) < 2 or any(run.folder is None for run in runs):
        return {}
    shared = os.path.commonpath([os.path.abspath(folder) for folder in folders])
    return {name: os.path.relpath(os.path.abspath(name), shared) for name in names}


def title_of(runs: Sequence[RunContents]) -> str:
    """The runs' own names, as far as a title has room."""
    names = [Path(run.name).name or run.name for run in runs]
    if len(names) == 1:
        return names[0]
    return f"{len(names)} runs: {', '.join(names[:4])}{', …' if len(names) > 4 else ''}"


def plots_of(methods: Sequence[Method], choices: Choices) -> Plots:
    """Every curve; bars where there is more than one run."""
    if not choices.plots:
        return Plots([], [], [], [])
    figures, leading = chosen(methods, choices.metrics)
    every = {name for method in methods for run in method.runs for name in run.curves}
    others = sorted(every - set(leading)) if choices.metrics is None else []
    if sum(len(method.runs) for method in methods) == 1:
        figures = []
    first = [name for name in figures if name.removeprefix("test/") in LEADING_FIGURES] or figures[:6]
    return Plots(
        bar_pictures(methods, first),
        bar_pictures(methods, [name for name in figures if name not in first]),
        curve_pictures(methods, leading),
        curve_pictures(methods, others),
    )


def digest(script: str) -> str:
    """By which the page's policy knows its own scripts from any other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
