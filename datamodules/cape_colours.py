"""Colours for CAPE's untextured people."""

import hashlib
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from datamodules.body_rendering import linear_colour

CapeColours = Literal["parts", "uniform"]
SKINS = ((0.93, 0.78, 0.69), (0.87, 0.68, 0.55), (0.70, 0.50, 0.38), (0.48, 0.33, 0.25))
HEAD, WAIST, KNEE, ANKLE = 0.84, 0.52, 0.28, 0.06
"""Heights of the parts in the stretched pose, as shares of the body's height."""
SHOULDER, ELBOW, WRIST = 0.12, 0.26, 0.40
"""Distances from the middle, as shares of the body's height."""


def cape_colours(canonical: np.ndarray, subject: str, sequence: str, kind: CapeColours) -> Tensor:
    """[v, 3] linear albedo: one grey for all, or skin, hair, upper and lower garment, shoes by the place of a vertex in
    the stretched pose [v, 3].

    Skin depends on the subject alone, garments on the sequence; 'short' and 'long' in its name end sleeves and trouser
    legs at elbow and knee or at wrist and ankle.
    """
    if kind == "uniform":
        return torch.full((len(canonical), 3), 0.5)
    person, dress = _generator(subject), _generator(f"{subject}/{sequence}")
    height = float(np.ptp(canonical[:, 1]))
    up = (canonical[:, 1] - canonical[:, 1].min()) / height
    aside = np.abs(canonical[:, 0] - np.median(canonical[:, 0])) / height
    front = canonical[:, 2] - np.median(canonical[:, 2])
    cloth = sequence.split("_")[0].lower()
    sleeve_end = ELBOW if cloth.startswith("short") else WRIST
    leg_end = KNEE if cloth.endswith("short") else ANKLE
    skin = linear_colour(*SKINS[person.integers(len(SKINS))])
    colours = np.tile(skin, (len(canonical), 1))
    arms = (aside > SHOULDER) & (up > WAIST)
    colours[(up <= WAIST) & (up > leg_end) & ~arms] = linear_colour(*dress.uniform(0.05, 0.9, 3))
    colours[(up > WAIST) & (up <= HEAD) & (aside <= sleeve_end)] = linear_colour(*dress.uniform(0.05, 0.95, 3))
    colours[up <= ANKLE] = linear_colour(*dress.uniform(0.05, 0.5, 3))
    hair = (up > HEAD) & (aside < SHOULDER) & ((up > 0.96) | ((front < 0) & (up > 0.88)))
    colours[hair] = linear_colour(*(person.uniform(0.05, 0.6) * np.array([1.0, 0.8, 0.6])))
    return torch.from_numpy(colours).float()


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))
