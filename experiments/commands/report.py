"""`threefold report`: one page about runs, whole in one file."""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands.parsing import call
from experiments.compared_runs import read_run
from experiments.comparison import methods_of
from experiments.comparison_tables import every_table
from experiments.errors import UserError
from experiments.quoted_results import Paper
from experiments.report.page import Choices, page_of
from experiments.report.run_contents import RunContents, contents_of
from models.geometry.atomic import replace_when_complete

MOST_BYTES = 15_000_000
SUFFIXES = (".html", ".htm")


def report(
    runs: list[str],
    out: Path,
    *,
    methods: list[str] | None = None,
    paper: Paper | None = None,
    cases: int = 3,
    by: str | None = None,
    data: Path | None = None,
    meshes: list[Path] | None = None,
) -> None:
    """Writes one page about runs that opens in any browser without a network: command, commit, hardware, data and
    configuration, figures with their spread over seeds and the paper's rows marked as quoted, curves, panels over
    training, the best and worst test samples, and meshes to turn with the mouse. What a run does not hold is said in a
    sentence.

    Args:
        runs: folders that `threefold fit` has written, finished or not; also what `threefold compare` takes.
        out: the file, such as report.html.
        methods: the method of each run, one name a run; see `threefold compare`.
        paper: whose rows stand beside; without it those that belong to the layout of the runs' data.
        cases: so many best and worst test samples of every run are drawn, by its checkpoint from its data; 0 draws
            none.
        by: the figure of test_samples.csv that they are ranked by, such as iou_volume.
        data: where the runs' data are now, when not where they were.
        meshes: further meshes for the page: glb, obj or ply, such as those of `threefold reconstruct`.
    """
    require_wishes(runs, out, methods, cases, meshes or [])
    compared = [read_run(run, unfinished=True) for run in runs]
    contents = [contents_of(run) for run in compared]
    grouped = methods_of(compared, methods)
    shown = sorted({metric for run in compared for metric in run.figures})
    tables = every_table(compared, grouped, shown, named=methods is not None, paper=paper or shared_paper(contents))
    choices = Choices(cases, by, data, tuple(meshes or ()))
    page = page_of(contents, grouped, tables, choices).encode("utf-8")
    if len(page) > MOST_BYTES:
        raise UserError(
            f"report: the page would have {len(page) / 1e6:.0f} MB, and 15 are meant to be enough; give fewer runs"
        )
    with replace_when_complete(out) as (unfinished,):
        unfinished.write_bytes(page)
    print(f"{out}: {len(page) / 1e6:.1f} MB about {len(runs)} run{'s' if len(runs) > 1 else ''}; open it in a browser")


def require_wishes(runs: list[str], out: Path, methods: list[str] | None, cases: int, meshes: list[Path]) -> None:
    """Raises UserError for what cannot be, before any work."""
    if out.suffix.lower() not in SUFFIXES or out.is_dir():
        raise UserError(f"report: --out {out} is no name for a page; give a file that ends in .html")
    if methods is not None and len(methods) != len(runs):
        raise UserError(f"report: --methods has {len(methods)} names for {len(runs)} runs; give one name for each run")
    if cases < 0:
        raise UserError(f"report: --cases is {cases}; give 0 or more")
    for mesh in meshes:
        if not mesh.is_file():
            raise UserError(f"report: {mesh} does not exist; give --meshes files that end in .glb, .obj or .ply")


def shared_paper(runs: Sequence[RunContents]) -> Paper | None:
    """The paper whose data all of the runs have, by their layout; None where there is none, or nothing was tested."""
    papers: list[Paper | None] = [run.paper for run in runs]
    tested = any(name.startswith("test/") for run in runs for name in run.compared.figures)
    return papers[0] if tested and all(paper == papers[0] for paper in papers) else None


def run(verb: str, arguments: Sequence[str]) -> int:
    call(report, arguments, verb=verb)
    return 0
