"""`threefold prepare`: downloaded data sets to the neutral layout."""

from collections.abc import Sequence
from pathlib import Path

from experiments.commands.synthesize import run_kind


def celeba(raw: Path, out: Path) -> None:
    """Converts CelebA (with CelebAMask-HQ's masks where they are there) to OUT/images, landmarks, masks, split.txt.

    Args:
        raw: folder of the unpacked download: img_celeba/ or img_align_celeba/ and the list_*.txt files.
        out: folder for the converted data set.
    """
    from datamodules.preparation.celeba import prepare_celeba

    told(prepare_celeba(raw, out), out)


def w300_lp(raw: Path, out: Path) -> None:
    """Converts 300W-LP to OUT/images, landmarks, split.txt.

    Args:
        raw: folder of the unpacked download: AFW, HELEN, IBUG, LFPW, their flips, and landmarks/.
        out: folder for the converted data set.
    """
    from datamodules.preparation.w300lp import prepare_300w_lp

    told(prepare_300w_lp(raw, out), out)


def aflw2000(raw: Path, out: Path) -> None:
    """Converts AFLW2000-3D to OUT/images, landmarks, split.txt.

    Args:
        raw: folder of the unpacked download: imageNNNNN.jpg and imageNNNNN.mat.
        out: folder for the converted data set.
    """
    from datamodules.preparation.aflw2000 import prepare_aflw2000

    told(prepare_aflw2000(raw, out), out)


def told(number: int, out: Path) -> None:
    print(f"{number} pictures in {out}; `threefold inspect faces --root {out}` checks them")


def run(verb: str, arguments: Sequence[str]) -> int:
    return run_kind(verb, {"celeba": celeba, "300w-lp": w300_lp, "aflw2000": aflw2000}, arguments)
