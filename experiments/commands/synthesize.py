"""`threefold synthesize faces|bodies|garments`: synthetic photographs with their 3D truth."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from experiments.commands.parsing import call
from experiments.commands.progress import progress_bar
from experiments.errors import UserError


def faces(
    out: Path,
    num: int = 4000,
    seed: int = 0,
    size: int = 144,
    level: Literal["tiny", "default", "fine", "bfm_like"] = "default",
    images_per_identity: int = 2,
    workers: int = 0,
) -> None:
    """Writes OUT/images, landmarks, masks, truth and split.txt: faces of people who do not exist, photographed with
    known shape, pose, light, depth, normals and wrinkles. The same seed gives the same pictures, whatever the workers.

    Args:
        out: folder for the data set.
        num: how many pictures.
        seed: of everything random.
        size: side of the pictures in pixels.
        level: how fine the morphable model's mesh is.
        images_per_identity: pictures of each person.
        workers: processes that render; 0 takes one for each core.
    """
    from datamodules.synthetic.faces import synthesize_faces

    for name, value in (("num", num), ("images_per_identity", images_per_identity)):
        if value < 1:
            raise UserError(f"--{name} {value} is not a number of pictures; give 1 or more")
    if not 32 <= size <= 2048:
        raise UserError(f"--size {size} is not between 32 and 2048 pixels; 144 suits crops of 128")
    with progress_bar("synthesize") as progress:
        synthesize_faces(
            out,
            number=num,
            seed=seed,
            size=size,
            level=level,
            images_per_identity=images_per_identity,
            workers=workers or cores(),
            progress=progress,
        )
    print(f"{num} pictures in {out}; `threefold inspect faces --root {out}` checks them")


def bodies(
    out: Path,
    num: int = 60,
    seed: int = 0,
    size: int = 128,
    layout: Literal["pifu", "articulated", "cape"] = "pifu",
    yaws: int = 8,
    lights: int = 1,
    family: Literal["standing", "walking", "crossing", "squatting", "raised"] | None = None,
    mesh_resolution: int = 256,
    camera: Literal["orthographic", "perspective"] = "orthographic",
    uv: bool = False,
    held_out: float = 0.1,
    frames: int = 10,
    oddities: bool = True,
    workers: int = 0,
) -> None:
    """Writes OUT in the layout of a real data set of bodies: clothed people who do not exist, with their meshes, seen
    from all sides. The same seed gives the same files, whatever the workers; an interrupted run goes on where it
    stopped.

    Args:
        out: folder for the data set.
        num: how many people; for articulated and cape how many sequences.
        seed: of everything random.
        size: side (articulated: height) of the pictures in pixels; 512 and more show folds, 1024 wrinkles.
        layout: pifu (RENDER, MASK, PARAM, GEO, val.txt and the truth beside), articulated (sequences before eight
            perspective cameras) or cape (registered meshes without pictures).
        yaws: pictures of each person, equally spaced around.
        lights: pictures of each of these sides, each under another light.
        family: one kind of pose for all; all kinds when it is not given.
        mesh_resolution: cells of the mesh along its longest side; 512 resolves wrinkles.
        camera: how the pictures of the layout pifu are projected.
        uv: write the UV folders of the layout pifu as well, for networks that learn colour.
        held_out: share of the people for validation, and as many more for the test (pifu).
        frames: instants of each sequence (articulated, cape).
        oddities: the faults of the real articulated set: false patches in silhouettes, missing pictures, signs.
        workers: processes; 0 takes one for each core.
    """
    from datamodules.synthetic.bodies import synthesize_bodies

    with progress_bar("synthesize", unit="person") as progress:
        synthesize_bodies(
            out,
            number=num,
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
            workers=workers or cores(),
            progress=progress,
        )
    print(f"{num} {'people' if layout == 'pifu' else 'sequences'} in {out}")


def garments(
    out: Path,
    num: int = 1500,
    seed: int = 0,
    layout: Literal["market-hq", "atr", "cub"] = "market-hq",
    subject: Literal["people", "dresses", "handbags", "birds"] | None = None,
    height: int | None = None,
    views: int | None = None,
    held_out: float = 0.12,
    workers: int = 0,
) -> None:
    """Writes OUT in the layout of a real data set of self-supervised clothing: people, dresses, handbags or birds that
    do not exist, from all sides before cluttered backgrounds, with exact masks and the 3D truth beside. The same seed
    gives the same files, whatever the workers; an interrupted run goes on where it stopped.

    Args:
        out: folder for the data set.
        num: how many pictures.
        seed: of everything random.
        layout: market-hq (pedestrians, 128 x 64), atr (fashion, 160 x 96) or cub (birds, 128 x 128).
        subject: what is photographed; people, in cub birds, when it is not given.
        height: of the pictures in pixels, that of the layout when it is not given.
        views: pictures of each subject; 8 in market-hq, 4 in atr and cub when it is not given.
        held_out: share of the subjects that only the test part shows.
        workers: processes that render; 0 takes one for each core.
    """
    from datamodules.synthetic.garments import synthesize_garments

    with progress_bar("synthesize", unit="subject") as progress:
        synthesize_garments(
            out,
            number=num,
            seed=seed,
            layout=layout,
            subject=subject,
            height=height,
            views=views,
            held_out=held_out,
            workers=workers or cores(),
            progress=progress,
        )
    print(f"{num} pictures in {out}; `threefold inspect {layout} --root {out}` checks them")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


KINDS = {"faces": faces, "bodies": bodies, "garments": garments}


def run(verb: str, arguments: Sequence[str]) -> int:
    return run_kind(verb, KINDS, arguments)


def run_kind(verb: str, kinds: Mapping[str, Callable[..., int | None]], arguments: Sequence[str]) -> int:
    """The verb's first word chooses what it works on.

    Raises:
        UserError: it is missing or unknown.
    """
    listed = ", ".join(kinds)
    if arguments and arguments[0] in {"-h", "--help"}:
        print(
            f"threefold {verb} KIND [ARGUMENTS], where KIND is one of: {listed}; threefold {verb} KIND --help "
            "explains one"
        )
        return 0
    if not arguments or arguments[0] not in kinds:
        given = f"{arguments[0]!r} is none" if arguments else "none was given"
        raise UserError(f"{verb}: expected one of {listed} as the first word, {given}; see `threefold {verb} --help`")
    return call(kinds[arguments[0]], arguments[1:], verb=f"{verb} {arguments[0]}") or 0
