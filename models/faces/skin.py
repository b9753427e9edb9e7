"""Where a picture shows skin: from its segmentation, or, without one, from its landmarks."""

import warnings

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.geometry.polygons import inside_polygon

SKIN_CLASSES = (1, 2, 6, 7, 11, 12)
"""Skin, nose, brows and lips in CelebAMask-HQ's numbering: what colours are compared on."""

OUTLINE = (*range(17), *range(26, 16, -1))
HOLES = (range(36, 42), range(42, 48), range(60, 68))
"""Both eyes and the inside of the mouth."""


def skin_from_landmarks(landmarks: Float[Tensor, "b 68 2"], side: int) -> Bool[Tensor, "b s s"]:
    """Inside jaw and brows, but not in the eyes or between the lips. No forehead; hair and glasses are not seen."""
    skin = inside_polygon(landmarks[:, list(OUTLINE)], side, side)
    for hole in HOLES:
        skin = skin & ~inside_polygon(landmarks[:, list(hole)], side, side)
    return skin


def skin_mask(
    segmentation: Int[Tensor, "b s s"], landmarks: Float[Tensor, "b 68 2"], known: Float[Tensor, "b 68"]
) -> Bool[Tensor, "b s s"]:
    """Skin of each picture: by its segmentation; where that is -1, by its landmarks; without both, nowhere: a measure
    must not take glasses and hair for skin without a word.
    """
    # a table instead of torch.isin, which takes twenty times as long; the last entry is for -1
    table = torch.zeros(256, dtype=torch.bool, device=segmentation.device)
    table[list(SKIN_CLASSES)] = True
    segmented = table[segmentation]
    without = segmentation.amax((1, 2)) < 0
    if not bool(without.any()):
        return segmented
    outlined = skin_from_landmarks(landmarks, segmentation.shape[-1]) & (known.amin(1) > 0)[:, None, None]
    return torch.where(without[:, None, None], outlined, segmented)


def skin_or_everything(
    segmentation: Int[Tensor, "b s s"], landmarks: Float[Tensor, "b 68 2"], known: Float[Tensor, "b 68"]
) -> Bool[Tensor, "b s s"]:
    """`skin_mask` for training, where a picture with neither segmentation nor landmarks teaches by all its pixels that
    the model covers. Warns of it once: hair and glasses then become colour and shape.
    """
    unknown = (segmentation.amax((1, 2)) < 0) & (known.amin(1) == 0)
    if bool(unknown.any()):
        warnings.warn(
            "Some training pictures have neither a mask nor landmarks, so hair and glasses over the face are taken for "
            "skin: put masks/ or landmarks/ beside them.",
            stacklevel=2,
        )
    return skin_mask(segmentation, landmarks, known) | unknown[:, None, None]
