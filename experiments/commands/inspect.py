"""`threefold inspect`: what a data set holds and what is wrong with it."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments.commands.progress import progress_bar
from experiments.commands.synthesize import run_kind
from experiments.errors import UserError


def faces(root: Path, panel: Path | None = None) -> int:
    """Counts pictures, splits and companions of a face folder and names every broken file; exit status 1 when there
    is one.

    Args:
        root: folder of the data set, or any folder of pictures.
        panel: picture file for a sheet of samples with their landmarks and masks.
    """
    from datamodules.inspection import inspect_faces

    inspection = inspect_faces(root, panel=panel)
    print(inspection.report())
    return 1 if inspection.problems else 0


def renderpeople(root: Path, panel: Path | None = None, limit: int | None = None) -> int:
    """Reads bodies in PIFu's layout as training would and names every broken or implausible file; exit status 1 when
    there is one.

    Args:
        root: folder with RENDER, MASK, PARAM, GEO and val.txt.
        panel: picture file for a sheet of sample views with the outlines of their masks.
        limit: read only this many bodies whole, evenly chosen.
    """
    from datamodules.renderpeople import PifuLayout

    return _bodies(lambda: PifuLayout(root), root, panel, limit)


def articulated(root: Path, panel: Path | None = None, limit: int | None = None) -> int:
    """Reads sequences of the Articulated Mesh Animation data as training would and names every broken, missing or
    implausible file; exit status 1 when there is one.

    Args:
        root: folder with the sequences, each with meshes, images, silhouettes and calibration.
        panel: picture file for a sheet of sample views with the outlines of their masks.
        limit: read only this many frames whole, evenly chosen.
    """
    from datamodules.articulated import ArticulatedLayout

    return _bodies(lambda: ArticulatedLayout(root), root, panel, limit)


def cape(root: Path, panel: Path | None = None, limit: int | None = None) -> int:
    """Reads CAPE's frames as training would and names every broken or implausible file; exit status 1 when there is
    one.

    Args:
        root: folder with sequences and misc.
        panel: picture file for a sheet of rendered views with the outlines of their masks.
        limit: read only this many frames whole, evenly chosen.
    """
    from datamodules.cape import CapeLayout

    return _bodies(lambda: CapeLayout(root, frames=sys.maxsize), root, panel, limit)


def atr(root: Path, panel: Path | None = None, limit: int | None = None) -> int:
    """Reads ATR's pictures, masks and lists as training would and names every broken or unmatched file; exit status 1
    when there is one.

    Args:
        root: folder with JPEGImages and Seg or SegmentationClassAug, or one above.
        panel: picture file for a sheet of samples with the outlines of their masks.
        limit: read only this many pictures whole, evenly chosen.
    """
    from datamodules.atr import CLEAN_RATIO, IMAGE_SIZE, TRAIN_RATIO, atr_layout

    return _clothing(atr_layout, root, IMAGE_SIZE, TRAIN_RATIO, CLEAN_RATIO, panel, limit)


def market_hq(root: Path, panel: Path | None = None, limit: int | None = None) -> int:
    """Reads Market-HQ's pictures and masks as training would and names every broken or unmatched file; exit status 1
    when there is one.

    Args:
        root: folder with pytorch and seg_hmr, or one above.
        panel: picture file for a sheet of samples with the outlines of their masks.
        limit: read only this many pictures whole, evenly chosen.
    """
    from datamodules.market_hq import CLEAN_RATIO, IMAGE_SIZE, TRAIN_RATIO, market_hq_layout

    return _clothing(market_hq_layout, root, IMAGE_SIZE, TRAIN_RATIO, CLEAN_RATIO, panel, limit)


def cub(root: Path, panel: Path | None = None, limit: int | None = None) -> int:
    """Reads CUB's crops and masks as training would and names every broken or unmatched file; exit status 1 when there
    is one.

    Args:
        root: folder with train and test, or one above.
        panel: picture file for a sheet of samples with the outlines of their masks.
        limit: read only this many pictures whole, evenly chosen.
    """
    from datamodules.cub import CLEAN_RATIO, IMAGE_SIZE, TRAIN_RATIO, cub_layout

    return _clothing(cub_layout, root, IMAGE_SIZE, TRAIN_RATIO, CLEAN_RATIO, panel, limit)


def _clothing(
    open_layout: Callable[[Path], Any],
    root: Path,
    image_size: tuple[int, int],
    train_ratio: tuple[float, float],
    clean_ratio: tuple[float, float],
    panel: Path | None,
    limit: int | None,
) -> int:
    from datamodules.clothing_inspection import inspect_clothing

    if limit is not None and limit < 1:
        raise UserError(f"--limit {limit} is too small; give 1 or more")
    layout = open_layout(root)
    with progress_bar("inspect", unit="picture") as progress:
        inspection = inspect_clothing(
            layout,
            image_size,
            train_ratio=train_ratio,
            clean_ratio=clean_ratio,
            limit=limit,
            panel=panel,
            progress=progress,
        )
    print(inspection.report())
    return 1 if inspection.problems else 0


def _bodies(open_layout: Callable[[], Any], root: Path, panel: Path | None, limit: int | None) -> int:
    from datamodules.body_inspection import inspect_bodies

    if limit is not None and limit < 1:
        raise UserError(f"--limit {limit} is too small; give 1 or more")
    with progress_bar("inspect", unit="body") as progress:
        inspection = inspect_bodies(open_layout, root, limit=limit, panel=panel, progress=progress)
    print(inspection.report())
    return 1 if inspection.problems else 0


def run(verb: str, arguments: Sequence[str]) -> int:
    kinds = {
        "faces": faces,
        "renderpeople": renderpeople,
        "articulated": articulated,
        "cape": cape,
        "atr": atr,
        "market-hq": market_hq,
        "cub": cub,
    }
    return run_kind(verb, kinds, arguments)
