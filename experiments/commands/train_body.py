"""`threefold train-body`: the whole way from nothing to coloured bodies, as a list of ordinary commands."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.commands import pipeline
from experiments.commands.parsing import call
from experiments.commands.pipeline import Method, columns, metrics_of, number, provenance
from experiments.errors import UserError

CONFIGS = Path(__file__).parent.parent / "configs" / "bodies"
PEOPLE = 120
PICTURE_SIZE = 128
LIGHTS = 2
HELD_OUT = 0.125
"""Share of the people for validation, and as many for the test."""
SHOWN = 3
"""Test subjects that are reconstructed for looking."""
TURNS_DEGREES = (0, 90, 180, 270)
"""From where the reconstructed test subjects are seen, as in training: four pictures around the person."""
EXTENT_CM = 204.8
"""What the synthetic pictures show."""


METHODS = (
    Method("PIFu", "body-pifu", "pifu_small.yaml"),
    Method("multi-scale", "body-multiscale", "multiscale_small.yaml"),
)
SINGLE = Method("PIFu, one picture", "body-single", "pifu_small.yaml")
ONE_PICTURE = ("--data.init_args.views", 1, "--data.init_args.batch_size", 4)
COLUMNS = {
    "iou_volume": "IoU",
    "p2s_cm": "P2S cm",
    "p2s_cm_median": "median",
    "chamfer_l1_cm": "Chamfer cm",
    "chamfer_l2_cm2": "L2 cm²",
    "normal_error_degrees": "normals °",
    "bands_c1": "c1",
    "bands_c2": "c2",
    "bands_c3": "c3",
    "failures": "failed",
}
"""Of the test's measures those that the closing table shows, and their headings."""


def train_body(
    out: Path = Path("runs"),
    data: Path = Path("data/bodies"),
    picture: Path | None = None,
    num: int = PEOPLE,
    seed: int = 0,
    max_steps: int | None = None,
) -> None:
    """Synthesizes clothed people, trains PIFu and the multi-scale network on four pictures of each, at the same time
    where there are two cores, measures both and the visual hull on unseen people, and reconstructs some of them. With
    --picture it also trains PIFu on single pictures, some minutes more, and reconstructs that person.

    What is finished is not done again: an interrupted command goes on where it stopped.

    Args:
        out: folder for the runs and reconstructions.
        data: folder for the synthetic data set; made when it is not there.
        picture: photograph of an upright person.
        num: synthetic people, of whom three quarters are trained on.
        seed: of data and training.
        max_steps: ends every training after so many steps, to see whether the machinery works.
    """
    if picture is not None and not picture.is_file():
        raise UserError(f"--picture {picture} does not exist; give a photograph of an upright person")
    started = time.time()
    limit = [] if max_steps is None else ["--trainer.max_steps", max_steps]
    synthesize_people(data, num, seed)

    runs = [out / method.run for method in METHODS]
    recipes = [CONFIGS / method.recipe for method in METHODS]
    trainings = [pipeline.training(run, recipe, data, seed, *limit) for run, recipe in zip(runs, recipes)]
    pipeline.together([(words, run) for words, run in zip(trainings, runs) if words is not None], out / "logs", "fit")
    untested = [run for run in runs if not pipeline.tested(run)]
    # the hull is the same for all: once is enough
    hulls = [() if run == runs[0] else ("--model.init_args.test_hull", "false") for run in untested]
    tests = [["test", "--run", run, "--data.init_args.root", data, *hull] for run, hull in zip(untested, hulls)]
    pipeline.together(list(zip(tests, untested)), out / "logs", "test")
    for run in runs:
        pipeline.keep_test(run, out / f"{run.name}-synthetic.json")

    # a network that finds nobody is no reason to withhold the table
    reconstructions = out / "reconstructions"
    failed = []
    for views in write_views(data, reconstructions / "views"):
        if pipeline.attempt("reconstruct", "--views", views, "--run", runs[-1], "--out", reconstructions):
            failed.append(views)
    if picture is not None:
        single = out / SINGLE.run
        pipeline.train(single, CONFIGS / SINGLE.recipe, data, seed, *ONE_PICTURE, *limit)
        if pipeline.attempt("reconstruct", picture, "--run", single, "--out", reconstructions):
            failed.append(picture)
    print(summary(out, time.time() - started, failed))


def synthesize_people(data: Path, num: int, seed: int) -> None:
    """The data set, where it is not there yet."""
    if not (data / "test.txt").is_file():
        people = ("--num", num, "--lights", LIGHTS, "--held_out", HELD_OUT, "--size", PICTURE_SIZE, "--seed", seed)
        pipeline.threefold("synthesize", "bodies", "--out", data, *people)


def write_views(data: Path, folder: Path) -> list[Path]:
    """One file for each shown test subject that says where its pictures were taken from; see `threefold reconstruct
    --views`.

    Raises:
        UserError: the data set has no test subjects, or other pictures than these.
    """
    subjects = (data / "test.txt").read_text().split()[:SHOWN]
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for subject in subjects:
        entries = [view_entry(data, subject, yaw) for yaw in TURNS_DEGREES]
        path = folder / f"{subject}.json"
        path.write_text(json.dumps({"views": entries}, indent=1) + "\n")
        files.append(path)
    if not files:
        raise UserError(f"{data / 'test.txt'} names no subjects; delete {data} and run the command again")
    return files


def view_entry(data: Path, subject: str, yaw: int) -> dict[str, object]:
    from PIL import Image

    found = sorted((data / "RENDER" / subject).glob(f"{yaw}_0_00.*"))
    if not found:
        raise UserError(f"{data / 'RENDER' / subject} has no picture at {yaw} degrees; delete {data} and run again")
    with Image.open(found[0]) as picture:
        side = picture.width
    mask = data / "MASK" / subject / f"{found[0].stem}.png"
    place = {"center": [side / 2, side / 2], "pixels_per_cm": side / EXTENT_CM}
    return {"picture": str(found[0].resolve()), "mask": str(mask.resolve()), "yaw": yaw, **place}


def summary(out: Path, seconds: float, failed: Sequence[Path] = ()) -> str:
    """What was measured, what could not be reconstructed and where the files are."""
    failures = [f"\nnot reconstructed, for the reason given above: {', '.join(map(str, failed))}"] if failed else []
    return "\n".join(["", f"done in {seconds / 60:.1f} minutes", "", *table(out), *failures, *whereabouts(out)])


def table(out: Path) -> Iterator[str]:
    """A row for the visual hull of the same masks, and one for each method."""
    headings = [*COLUMNS.values(), "seconds", "steps"]
    rows: list[tuple[str, list[str]]] = []
    for method in METHODS:
        measured = metrics_of(out / method.run).get("test", {})
        if not measured:
            continue
        if not rows:
            rows.append(("visual hull", [*hull_figures(measured), "", ""]))
        fit = provenance(out / method.run).get("fit", {})
        figures = [number(measured.get(f"test/{name}")) for name in COLUMNS]
        rows.append((method.name, [*figures, number(fit.get("seconds")), str(fit.get("steps", ""))]))
    if not rows:
        return
    bodies = metrics_of(out / METHODS[0].run).get("test", {}).get("test/bodies")
    yield f"{'unseen people' if bodies is None else f'{bodies:.0f} unseen people'}, four pictures of each:"
    yield from columns(headings, rows)
    yield "  (c1..c3: recovery of folds of 11, 4 and 1.4 cm, 1 is all of them; normals: from four sides)"


def hull_figures(measured: dict[str, float]) -> list[str]:
    found = [measured.get(f"test/hull_{name}") for name in COLUMNS]
    return ["" if value is None else number(value) for value in found]


def whereabouts(out: Path) -> Iterator[str]:
    yield "\nfiles:"
    for path, what in (
        (out / "reconstructions", "meshes, overlays and turntables: open */strip.png and mesh.glb"),
        (out / "body-pifu", "run: config.yaml, metrics.csv, panels/, checkpoints/"),
        (out / "body-multiscale", "run: the one to give to `threefold reconstruct --run`, with four pictures"),
        (out / "body-single", "run: the one for single pictures"),
    ):
        if path.is_dir():
            yield f"  {path!s:<28} {what}"


def run(verb: str, arguments: Sequence[str]) -> int:
    call(train_body, arguments, verb=verb)
    return 0
