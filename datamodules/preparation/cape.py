"""The downloads of CAPE to the layout of `datamodules.cape`."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from datamodules.preparation.archives import place_files
from datamodules.preparation.neutral_layout import Prepared

FOLDERS = ("sequences", "minimal_body_shape", "misc")


def prepare_cape(
    raw: str | Path, out: str | Path, *, copy: bool = False, progress: Callable[[int, int], None] | None = None
) -> Prepared:
    """Archives or folders of the release: sequences/<subject>/<sequence>/*.npz (or without the first folder),
    minimal_body_shape/ and misc/.

    Raises FileNotFoundError when `raw` does not exist, ValueError when it holds no frames.
    """
    raw, out = Path(raw), Path(out)
    if not raw.is_dir():
        raise FileNotFoundError(f"There is no folder {raw}: give the folder of the download.")
    placed = place_files(raw, out, _place_in_layout, copy=copy, progress=progress)
    if not any((out / "sequences").glob("*/*/*.npz")):
        reason = f" ({placed.left_out[0]})" if placed.left_out else ""
        raise ValueError(
            f"{raw} holds no <subject>/<cloth>_<motion>/*.npz{reason}: give the folder with CAPE's archives."
        )
    return Prepared(out, placed.written, placed.left_out)


def _place_in_layout(path: PurePosixPath) -> PurePosixPath | None:
    for position, folder in enumerate(path.parts[:-1]):
        if folder in FOLDERS:
            return PurePosixPath(*path.parts[position:])
    if path.suffix == ".npz" and len(path.parts) >= 3 and path.parts[-3].isdigit():
        return PurePosixPath("sequences", *path.parts[-3:])
    return None
