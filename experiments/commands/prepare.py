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


def atr(raw: Path, out: Path, lists: Path | None = None, copy: bool = False) -> None:
    """Makes masks of ATR's label maps, counts them and matches the authors' lists to the pictures that are there.

    Args:
        raw: folder of the unpacked download, humanparsing or one above; it is only read.
        out: folder for the data set.
        lists: folder with ATR_train.txt and ATR_test.txt; the raw folder when not given.
        copy: copy pictures instead of linking to them.
    """
    from datamodules.preparation.atr import prepare_atr

    convert(prepare_atr, raw, out, kind="atr", lists=lists, copy=copy)


def market_hq(raw: Path, out: Path, copy: bool = False) -> None:
    """Links Market-HQ's pictures and masks and counts the masks' foreground.

    Args:
        raw: folder of the unpacked download, hq or one above; it is only read.
        out: folder for the data set.
        copy: copy files instead of linking to them.
    """
    from datamodules.preparation.market_hq import prepare_market_hq

    convert(prepare_market_hq, raw, out, kind="market-hq", copy=copy)


def cub(raw: Path, out: Path, caches: Path | None = None, copy: bool = False) -> None:
    """Cuts CUB-200-2011 around its birds, or links crops that are there already, and counts the masks' foreground.

    Args:
        raw: folder of the official download with CUB_200_2011 and segmentations, or of the crops; it is only read.
        out: folder for the data set.
        caches: folder with CMR's train_cub_cleaned.mat and others, to take boxes, masks and splits from.
        copy: copy crops that are there already instead of linking to them.
    """
    from datamodules.preparation.cub import prepare_cub

    convert(prepare_cub, raw, out, kind="cub", caches=caches, copy=copy)


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
        "atr": atr,
        "market-hq": market_hq,
        "cub": cub,
    }
    return run_kind(verb, kinds, arguments)
