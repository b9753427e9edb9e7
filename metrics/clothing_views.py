"""From where a reconstruction is looked at when no photograph shows that side (the paper's protocol)."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

TWELVE_VIEWS = tuple(f"view_{degrees}" for degrees in range(-180, 180, 30))
SETS = ("reconstruction", "rotation", "quarter_turns", *TWELVE_VIEWS)
"""Names of the sets of renderings: the predicted camera; a random azimuth and 90° on; the predicted azimuth ± 90°;
fixed azimuths every 30°. Elevation, distance and offset stay as predicted."""


def evaluation_azimuths(
    azimuth: Float[Tensor, " b"], index: Int[Tensor, " b"], *, twelve: bool = True
) -> list[tuple[str, Float[Tensor, " b"]]]:
    """(name of the set, azimuths in radians) of every rendering but the reconstruction, from the predicted azimuths.

    The random azimuth depends on the picture's `index` alone, so it is the same in every epoch, batch and process.
    `twelve` = False leaves the fixed views out, which cost three quarters of the renderings.
    """
    random = random_azimuths(index).to(azimuth)
    views = [("rotation", random), ("rotation", random + math.pi / 2)]
    views += [("quarter_turns", azimuth + turn) for turn in (math.pi / 2, -math.pi / 2)]
    if twelve:
        degrees = range(-180, 180, 30)
        views += [(name, torch.full_like(azimuth, math.radians(turn))) for name, turn in zip(TWELVE_VIEWS, degrees)]
    return views


def random_azimuths(index: Int[Tensor, " b"]) -> Float[Tensor, " b"]:
    """One number in [−π, π) a picture, from its index."""
    shares = [torch.rand((), generator=torch.Generator().manual_seed(int(each))) for each in index]
    return (2 * torch.stack(shares) - 1) * math.pi if shares else torch.zeros(0)
