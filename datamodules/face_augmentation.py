"""Random flips, scales, shifts, rotations and colour gains for a whole batch of faces at once.

Every random number is a hash of (seed, epoch, picture, which number), so that a picture is augmented alike whatever the
batch, the worker or the restart that it falls into.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from datamodules.landmarks import FIRST_SIDED_CLASS, FLIP_PERMUTATION, LAST_SIDED_CLASS

WINDOW_SHARE = 1.2
"""Augmentation looks into a window this many times the crop's side: zooming out and shifting find picture, not
padding."""


@dataclass(frozen=True)
class FaceAugmentation:
    """How far training pictures are changed; all zeros change nothing.

    gain: each colour channel is multiplied by U(1 - gain, 1 + gain), never so far that it clips where it did not
    before. flip: probability of the mirror image. scale: zoom by U(1 - scale, 1 + scale). shift: share of the side,
    each axis. rotation_degrees: in the picture's plane, to either side.
    """

    gain: float = 0.2
    flip: float = 0.5
    scale: float = 0.1
    shift: float = 0.04
    rotation_degrees: float = 0.0


DEFAULT_AUGMENTATION = FaceAugmentation()


def augmented_batch(
    windows: Tensor,
    landmarks: Tensor,
    segmentation: Tensor,
    size: int,
    augmentation: FaceAugmentation,
    uniforms: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Crops of windows, changed at random: images [b, 3, size, size] in [0, 1], landmarks [b, 68, 2] in their pixels
    and segmentation [b, size, size] int64.

    windows: [b, 3, m, m] uint8, showing WINDOW_SHARE times the crop's side. landmarks: [b, 68, 2] in pixels of the crop
    without augmentation. segmentation: [b, m, m] uint8 classes. uniforms: [b, 8] in [0, 1).
    """
    flipped = uniforms[:, 0] < augmentation.flip
    scale = 1 + augmentation.scale * (2 * uniforms[:, 1] - 1)
    shift = augmentation.shift * (2 * uniforms[:, 2:4] - 1)
    angle = math.radians(augmentation.rotation_degrees) * (2 * uniforms[:, 4] - 1)
    mirror = torch.where(flipped, -1.0, 1.0)
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    # about the centre, in half sides: changed = linear @ original + 2 shift
    linear = torch.stack([cosine * mirror, -sine, sine * mirror, cosine], -1).view(-1, 2, 2)
    inverse = torch.linalg.inv(linear)

    offset = -(inverse @ (2 * shift)[..., None])
    from_centres = torch.cat([inverse, offset], -1) / WINDOW_SHARE  # [b, 2, 3]
    planes = from_centres @ _pixel_centres(size, windows.device)
    grid = planes.view(-1, 2, size, size).permute(0, 2, 3, 1)
    images = torch.nn.functional.grid_sample(windows.float(), grid, mode="bilinear", align_corners=False)
    sampled = torch.nn.functional.grid_sample(segmentation[:, None].float(), grid, mode="nearest", align_corners=False)
    classes = sampled[:, 0].to(torch.uint8)
    sided = (classes >= FIRST_SIDED_CLASS) & (classes <= LAST_SIDED_CLASS) & flipped[:, None, None]
    classes ^= sided.to(torch.uint8)  # 4 and 5, 6 and 7, 8 and 9 change places (CLASS_FLIP)

    half = size / 2
    moved = (linear[:, None] @ (landmarks - half)[..., None]).squeeze(-1) + half + (shift * size)[:, None]
    moved = torch.where(flipped[:, None, None], moved[:, list(FLIP_PERMUTATION)], moved)

    gain = 1 + augmentation.gain * (2 * uniforms[:, 5:8] - 1)
    gain = torch.minimum(gain, (255 / images.amax((2, 3)).clamp(min=1)).clamp(min=1.0))
    return images.mul_((gain / 255)[:, :, None, None]), moved, classes.long()


def _pixel_centres(size: int, device: torch.device) -> Tensor:
    """[3, size * size] homogeneous x and y of the pixel centres in half sides from the middle."""
    axis = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x.flatten(), y.flatten(), torch.ones_like(x).flatten()])


def hashed_uniforms(seed: int, epochs: np.ndarray, indices: np.ndarray, count: int) -> Tensor:
    """[b, count] float32 in [0, 1): a hash of the seed, the epoch, the picture and the column (SplitMix64's mixer)."""
    with np.errstate(over="ignore"):
        key = _mixed(np.full(1, seed, np.uint64) + np.uint64(0x9E3779B97F4A7C15))
        key = _mixed(key ^ epochs.astype(np.uint64))
        key = _mixed(key ^ (indices.astype(np.uint64) << np.uint64(20)))
        columns = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        bits = _mixed(key[:, None] + columns[None])
    return torch.from_numpy((bits >> np.uint64(40)).astype(np.float32) / np.float32(2**24))


def _mixed(state: np.ndarray) -> np.ndarray:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
