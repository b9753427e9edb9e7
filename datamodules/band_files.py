"""The folds of a procedural body as a file: TRUTH/<name>/bands.npz."""

from pathlib import Path

import numpy as np
import torch

from datamodules.samples import BandTruth


def no_bands() -> BandTruth:
    """q = 0: a body that nobody generated."""
    return BandTruth(torch.zeros(0, 3), torch.zeros(0, 3), torch.zeros(0), torch.zeros(0, 0), torch.zeros(0, 3))


def read_bands(path: Path) -> BandTruth:
    """Raises ValueError when an array is missing or holds numbers that are not finite."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            bands = BandTruth(*(torch.from_numpy(arrays[name].astype(np.float32)) for name in BandTruth._fields))
    except Exception as error:  # damaged archives end in KeyError, OSError, BadZipFile and more
        reason = str(error).split("\n")[0]
        raise ValueError(f"The folds {path} cannot be read ({reason}): synthesize the body again.") from None
    if not all(bool(torch.isfinite(member).all()) for member in bands):
        raise ValueError(f"The folds {path} hold numbers that are not finite: synthesize the body again.")
    return bands
