"""`threefold prepare`: downloaded data sets to the neutral layout."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments.commands.progress import progress_bar
from experiments.commands.synthesize import run_kind

LISTED = 20
"""Pictures that could not be converted are named up to this many."""


def celeba(raw: Path, out: Path, copy: bool = False) -> None:
    """Converts CelebA or CelebAMask-HQ, whichever is there, to the layout of a face folder.

    Args:
        raw: folder of the unpacked download; it is only read.
        out: folder for the converted data set.
        copy: copy pictures instead of linking to them.
    """
    from datamodules.preparation.celeba import prepare_celeba

    convert(prepare_celeba, raw, out, copy=copy)


def w300_lp(raw: Path, out: Path, copy: bool = False, with_flips: bool = False) -> None:
    """Converts 300W-LP to the layout of a face folder.

    Args:
        raw: folder of the unpacked download with AFW, HELEN, IBUG, LFPW and landmarks; it is only read.
        out: folder for the converted data set.
        copy: copy pictures instead of linking to them.
        with_flips: take the mirrored copies too.
    """
    from datamodules.preparation.w300lp import prepare_300w_lp

    convert(prepare_300w_lp, raw, out, copy=copy, with_flips=with_flips)


def aflw2000(raw: Path, out: Path, copy: bool = False) -> None:
    """Converts AFLW2000-3D to the layout of a face folder.

    Args:
        raw: folder of the unpacked download with imageNNNNN.jpg and imageNNNNN.mat; it is only read.
        out: folder for the converted data set.
        copy: copy pictures instead of linking to them.
    """
    from datamodules.preparation.aflw2000 import prepare_aflw2000

    convert(prepare_aflw2000, raw, out, copy=copy)


def articulated(raw: Path, out: Path, copy: bool = False) -> None:
    """Unpacks or links the Articulated Mesh Animation sequences into one folder.

    Args:
        raw: folder with the sequences' archives or folders; it is only read.
        out: folder for the data set.
        copy: copy unpacked files instead of linking to them.
    """
    from datamodules.preparation.articulated import prepare_articulated

    convert(prepare_articulated, raw, out, things="files", kind="articulated", copy=copy)


def cape(raw: Path, out: Path, copy: bool = False) -> None:
    """Unpacks or links CAPE's sequences into one folder.

    Args:
        raw: folder with the release's archives or folders; it is only read.
        out: folder for the data set.
        copy: copy unpacked files instead of linking to them.
    """
    from datamodules.preparation.cape import prepare_cape

    convert(prepare_cape, raw, out, things="files", kind="cape", copy=copy)


def thuman(raw: Path, out: Path, size: int = 512, yaws: int = 36) -> None:
    """Photographs the scans of THuman2 from all sides and writes them in PIFu's layout.

    Args:
        raw: folder of the unpacked download; it is only read.
        out: folder for the data set.
        size: side of the pictures in pixels.
        yaws: pictures of each person, equally spaced around.
    """
    from datamodules.preparation.thuman import prepare_thuman

    convert(prepare_thuman, raw, out, things="people", kind="renderpeople", size=size, yaws=yaws)


def renderpeople(raw: Path, out: Path, size: int = 512, yaws: int = 360) -> None:
    """Photographs RenderPeople's scans from all sides and writes them in PIFu's layout.

    Args:
        raw: folder of the unpacked scans; it is only read.
        out: folder for the data set.
        size: side of the pictures in pixels.
        yaws: pictures of each person, equally spaced around.
    """
    from datamodules.preparation.renderpeople import prepare_renderpeople

    convert(prepare_renderpeople, raw, out, things="people", kind="renderpeople", size=size, yaws=yaws)


def convert(
    prepare: Callable[..., Any], raw: Path, out: Path, things: str = "pictures", kind: str = "faces", **options: Any
) -> None:
    """Runs one importer with a progress bar and says what became of its pictures, people or files."""
    with progress_bar("prepare", unit=things) as progress:
        prepared = prepare(raw, out, progress=progress, **options)
    for sentence in prepared.left_out[:LISTED]:
        sys.stderr.write(f"left out: {sentence}\n")
    if len(prepared.left_out) > LISTED:
        sys.stderr.write(f"left out: {len(prepared.left_out) - LISTED} more\n")
    print(
        f"{prepared.pictures} {things} in {out}, {len(prepared.left_out)} left out; "
        f"`threefold inspect {kind} --root {out}` checks them"
    )


def run(verb: str, arguments: Sequence[str]) -> int:
    kinds = {
        "celeba": celeba,
        "300w-lp": w300_lp,
        "aflw2000": aflw2000,
        "renderpeople": renderpeople,
        "thuman": thuman,
        "articulated": articulated,
        "cape": cape,
    }
    return run_kind(verb, kinds, arguments)
