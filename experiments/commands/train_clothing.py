"""`threefold train-clothing`: the whole way from nothing to textured clothing, as a list of ordinary commands."""

import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.commands import pipeline
from experiments.commands.parsing import call
from experiments.commands.pipeline import Method, columns, metrics_of, number, provenance
from experiments.errors import UserError

CONFIGS = Path(__file__).parent.parent / "configs" / "clothing"
SHOWN = 5
"""Test subjects that are reconstructed for looking."""
BATCH_SIZE = 16
"""Of the recipes, over all processes."""

METHOD = Method("3D Magic Mirror", "clothing", "small.yaml")
BASELINE = Method("SMR", "clothing-smr", "smr_small.yaml")
COLUMNS = {
    "mask_iou": "MaskIoU",
    "mask_iou_soft": "soft",
    "ssim": "SSIM",
    "iou_volume": "3D IoU",
    "chamfer_percent": "Chamfer %",
    "azimuth_error_gauge_degrees": "azimuth °",
    "elevation_error_degrees": "elevation °",
    "distance_error_percent": "distance %",
    "visible_colour_error_grey": "seen side",
    "hidden_colour_error_grey": "hidden side",
}
"""Of the test's measures those that the closing table shows, and their headings."""


def train_clothing(
    out: Path = Path("runs"),
    data: Path = Path("data/garments"),
    num: int = 3000,
    seed: int = 0,
    max_steps: int | None = None,
    baseline: bool = False,
) -> None:
    """Synthesizes photographs of dressed people with their outlines, trains on them without looking at their 3D truth,
    measures the run on unseen people against that truth, reconstructs some of them, puts everybody's texture on
    everybody's shape, and shows how the template grew.

    What is finished is not done again: an interrupted command goes on where it stopped.

    Args:
        out: folder for the runs and reconstructions.
        data: folder for the synthetic data set; made when it is not there.
        num: synthetic pictures, 8 of each person.
        seed: of data and training.
        max_steps: ends every training after so many steps, to see whether the machinery works.
        baseline: trains the method's predecessor SMR (a template that stays, no interventions) for comparison, at the
            same time where there are two cores.
    """
    started = time.time()
    limit = [] if max_steps is None else ["--trainer.max_steps", max_steps]
    # the file that is written last: an interrupted data set is completed
    if not (data / "hq" / "subjects.csv").is_file():
        pipeline.threefold("synthesize", "garments", "--out", data, "--num", num, "--seed", seed)
    methods = (METHOD, BASELINE) if baseline else (METHOD,)
    trainings = []
    # two methods take a core each
    shared = pipeline.over_both_cores(BATCH_SIZE) if len(methods) == 1 else []
    for method in methods:
        words = pipeline.training(out / method.run, CONFIGS / method.recipe, data, seed, *shared, *limit)
        if words is not None:
            trainings.append((words, out / method.run))
    pipeline.together(trainings, out / "logs", "fit")
    untested = [out / method.run for method in methods if not pipeline.tested(out / method.run)]
    tests = [(["test", "--run", run, "--data.init_args.root", data], run) for run in untested]
    pipeline.together(tests, out / "logs", "test")
    for method in methods:
        pipeline.keep_test(out / method.run, out / f"{method.run}-synthetic.json")

    shown = out / "reconstructions"
    failed = []
    pictures, masks = write_examples(data, shown / "photographs")
    if pipeline.attempt("reconstruct", *pictures, "--mask", masks, "--run", out / METHOD.run, "--out", shown):
        failed.append(shown)
    if pipeline.attempt("animate", "--run", out / METHOD.run, "--out", shown / "template"):
        failed.append(shown / "template")
    print(summary(out, time.time() - started, failed))


def write_examples(data: Path, folder: Path) -> tuple[list[Path], Path]:
    """A picture of each of some unseen people, and the folder of their masks, named alike for `threefold reconstruct`.

    Raises UserError when the data set has no test pictures.
    """
    from datamodules.market_hq import market_hq_layout, stem_of

    tests = [record for record in market_hq_layout(data).records if record.part == "test"]
    people = sorted({record.group for record in tests})[:SHOWN]
    if not people:
        raise UserError(f"{data} has no test pictures; delete it and run the command again")
    masks = folder / "masks"
    masks.mkdir(parents=True, exist_ok=True)
    pictures = []
    for place, person in enumerate(people):
        own = [record for record in tests if record.group == person]
        record = own[place % len(own)]  # not everybody from the same side
        stem = stem_of(record.picture)
        pictures.append(folder / f"{stem}{record.picture.suffix}")
        shutil.copyfile(record.picture, pictures[-1])
        shutil.copyfile(record.mask, masks / f"{stem}.png")
    return pictures, masks


def summary(out: Path, seconds: float, failed: Sequence[Path] = ()) -> str:
    """What was measured, what could not be made and where the files are."""
    failures = [f"\nnot made, for the reason given above: {', '.join(map(str, failed))}"] if failed else []
    return "\n".join(["", f"done in {seconds / 60:.1f} minutes", "", *table(out), *failures, *whereabouts(out)])


def table(out: Path) -> Iterator[str]:
    """A row for each method that was tested."""
    tested = [(method, metrics_of(out / method.run).get("test", {})) for method in (METHOD, BASELINE)]
    rows = []
    for method, measured in tested:
        if measured:
            fit = provenance(out / method.run).get("fit", {})
            figures = ["" if (value := measured.get(f"test/{name}")) is None else number(value) for name in COLUMNS]
            rows.append((method.name, [*figures, number(fit.get("seconds")), str(fit.get("steps", ""))]))
    if not rows:
        return
    pictures = next((found["test/pictures"] for _, found in tested if "test/pictures" in found), None)
    yield f"{'unseen people' if pictures is None else f'{pictures:.0f} pictures of unseen people'}:"
    headings = [*COLUMNS.values(), "seconds", "steps"]
    yield from columns(headings, rows)
    yield "  (3D IoU and Chamfer after similarity alignment with the true shape; sides: mean colour error, grey levels;"
    yield "  azimuth after the best common turn, or turn and mirror image, which outlines alone cannot tell)"


def whereabouts(out: Path) -> Iterator[str]:
    yield "\nfiles:"
    shown = out / "reconstructions"
    for path, what in (
        (shown, "meshes, overlays, turntables: open */strip.png, mesh.glb and tryon.png"),
        (shown / "template", "template.gif: how the template grew"),
        (out / METHOD.run, "run: the one to give to `threefold reconstruct --run`"),
        (out / BASELINE.run, "run of the baseline"),
    ):
        if path.is_dir():
            yield f"  {path!s:<28} {what}"


def run(verb: str, arguments: Sequence[str]) -> int:
    call(train_clothing, arguments, verb=verb)
    return 0
