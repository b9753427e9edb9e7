"""A folder of synthetic people, photographed from all sides, in the layout of one of the real data sets."""

import functools
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from datamodules.synthetic.body_subjects import human_seed, random_of_subject, subject_of
from datamodules.synthetic.folder_in_pieces import Progress, fill_folder
from datamodules.synthetic.human_draws import draw_human
from datamodules.synthetic.human_parameters import GENERATOR_VERSION, Family
from datamodules.synthetic.pifu_layout import write_pifu_subject

Layout = Literal["pifu", "articulated", "cape"]
Camera = Literal["orthographic", "perspective"]

RECIPE = 1
"""Raise whenever the same settings would give other bytes."""
LEAST_SIZE = 32


@dataclass(frozen=True)
class BodySettings:
    """Everything that decides the bytes of a synthetic data set."""

    number: int
    seed: int
    size: int
    layout: Layout
    yaws: int
    lights: int
    family: Family | None
    mesh_resolution: int
    camera: Camera
    held_out: float
    recipe: int = RECIPE
    generator: int = GENERATOR_VERSION


def synthesize_bodies(
    out: str | Path,
    *,
    number: int = 60,
    seed: int = 0,
    size: int = 128,
    layout: Layout = "pifu",
    yaws: int = 8,
    lights: int = 1,
    family: Family | None = None,
    mesh_resolution: int = 256,
    camera: Camera = "orthographic",
    held_out: float = 0.1,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Writes `number` people and returns `out`.

    pifu: `yaws` pictures of size x size pixels equally spaced around each person, under `lights` environments each, in
    RENDER, MASK, PARAM, GEO and val.txt; beside them test.txt (both hold a share `held_out` of the people, the rest is
    for training), NORMAL, DEPTH and TRUTH.

    Person i depends on the settings and i alone, whatever `number` and `workers`. An interrupted run goes on where it
    stopped, and a finished one is not repeated; see `fill_folder`. workers: processes, one thread each.

    Raises ValueError when `out` already holds something else or a setting makes no sense.
    """
    settings = BodySettings(number, seed, size, layout, yaws, lights, family, mesh_resolution, camera, held_out)
    _require_sane(settings)
    return fill_folder(
        Path(out),
        json.loads(json.dumps(asdict(settings))),
        range(number),
        functools.partial(_write_person, settings),
        functools.partial(_write_splits, settings),
        workers=workers,
        progress=progress,
    )


def _require_sane(settings: BodySettings) -> None:
    least = {"number": 1, "size": LEAST_SIZE, "yaws": 1, "lights": 1, "mesh_resolution": 32}
    for name, value in least.items():
        if getattr(settings, name) < value:
            raise ValueError(f"{name} is {getattr(settings, name)}: give {value} or more.")
    if settings.yaws > 360:
        raise ValueError(f"yaws is {settings.yaws}: file names hold whole degrees, give at most 360.")
    if not 0 <= settings.held_out < 0.5:
        raise ValueError(f"held_out is {settings.held_out}: give a share of the people from 0 to below 0.5.")


def person_name(index: int) -> str:
    return f"person_{index:04d}"


def _write_person(settings: BodySettings, root: Path, index: int) -> None:
    parameters = draw_human(human_seed(settings.seed, index), family=settings.family)
    write_pifu_subject(
        root,
        person_name(index),
        subject_of(parameters, settings.mesh_resolution),
        random_of_subject(settings.seed, index),
        size=settings.size,
        yaws=settings.yaws,
        lights=settings.lights,
        perspective=settings.camera == "perspective",
    )


def _write_splits(settings: BodySettings, root: Path) -> None:
    """The last people are held out: first those for validation, then those for the test."""
    number = settings.number
    held = min(max(round(number * settings.held_out), 1), (number - 1) // 2) if settings.held_out else 0
    names = [person_name(index) for index in range(number)]
    for file, people in (("val.txt", names[number - 2 * held : number - held]), ("test.txt", names[number - held :])):
        (root / file).write_text("".join(f"{name}\n" for name in people), encoding="utf-8")
