"""`threefold weights`: the three models that come with the program, from nothing, as a list of ordinary commands."""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands import pipeline, train_body
from experiments.commands.parsing import call
from experiments.errors import UserError
from experiments.shipped import METHODS, WEIGHTS


def weights(
    out: Path = Path("runs"),
    data: Path = Path("data"),
    weights: Path = WEIGHTS,
    photos: Path | None = None,
    only: str | None = None,
    seed: int = 0,
    num: int | None = None,
    max_steps: int | None = None,
) -> None:
    """Trains one small model for faces, one for clothing and one for bodies from one picture, each on synthetic data
    and faces, with --photos, on photographs as well; exports them in half precision and tests what was exported.

    What is finished is not trained again: an interrupted command goes on where it stopped.

    Args:
        out: folder for the runs.
        data: folder for the synthetic data sets; made where they are not there.
        weights: folder of the exported models.
        photos: folder of photographs of faces, see train-face.
        only: face, clothing or body: the one to make.
        seed: of data and trainings.
        num: synthetic pictures or people of each data set; that of the training commands when not given.
        max_steps: ends every training after so many steps, to see whether the machinery works.
    """
    if only is not None and only not in METHODS:
        raise UserError(f"--only {only} is no method; expected one of {', '.join(METHODS)}")
    if photos is not None and not photos.is_dir():
        raise UserError(f"--photos {photos} is no folder; give a folder of photographs of faces")
    limit = [] if max_steps is None else ["--max_steps", max_steps]
    size = [] if num is None else ["--num", num]
    chosen = METHODS if only is None else (only,)
    if "face" in chosen:
        with_photos = [] if photos is None else ["--photos", photos]
        words = ("--out", out, "--data", data / "faces", "--seed", seed, *size, *limit, *with_photos)
        pipeline.threefold("train-face", *words)
        run, tests = out / "face-detail", [data / "faces"]
        if photos is not None:
            run, tests = out / "face-detail-photos", [data / "faces", photos]
        pipeline.threefold("export", run, "--out", weights / "face", "--data", *tests)
    if "clothing" in chosen:
        words = ("--out", out, "--data", data / "garments", "--seed", seed, *size, *limit)
        pipeline.threefold("train-clothing", *words)
        exported = ("--out", weights / "clothing", "--data", data / "garments")
        pipeline.threefold("export", out / "clothing", *exported)
    if "body" in chosen:
        people, single = data / "bodies", train_body.SINGLE
        train_body.synthesize_people(people, train_body.PEOPLE if num is None else num, seed)
        shortened = [] if max_steps is None else ["--trainer.max_steps", max_steps]
        recipe = train_body.CONFIGS / single.recipe
        pipeline.train(out / single.run, recipe, people, seed, *train_body.ONE_PICTURE, *shortened)
        pipeline.threefold("export", out / single.run, "--out", weights / "body", "--data", people)


def run(verb: str, arguments: Sequence[str]) -> int:
    call(weights, arguments, verb=verb)
    return 0
