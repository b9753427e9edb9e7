"""A folder of photographs of synthetic garments, in the layout of one of the real data sets."""

import csv
import functools
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from datamodules.synthetic.folder_in_pieces import Progress, fill_folder
from datamodules.synthetic.garment_backgrounds import Scenery
from datamodules.synthetic.garment_cameras import CameraRanges, draw_camera
from datamodules.synthetic.garment_layouts import LATTICE, WRITERS, Layout, PictureName, picture_stem
from datamodules.synthetic.garment_photographs import photographs
from datamodules.synthetic.garment_subjects import Subject, draw_subject, random_of
from datamodules.synthetic.human_parameters import GENERATOR_VERSION

RECIPE = 1
"""Raise whenever the same settings would give other bytes."""
LEAST_HEIGHT = 32


@dataclass(frozen=True)
class LayoutRecipe:
    """How a layout's pictures are taken."""

    height: int
    """Of the pictures that the method trains on, in pixels."""
    width_share: float
    ranges: CameraRanges
    sceneries: dict[Scenery, float]
    views: int
    """Pictures of each subject."""
    subject: Subject


RECIPES: dict[Layout, LayoutRecipe] = {
    "market-hq": LayoutRecipe(
        height=128,
        width_share=1 / 2,
        ranges=CameraRanges((-10, 15), (2, 6), fill=(0.84, 1.03), widest=1.1, largest_offset=0.5),
        sceneries={"street": 0.9, "studio": 0.1},
        views=8,
        subject="people",
    ),
    "atr": LayoutRecipe(
        height=160,
        width_share=3 / 5,
        ranges=CameraRanges((-15, 15), (2, 8), fill=(0.72, 1.0), widest=1.02, largest_offset=0.5),
        sceneries={"street": 0.6, "studio": 0.4},
        views=4,
        subject="people",
    ),
    "cub": LayoutRecipe(
        height=128,
        width_share=1.0,
        ranges=CameraRanges((0, 30), (2, 7), fill=(0.68, 0.92), widest=1.0, largest_offset=0.3),
        sceneries={"nature": 1.0},
        views=4,
        subject="birds",
    ),
}


@dataclass(frozen=True)
class GarmentSettings:
    """Everything that decides the bytes of a synthetic data set; see `synthesize_garments`."""

    number: int
    seed: int
    layout: Layout
    subject: Subject
    size: tuple[int, int]
    views: int
    held_out: float
    recipe: int = RECIPE
    generator: int = GENERATOR_VERSION

    @property
    def subjects(self) -> int:
        return math.ceil(self.number / self.views)

    @property
    def held_subjects(self) -> int:
        return min(max(round(self.subjects * self.held_out), 1), self.subjects - 1)


def synthesize_garments(
    out: str | Path,
    *,
    number: int = 1500,
    seed: int = 0,
    layout: Layout = "market-hq",
    subject: Subject | None = None,
    height: int | None = None,
    views: int | None = None,
    held_out: float = 0.12,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Writes `number` pictures and returns `out`.

    subject: people (market-hq, atr) or birds (cub) unless another is given. height: of the pictures in pixels, that of
    the layout's training when None; the width follows. views: pictures of each subject, from all sides, each under
    another light and before another background. held_out: share of the subjects that are seen in the test part only.

    Beside the pictures lie TRUTH/<stem>.npz (see `garment_layouts.write_truth`) and subjects.csv (name, subject).
    Subject i depends on the settings and i alone, whatever `workers`. An interrupted run goes on where it stopped, and
    a finished one is not repeated; see `fill_folder`. workers: processes, one thread each.

    Raises ValueError when `out` already holds something else or a setting makes no sense.
    """
    recipe = RECIPES[layout]
    height = recipe.height if height is None else height
    settings = GarmentSettings(
        number=number,
        seed=seed,
        layout=layout,
        subject=recipe.subject if subject is None else subject,
        size=(height, round(height * recipe.width_share)),
        views=recipe.views if views is None else views,
        held_out=held_out,
    )
    _require_sane(settings)
    return fill_folder(
        Path(out),
        json.loads(json.dumps(asdict(settings))),
        range(settings.subjects),
        functools.partial(_write_subject, settings),
        functools.partial(_finish, settings),
        workers=workers,
        progress=progress,
    )


def _require_sane(settings: GarmentSettings) -> None:
    if not 1 <= settings.views <= 99:
        raise ValueError(f"views is {settings.views}: give 1 to 99 pictures of each subject.")
    if settings.subjects < 3:
        raise ValueError(
            f"number is {settings.number} with {settings.views} pictures of each subject: give more than "
            f"{2 * settings.views}, for training, validation and test need a subject each."
        )
    if settings.size[0] < LEAST_HEIGHT:
        raise ValueError(f"height is {settings.size[0]}: give {LEAST_HEIGHT} pixels or more.")
    if not 0 < settings.held_out < 0.5:
        raise ValueError(f"held_out is {settings.held_out}: give a share of the subjects between 0 and 0.5.")


def _write_subject(settings: GarmentSettings, root: Path, index: int) -> None:
    recipe = RECIPES[settings.layout]
    shape = draw_subject(settings.subject, settings.seed, index)
    mesh = shape.mesh.with_vertices(torch.round(shape.mesh.vertices * LATTICE) / LATTICE)
    shape = shape._replace(mesh=mesh)
    randoms = [random_of(settings.seed, index, 2 + view) for view in range(len(_views(settings, index)))]
    cameras = [
        draw_camera(random, mesh.vertices, recipe.ranges, settings.size, random.uniform(-math.pi, math.pi))
        for random in randoms
    ]
    test = index >= settings.subjects - settings.held_subjects
    for view, photo in enumerate(photographs(shape, cameras, randoms, settings.size, recipe.sceneries)):
        WRITERS[settings.layout](root, PictureName(index, view, test), photo, mesh)


def _views(settings: GarmentSettings, index: int) -> range:
    return range(min(settings.views, settings.number - index * settings.views))


def _finish(settings: GarmentSettings, root: Path) -> None:
    names = [
        (picture_stem(settings.layout, PictureName(index, view, False)), index)
        for index in range(settings.subjects)
        for view in _views(settings, index)
    ]
    (truth,) = root.glob("**/TRUTH")
    with (truth.parent / "subjects.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("name", "subject"), *names])
    if settings.layout == "atr":
        _write_atr_lists(settings, root, dict(names))


def _write_atr_lists(settings: GarmentSettings, root: Path, subject_of: dict[str, int]) -> None:
    """ATR_train.txt and ATR_test.txt: names of masks, as the authors' lists."""
    first_held = settings.subjects - settings.held_subjects
    masks = sorted(path.name for path in (root / "humanparsing" / "Seg").iterdir())
    for file, test in (("ATR_train.txt", False), ("ATR_test.txt", True)):
        lines = [name for name in masks if (subject_of[name.rpartition("_")[0]] >= first_held) == test]
        (root / file).write_text("".join(f"{name}\n" for name in lines), encoding="utf-8")
