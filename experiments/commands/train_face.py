"""`threefold train-face`: the whole way from nothing to textured faces, as a list of ordinary commands."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from experiments.commands import pipeline
from experiments.commands.parsing import call
from experiments.commands.pipeline import best, number
from experiments.errors import UserError, one_line

if TYPE_CHECKING:
    from datamodules.face_records import FaceRecord

CONFIGS = Path(__file__).parent.parent / "configs" / "faces"
PICTURE_SIZE = 192
SHOWN = 3
"""Synthetic test pictures that are reconstructed for looking."""
SHOWN_PHOTOS = 8
DETECTOR = "experiments.reconstruction.face_detection.find_face"


def train_face(
    out: Path = Path("runs"),
    data: Path = Path("data/faces"),
    photos: Path | None = None,
    num: int = 3000,
    seed: int = 0,
    max_steps: int | None = None,
) -> None:
    """Synthesizes faces, trains the coarse and the detailed stage on them, measures both on unseen faces and
    reconstructs sample pictures. With --photos it goes on to train on a folder of photographs without any 3D truth, and
    measures the fifth of them that it held out before and after.

    What is finished is not done again: an interrupted command goes on where it stopped.

    Args:
        out: folder for the runs and reconstructions.
        data: folder for the synthetic data set; made when it is not there.
        photos: folder of photographs of faces, with or without landmarks/, masks/ and boxes.json.
        num: synthetic pictures.
        seed: of data and training.
        max_steps: ends every training after so many steps, to see whether the machinery works.
    """
    if photos is not None:
        require_photographs(photos)
    started = time.time()
    limit = [] if max_steps is None else ["--trainer.max_steps", max_steps]
    coarse, detail = out / "face-coarse", out / "face-detail"

    if not (data / "split.txt").is_file():
        pipeline.threefold("synthesize", "faces", "--out", data, "--num", num, "--size", PICTURE_SIZE, "--seed", seed)
    pipeline.train(coarse, CONFIGS / "coarse_small.yaml", data, seed, *limit)
    begun = ["--model.init_args.coarse_checkpoint", best(coarse)]
    pipeline.train(detail, CONFIGS / "detail_small.yaml", data, seed, *begun, *limit)
    for run in (coarse, detail):
        test(run, data, out / f"{run.name}-synthetic.json")
    pictures = [record.picture for record in held_out(data, "test")[:SHOWN]]
    # where the faces are is given: the detector knows photographs, and overlooks some synthetic faces
    where = ["--landmarks", data / "landmarks"]
    shown = out / "reconstructions" / "synthetic"
    pipeline.threefold("reconstruct", *pictures, "--run", detail, "--out", shown, *where)

    if photos is not None:
        train_on_photos(out, photos, seed, limit)
    print(summary(out, time.time() - started))


def train_on_photos(out: Path, photos: Path, seed: int, limit: Sequence[object]) -> None:
    """Self-supervised training on real photographs, begun at the synthetic-only runs, judged on the held-out fifth."""
    coarse, detail = out / "face-coarse-photos", out / "face-detail-photos"
    limit = [*detection(photos), *limit]
    for name in ("face-coarse", "face-detail"):
        test(out / name, photos, out / f"{name}-photos-before.json", *detection(photos))
    start = ["--model.init_args.initial_checkpoint", best(out / "face-coarse")]
    pipeline.train(coarse, CONFIGS / "coarse_photos.yaml", photos, seed, *start, *limit)
    begun = ["--model.init_args.coarse_checkpoint", best(coarse)]
    pipeline.train(detail, CONFIGS / "detail_photos.yaml", photos, seed, *begun, *limit)
    for run in (coarse, detail):
        test(run, photos, out / f"{run.name}-after.json", *detection(photos))
    shown = held_out(photos, "test")[:SHOWN_PHOTOS]
    for run, folder in ((out / "face-detail", "photos-before"), (detail, "photos")):
        for words in located(shown, photos):
            pipeline.threefold("reconstruct", *words, "--run", run, "--out", out / "reconstructions" / folder)


def require_photographs(photos: Path) -> None:
    """Names every photograph that training would stumble over, before the hour of work that comes first.

    Raises:
        UserError: there are such photographs, or too few.
    """
    from datamodules.face_folder import FaceFolder
    from experiments.reconstruction.face_detection import find_face

    if not photos.is_dir():
        raise UserError(f"--photos {photos} is no folder; give a folder of photographs of faces")
    faces = FaceFolder(photos, find_face=find_face)
    problems = []
    for index in tqdm(range(len(faces)), desc="photographs", unit="picture"):
        try:
            faces[index]
        except (ValueError, OSError) as error:
            problems.append(one_line(str(error)))
    if problems:
        sys.stderr.write("".join(f"cannot be used: {problem}\n" for problem in problems))
        raise UserError(
            f"{len(problems)} of {len(faces)} photographs in {photos} cannot be used, the first: {problems[0]}; "
            "take them out of the folder or put their landmarks into landmarks/ or their boxes into boxes.json"
        )
    for split in ("train", "val", "test"):
        if not FaceFolder(photos, split=split).positions:
            raise UserError(
                f"{photos} has {len(faces)} photograph(s) and none for the split {split}; add some or mend split.txt"
            )


def located(records: Sequence["FaceRecord"], photos: Path) -> Iterator[list[object]]:
    """Words for `threefold reconstruct` that say where the faces are, as far as the folder knows it."""
    marked = [record.picture for record in records if record.landmarks is not None]
    if marked:
        yield [*marked, "--landmarks", photos / "landmarks"]
    for record in records:
        if record.landmarks is None and record.box is not None:
            left, top, right, bottom = record.box
            yield [record.picture, "--box", left, top, right - left, bottom - top]
    unknown = [record.picture for record in records if record.landmarks is None and record.box is None]
    if unknown:
        yield [*unknown]


def test(run: Path, data: Path, result: Path, *more: object) -> None:
    """Measures a run on the test split of a data set; the numbers go to a file of their own as well."""
    pipeline.threefold("test", "--run", run, "--data.init_args.root", data, *more)
    pipeline.keep_test(run, result)


def detection(data: Path) -> list[str]:
    """The detector, where a photograph has neither landmarks nor a box."""
    from datamodules.face_records import face_records

    known = all(record.landmarks is not None or record.box is not None for record in face_records(data))
    return [] if known else ["--data.init_args.find_face", DETECTOR]


def held_out(data: Path, split: str) -> list["FaceRecord"]:
    """Pictures of a split and what belongs to them, in order."""
    from datamodules.face_folder import FaceFolder

    faces = FaceFolder(data, split=split)  # type: ignore[arg-type]
    return [faces.records[position] for position in faces.positions]


def summary(out: Path, seconds: float) -> str:
    """What was measured and where the files are."""
    return "\n".join(
        ["", f"done in {seconds / 60:.1f} minutes", *measured(out), *before_and_after(out), *whereabouts(out)]
    )


def measured(out: Path) -> Iterator[str]:
    for name, what in (("face-coarse", "coarse stage"), ("face-detail", "detailed stage")):
        path = out / f"{name}-synthetic.json"
        if path.is_file():
            yield f"\n{what} on unseen synthetic faces:"
            yield from (f"  {metric:<48} {number(value)}" for metric, value in json.loads(path.read_text()).items())


def before_and_after(out: Path) -> Iterator[str]:
    for name, what in (("face-coarse", "coarse stage"), ("face-detail", "detailed stage")):
        first, then = out / f"{name}-photos-before.json", out / f"{name}-photos-after.json"
        if first.is_file() and then.is_file():
            before, after = json.loads(first.read_text()), json.loads(then.read_text())
            yield f"\n{what} on held-out photographs:{'':<22} synthetic only   with photographs"
            for metric in before:
                yield f"  {metric:<48} {number(before[metric]):>12} {number(after.get(metric)):>17}"


def whereabouts(out: Path) -> Iterator[str]:
    yield "\nfiles:"
    for path, what in (
        (out / "reconstructions", "meshes, textures, overlays and turntables: open */*/overlay.png and fine.glb"),
        (out / "face-coarse", "run: config.yaml, metrics.csv, panels/, checkpoints/"),
        (out / "face-detail", "run: the one to give to `threefold reconstruct --run`"),
        (out / "face-detail-photos", "run trained on your photographs: the better one for photographs"),
    ):
        if path.is_dir():
            yield f"  {path!s:<28} {what}"


def run(verb: str, arguments: Sequence[str]) -> int:
    call(train_face, arguments, verb=verb)
    return 0
