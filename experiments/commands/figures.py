"""`threefold figures`: what the models that come with the program make, as a picture for each family."""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands import pipeline, train_clothing
from experiments.commands.parsing import call
from experiments.errors import UserError
from experiments.shipped import METHODS, shipped_run

FIGURES = Path(__file__).parent.parent / "results" / "figures"
SHOWN = 2
"""Reconstructions in a figure."""
FACE_SIZE, BODY_SIZE, CLOTHING_HEIGHT = 384, 512, 256
"""Of the synthetic photographs, in pixels; larger than those of training, as photographs are."""


def figures(
    out: Path = FIGURES,
    work: Path = Path("runs/figures"),
    photo: Path | None = None,
    only: str | None = None,
    seed: int = 1001,
) -> None:
    """Photographs people who do not exist, reconstructs them with the models that come with the program, and writes
    OUT/face.png, clothing.png and body.png: input, overlay, mesh, detail or texture, other views.

    Args:
        out: folder for the figures.
        work: folder for the photographs and reconstructions; what is there already is not made again.
        photo: photograph of a face to show first.
        only: face, clothing or body: the one to make.
        seed: of the people; training uses others.
    """
    if only is not None and only not in METHODS:
        raise UserError(f"--only {only} is no method; expected one of {', '.join(METHODS)}")
    if photo is not None and not photo.is_file():
        raise UserError(f"--photo {photo} does not exist; give a photograph of a face")
    chosen = METHODS if only is None else (only,)
    for method in chosen:
        shipped_run(method)
    if "face" in chosen:
        finish("face", faces(work, photo, seed), out)
    if "clothing" in chosen:
        finish("clothing", clothing(work, seed), out)
    if "body" in chosen:
        finish("body", bodies(work, seed), out)


def faces(work: Path, photo: Path | None, seed: int) -> list[Path]:
    """The reconstructions to show."""
    data = work / "faces"
    if not (data / "split.txt").is_file():
        words = ("--num", SHOWN, "--images_per_identity", 1, "--size", FACE_SIZE, "--seed", seed)
        pipeline.threefold("synthesize", "faces", "--out", data, *words)
    pictures = sorted((data / "images").iterdir())[: SHOWN if photo is None else SHOWN - 1]
    shown = work / "face"
    # where they are is given: the detector knows photographs, and overlooks some synthetic faces
    where = ("--landmarks", data / "landmarks")
    pipeline.threefold("reconstruct", *pictures, "--method", "face", "--out", shown, *where)
    if photo is None:
        return [shown / path.stem for path in pictures]
    pipeline.threefold("reconstruct", photo, "--method", "face", "--out", work / "photo")
    return [work / "photo" / photo.stem, *(shown / path.stem for path in pictures)]


def clothing(work: Path, seed: int) -> list[Path]:
    data, shown = work / "garments", work / "clothing"
    if not (data / "hq" / "subjects.csv").is_file():
        words = ("--num", 8, "--views", 1, "--held_out", 0.4, "--height", CLOTHING_HEIGHT, "--seed", seed)
        pipeline.threefold("synthesize", "garments", "--out", data, *words)
    pictures, masks = train_clothing.write_examples(data, shown / "photographs")
    pictures = pictures[:SHOWN]
    pipeline.threefold("reconstruct", *pictures, "--method", "clothing", "--out", shown, "--mask", masks)
    return [shown / path.stem for path in pictures]


def bodies(work: Path, seed: int) -> list[Path]:
    data, shown = work / "bodies", work / "body"
    if not (data / "test.txt").is_file():
        words = ("--num", 3, "--yaws", 1, "--size", BODY_SIZE, "--seed", seed, "--family", "standing")
        pipeline.threefold("synthesize", "bodies", "--out", data, *words)
    folders = []
    for person in sorted((data / "RENDER").iterdir())[:SHOWN]:
        (picture,) = sorted(person.glob("0_0_00.*"))
        mask = data / "MASK" / person.name / f"{picture.stem}.png"
        target = shown / person.name
        pipeline.threefold("reconstruct", picture, "--method", "body", "--out", target, "--mask", mask)
        folders.append(target / picture.stem)
    return folders


def finish(method: str, folders: Sequence[Path], out: Path) -> None:
    from experiments.figures import write_figure

    path = out / f"{method}.png"
    write_figure(method, folders, path)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def run(verb: str, arguments: Sequence[str]) -> int:
    call(figures, arguments, verb=verb)
    return 0
