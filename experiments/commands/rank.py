"""`threefold rank`: the ranking of PIFu against the multi-scale network over seeds, as a list of ordinary commands."""

import json
from collections.abc import Sequence
from pathlib import Path

from experiments.commands import pipeline
from experiments.commands.parsing import call
from experiments.commands.train_body import COLUMNS, CONFIGS, HELD_OUT, LIGHTS, PICTURE_SIZE
from experiments.errors import UserError

SWEEP = CONFIGS.parent.parent / "sweeps" / "bodies_methods.yaml"
NAME = "bodies-methods"
SHOWN = (
    *(f"test/{name}" for name in COLUMNS),
    *("test/hull_iou_volume", "test/hull_p2s_cm", "test/hull_chamfer_l1_cm", "val/bce", "val/iou_points"),
)
"""In tables and plots; table.json has every figure of every run."""


def rank(
    out: Path = Path("runs"),
    data: Path = Path("data/bodies"),
    num: int = 120,
    jobs: int | None = None,
    max_steps: int | None = None,
) -> None:
    """Synthesizes clothed people, trains PIFu and the multi-scale network with three seeds each, an hour on two cores,
    measures all on unseen people, and writes the comparison: tables with spread and intervals, the paper's rows beside,
    and plots.

    What is finished is not done again: an interrupted command goes on where it stopped.

    Args:
        out: folder for the runs, in sweeps/, and the comparison, in comparison-bodies/.
        data: folder for the synthetic data set; made when it is not there.
        num: synthetic people, of whom three quarters are trained on.
        jobs: trainings at the same time; one a core up to two when left out.
        max_steps: ends every training after so many steps, to see whether the machinery works.
    """
    if not SWEEP.is_relative_to(Path.cwd()):
        raise UserError(
            f"rank: the recipes are given from {SWEEP.parents[2]}; change into that folder and run it again"
        )
    if not (data / "test.txt").is_file():
        people = ("--num", num, "--lights", LIGHTS, "--held_out", HELD_OUT, "--size", PICTURE_SIZE, "--seed", 0)
        pipeline.threefold("synthesize", "bodies", "--out", data, *people)
    side_by_side = min(2, pipeline.cores()) if jobs is None else jobs
    trials = ("--out", out / "sweeps", "--jobs", side_by_side, "--test", "true")
    more = [f"--data.init_args.root={data}"]
    if max_steps is not None:
        # an epoch that is cut short is not validated: here each has one batch
        one_batch = ("--trainer.limit_train_batches=1", "--trainer.check_val_every_n_epoch=1")
        more += [f"--trainer.max_steps={max_steps}", *one_batch]
    pipeline.threefold("sweep", SWEEP.relative_to(Path.cwd()), *trials, "--", *more)
    runs = sorted((out / "sweeps" / NAME).glob("[0-9]*"))
    methods = ("--methods", *(method_of(run) for run in runs))
    shown = ("--metrics", *(name for name in SHOWN if any(name in figures_of(run) for run in runs)))
    pipeline.threefold("compare", *runs, *methods, *shown, "--paper", "articulated", "--out", out / "comparison-bodies")


def figures_of(run: Path) -> dict[str, float]:
    """What was measured in training and test."""
    measured = pipeline.metrics_of(run)
    return {**measured.get("fit", {}), **measured.get("test", {})}


def method_of(run: Path) -> str:
    """The configuration's name without `_small`."""
    parameters = json.loads((run / "trial.json").read_text())["parameters"]
    return Path(parameters["config"]).stem.removesuffix("_small")


def run(verb: str, arguments: Sequence[str]) -> int:
    call(rank, arguments, verb=verb)
    return 0
