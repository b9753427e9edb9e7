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


def convert(prepare: Callable[..., Any], raw: Path, out: Path, **options: bool) -> None:
    """Runs one importer with a progress bar and says what became of the pictures."""
    with progress_bar("prepare") as progress:
        prepared = prepare(raw, out, progress=progress, **options)
    for sentence in prepared.left_out[:LISTED]:
        sys.stderr.write(f"left out: {sentence}\n")
    if len(prepared.left_out) > LISTED:
        sys.stderr.write(f"left out: {len(prepared.left_out) - LISTED} more\n")
    print(
        f"{prepared.pictures} pictures in {out}, {len(prepared.left_out)} left out; "
        f"`threefold inspect faces --root {out}` checks them"
    )


def run(verb: str, arguments: Sequence[str]) -> int:
    return run_kind(verb, {"celeba": celeba, "300w-lp": w300_lp, "aflw2000": aflw2000}, arguments)
