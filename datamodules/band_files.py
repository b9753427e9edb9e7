"""The folds of a procedural body as a file: TRUTH/<name>/bands.npz."""

from pathlib import Path

import numpy as np
import torch

from datamodules.samples import BandTruth
from models.geometry.array_files import read_archive


def no_bands() -> BandTruth:
    """q = 0: a body that nobody generated."""
    return BandTruth(torch.zeros(0, 3), torch.zeros(0, 3), torch.zeros(0), torch.zeros(0, 0), torch.zeros(0, 3))


def read_bands(path: Path) -> BandTruth:
    """Raises ValueError when an array is missing or holds numbers that are not finite."""
    try:
        arrays = read_archive(path, BandTruth._fields)
        bands = BandTruth(*(torch.from_numpy(arrays[name].astype(np.float32)) for name in BandTruth._fields))
    except (OSError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"The folds {path} cannot be read ({reason}): synthesize the body again.") from None
    if not all(bool(torch.isfinite(member).all()) for member in bands):
        raise ValueError(f"The folds {path} hold numbers that are not finite: synthesize the body again.")
    return bands
