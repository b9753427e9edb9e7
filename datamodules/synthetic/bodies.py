"""A folder of synthetic people, photographed from all sides, in the layout of one of the real data sets."""

import functools
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from datamodules.cape_files import UNSTEADY_FRAMES
from datamodules.synthetic.articulated_layout import write_articulated_sequence
from datamodules.synthetic.body_motion import motion_of
from datamodules.synthetic.body_subjects import human_seed, random_of_subject, subject_of
from datamodules.synthetic.cape_layout import MOTIONS_OF_A_SUBJECT, write_cape_sequence, write_cape_topology
from datamodules.synthetic.folder_in_pieces import Progress, fill_folder
from datamodules.synthetic.human_draws import draw_human
from datamodules.synthetic.human_parameters import GENERATOR_VERSION, Family
from datamodules.synthetic.pifu_layout import write_pifu_subject
from datamodules.synthetic.registered_template import plainly_dressed

Layout = Literal["pifu", "articulated", "cape"]
Camera = Literal["orthographic", "perspective"]

RECIPE = 1
"""Raise whenever the same settings would give other bytes."""
LEAST_SIZE = 48
"""Below it the mask of a thin limb is no pixel wide, and the guard on cameras refuses the view."""
LEAST_FRAMES: dict[Layout, int] = {"pifu": 1, "articulated": 1, "cape": 2 * UNSTEADY_FRAMES + 1}
"""CAPE's first and last frames are never read."""


@dataclass(frozen=True)
class BodySettings:
    """Everything that decides the bytes of a synthetic data set; see `synthesize_bodies`."""

    number: int
    seed: int
    size: int
    layout: Layout
    yaws: int
    lights: int
    family: Family | None
    mesh_resolution: int
    camera: Camera
    uv: bool
    held_out: float
    frames: int
    oddities: bool
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
    uv: bool = False,
    held_out: float = 0.1,
    frames: int = 10,
    oddities: bool = True,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Writes `number` people (articulated, cape: sequences of `frames` frames) and returns `out`.

    pifu: `yaws` pictures of size x size pixels equally spaced around each person, under `lights` environments each, in
    RENDER, MASK, PARAM, GEO and val.txt; beside them test.txt (both hold a share `held_out` of the people, the rest is
    for training), NORMAL, DEPTH and TRUTH. With `uv` also UV_RENDER, UV_MASK, UV_POS and UV_NORMAL.
    articulated: before eight perspective cameras whose pictures are `size` pixels high; with `oddities` as in the real
    set: patches that are no person in some silhouettes, calibrations of any scale and sign, a picture missing here and
    there. Motions march and squat have their own file names always.
    cape: registered meshes only, two sequences a subject.

    Person i depends on the settings and i alone, whatever `number` and `workers`. An interrupted run goes on where it
    stopped, and a finished one is not repeated; see `fill_folder`. workers: processes, one thread each.

    Raises ValueError when `out` already holds something else or a setting makes no sense.
    """
    settings = BodySettings(
        number=number,
        seed=seed,
        size=size,
        layout=layout,
        yaws=yaws,
        lights=lights,
        family=family,
        mesh_resolution=mesh_resolution,
        camera=camera,
        uv=uv,
        held_out=held_out,
        frames=frames,
        oddities=oddities,
    )
    _require_sane(settings)
    return fill_folder(
        Path(out),
        json.loads(json.dumps(asdict(settings))),
        range(number),
        functools.partial(_write_piece, settings),
        functools.partial(_finish, settings),
        workers=workers,
        progress=progress,
    )


def _require_sane(settings: BodySettings) -> None:
    pifu = settings.layout == "pifu"
    least = {"size": LEAST_SIZE, "yaws": 1, "lights": 1, "mesh_resolution": 64, "frames": LEAST_FRAMES[settings.layout]}
    for name, value in {"number": 3 if pifu else 1, **least}.items():
        if getattr(settings, name) < value:
            why = " (one person each for training, validation and test)" if name == "number" and pifu else ""
            raise ValueError(f"{name} is {getattr(settings, name)}: give {value} or more{why}.")
    if settings.yaws > 360:
        raise ValueError(f"yaws is {settings.yaws}: file names hold whole degrees, give at most 360.")
    if not 0 < settings.held_out < 0.5:
        raise ValueError(f"held_out is {settings.held_out}: give a share of the people between 0 and 0.5.")


def _write_piece(settings: BodySettings, root: Path, index: int) -> None:
    random = random_of_subject(settings.seed, index)
    if settings.layout == "pifu":
        parameters = draw_human(human_seed(settings.seed, index), family=settings.family)
        write_pifu_subject(
            root,
            f"person_{index:04d}",
            subject_of(parameters, settings.mesh_resolution),
            random,
            size=settings.size,
            yaws=settings.yaws,
            lights=settings.lights,
            perspective=settings.camera == "perspective",
            uv=settings.uv,
        )
        return
    cape = settings.layout == "cape"
    person_seed = human_seed(settings.seed, index // MOTIONS_OF_A_SUBJECT if cape else index)
    person = draw_human(person_seed, family=settings.family)
    goal = draw_human(human_seed(settings.seed + 1, index), family=settings.family).pose
    if cape:
        write_cape_sequence(root, index, motion_of(plainly_dressed(person), goal, settings.frames), random)
        return
    write_articulated_sequence(
        root,
        index,
        motion_of(person, goal, settings.frames),
        random,
        height=settings.size,
        mesh_resolution=settings.mesh_resolution,
        oddities=settings.oddities,
    )


def _finish(settings: BodySettings, root: Path) -> None:
    if settings.layout == "pifu":
        _write_splits(settings, root)
    elif settings.layout == "cape":
        write_cape_topology(root)


def _write_splits(settings: BodySettings, root: Path) -> None:
    """The last people are held out: first those for validation, then those for the test."""
    number = settings.number
    held = min(max(round(number * settings.held_out), 1), (number - 1) // 2)
    names = [f"person_{index:04d}" for index in range(number)]
    for file, people in (("val.txt", names[number - 2 * held : number - held]), ("test.txt", names[number - held :])):
        (root / file).write_text("".join(f"{name}\n" for name in people), encoding="utf-8")
