"""`threefold inspect`: what a data set holds and what is wrong with it."""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands.synthesize import run_kind


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


def run(verb: str, arguments: Sequence[str]) -> int:
    return run_kind(verb, {"faces": faces}, arguments)
