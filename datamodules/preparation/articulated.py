"""The downloads of the Articulated Mesh Animation data to the layout of `datamodules.articulated`."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from datamodules.preparation.archives import place_files
from datamodules.preparation.neutral_layout import Prepared

KINDS = ("meshes", "images", "silhouettes", "calibration")


def prepare_articulated(
    raw: str | Path, out: str | Path, *, copy: bool = False, progress: Callable[[int, int], None] | None = None
) -> Prepared:
    """<SEQ>.tar, <SEQ>/{meshes,images,silhouettes,calibration}.tgz or the same folders unpacked, in any mixture.

    Raises FileNotFoundError when `raw` does not exist, ValueError when nothing in it belongs to a sequence.
    """
    raw, out = Path(raw), Path(out)
    if not raw.is_dir():
        raise FileNotFoundError(f"There is no folder {raw}: give the folder of the download.")
    placed = place_files(raw, out, _place_in_layout, copy=copy, progress=progress)
    if not placed.written:
        reason = f" ({placed.left_out[0]})" if placed.left_out else ""
        raise ValueError(
            f"{raw} holds nothing of a sequence's {', '.join(KINDS)}{reason}: give the folder with the "
            "sequences' archives."
        )
    return Prepared(out, placed.written, placed.left_out)


def _place_in_layout(path: PurePosixPath) -> PurePosixPath | None:
    """<SEQ>/<kind>/<file>, found by the last folder that is named after a kind and the folder before it."""
    folders = path.parts[:-1]
    for position in range(len(folders) - 1, 0, -1):
        kind = folders[position].lower()
        if kind in KINDS:
            before = [folder for folder in folders[:position] if folder.lower() not in KINDS]
            return PurePosixPath(before[-1], kind, path.name) if before else None
    return None
