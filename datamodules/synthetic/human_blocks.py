"""What the blocks of a procedural person have in common: a bound, and layers of material to which they add."""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol

import numpy as np
from torch import Tensor

from datamodules.synthetic.human_folds import HIGHEST_CM
from datamodules.synthetic.human_parameters import HumanParameters
from datamodules.synthetic.human_skeleton import Skeleton


class Part(IntEnum):
    """Layers of material; a point belongs to the one whose distance is least."""

    SKIN = 0
    UPPER = 1
    OUTER = 2
    LOWER = 3
    HAIR = 4
    HAT = 5
    SHOES = 6
    BAG = 7
    ACCESSORY = 8
    TRIM = 9


class Addition(NamedTuple):
    """What a block adds to a layer."""

    part: Part
    distance: Tensor
    """[p] cm, negative inside."""
    width: float
    """Of the smooth union with what the layer already holds; 0 for a crease."""


class Context(NamedTuple):
    """What all blocks of one person share."""

    parameters: HumanParameters
    skeleton: Skeleton
    bands: Sequence[int]
    details: bool
    everywhere: bool
    """Skip nothing."""
    thinnest_cm: float
    """Walls of cloth are no thinner."""
    like: Tensor
    """Its type and device are those of the field."""


class Block(Protocol):
    """A part of a person that can be skipped far from its bound."""

    origin: np.ndarray
    """[3] in the model's frame; points are given about it, so that float32 loses nothing."""
    bound: tuple[np.ndarray, np.ndarray, float]
    """Start, end and radius of a capsule around all that the block adds."""

    def __call__(self, points: Tensor) -> list[Addition]:
        """From [3, p]."""
        ...


def near_mask(context: Context, distance: Tensor, reach: float) -> Tensor | None:
    """Where folds and details can show: within reach of a distance's zero. None for everywhere."""
    return None if context.everywhere else distance.abs() < reach


FOLD_REACH_CM = HIGHEST_CM + 3.6
"""Farther from unfolded cloth than this nothing shows of its folds: their height and the widest smooth union."""
