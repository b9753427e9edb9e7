"""Whether several pictures can show one person from where they are said to be taken."""

import numpy as np
import torch
from torch.nn.functional import interpolate

from datamodules.visual_hull import in_every_mask
from experiments.errors import UserError
from experiments.reconstruction.bodies.views import BodyView
from models.geometry.view_cameras import HALF_EXTENT_CM

CELLS = 64
MASK_SIDE = 128
BLOCKS = 32
LEAST_COVERED, WELL_COVERED = 0.6, 0.85
"""Share of every mask that the hull of all masks must cover, and should."""


def disagreement(views: list[BodyView]) -> str | None:
    """A warning where the hull of the masks leaves much of one of them uncovered; None where they agree.

    Raises:
        UserError: they contradict each other; the sentence names the view that the others agree without.
    """
    if len(views) < 2:
        return None
    covered = covered_shares(views)
    worst = min(covered)
    if worst >= WELL_COVERED:
        return None
    blamed = blamed_view(views)
    found = f"the masks agree on {100 * worst:.0f} % of the person only"
    if blamed is not None:
        found += f", and without {blamed.person.path} on more"
    if worst < LEAST_COVERED:
        raise UserError(
            f"{found}; check the calibration (yaw, projection) and the masks, or leave the view out"
            if blamed is not None
            else f"{found} ({', '.join(str(view.person.path) for view in views)}); check calibration and masks"
        )
    return f"{found}; a calibration or a mask is off, or the person moved"


def blamed_view(views: list[BodyView]) -> BodyView | None:
    """The one view without which the others agree well."""
    if len(views) < 3:
        return None
    without = [min(covered_shares(views[:number] + views[number + 1 :])) for number in range(len(views))]
    best = int(np.argmax(without))
    others = sorted(without)[-2]
    return views[best] if without[best] >= WELL_COVERED and without[best] > others + 0.02 else None


def covered_shares(views: list[BodyView]) -> list[float]:
    """For every view the share of its mask, in blocks of 6 cm, that points inside all masks project into."""
    masks = torch.stack([view.mask(MASK_SIDE) for view in views])
    calibrations = np.stack([view.crop_from_body.double().numpy() for view in views])
    steps = (np.arange(CELLS) + 0.5) * (2 * HALF_EXTENT_CM / CELLS) - HALF_EXTENT_CM
    points = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    hull = points[in_every_mask(masks[:, 0].numpy() > 0.5, calibrations, points)]
    shares = []
    for mask, calibration in zip(interpolate(masks, (BLOCKS, BLOCKS), mode="area")[:, 0].numpy() > 0.6, calibrations):
        h = hull @ calibration[:, :3].T + calibration[:, 3]
        position = (h[:, :2] / h[:, 3:] + 1) * (BLOCKS / 2)
        column, row = position.astype(int).clip(0, BLOCKS - 1).T
        reached = np.zeros((BLOCKS, BLOCKS), dtype=bool)
        reached[row, column] = True
        shares.append(float((reached & mask).sum() / max(1, mask.sum())))
    return shares
