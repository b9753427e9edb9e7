"""Random changes to the pictures of a body, each through its calibration, so that points keep falling on it."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from datamodules.body_records import BodyNormals
from models.geometry.view_cameras import crop_views, flip_views, is_perspective

LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class BodyAugmentation:
    """How far training pictures are changed; all zeros change nothing.

    flip: probability that all pictures of an item are mirrored. scale: zoom of each picture by U(1 - scale, 1 + scale).
    shift: share of the side, each axis of each picture. brightness, contrast, saturation: factors U(1 - x, 1 + x) of
    each picture. hue: turn by up to this share of the circle. grey: probability of a picture without colour.
    blur_pixels: sigma up to this, the same for all pictures of an item.

    PIFu's flags are flip .5, scale .1, shift .02; PIFuHD's colours brightness .2, contrast .2, saturation .05, hue .05,
    grey .1.
    """

    flip: float = 0.5
    scale: float = 0.1
    shift: float = 0.02
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.05
    hue: float = 0.0
    grey: float = 0.0
    blur_pixels: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0 or (name not in ("blur_pixels",) and value > 1):
                raise ValueError(f"The augmentation {name} is {value}: give a number from 0 to 1.")


NO_AUGMENTATION = BodyAugmentation(0, 0, 0, 0, 0, 0, 0, 0, 0)


class Changes(NamedTuple):
    """What happens to the n pictures of one item."""

    flip: bool
    scale: np.ndarray
    """[n] zoom about the middle."""
    shift: np.ndarray
    """[n, 2] right and down, share of the side."""
    jitter: np.ndarray
    """[n, 5] in [0, 1): brightness, contrast, saturation, hue, grey."""
    blur: float
    """Sigma in pixels."""


def drawn_changes(augmentation: BodyAugmentation, number: int, generator: np.random.Generator) -> Changes:
    """Always takes the same number of random numbers from the generator."""
    return Changes(
        flip=bool(generator.random() < augmentation.flip),
        blur=float(augmentation.blur_pixels * generator.random()),
        scale=1 + augmentation.scale * (2 * generator.random(number) - 1),
        shift=augmentation.shift * (2 * generator.random((number, 2)) - 1),
        jitter=generator.random((number, 5)),
    )


def augmented_views(
    images: Tensor,
    masks: Tensor,
    view_from_body: Tensor,
    augmentation: BodyAugmentation,
    generator: np.random.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Images [n, 3, h, w] in [0, 1], masks [n, 1, h, w] of 0 and 1 and calibrations [n, 4, 4], changed at random."""
    changes = drawn_changes(augmentation, len(images), generator)
    maps, view_from_body = moved(torch.cat([images, masks], 1), view_from_body, changes)
    images = blurred(recoloured(maps[:, :3], augmentation, changes.jitter), changes.blur)
    return images, (maps[:, 3:] >= 0.5).float(), view_from_body


def augmented_normals(
    image: Tensor,
    mask: Tensor,
    normals: BodyNormals,
    augmentation: BodyAugmentation,
    generator: np.random.Generator,
) -> tuple[Tensor, Tensor, BodyNormals]:
    """One image [3, h, w], its mask [1, h, w] and its normal maps, changed at random; a mirrored picture's normals are
    mirrored with their x negated."""
    changes = drawn_changes(augmentation, 1, generator)
    stack = torch.cat([image, mask, normals.front, normals.back])[None]
    (maps,), _ = moved(stack, torch.eye(4)[None], changes)
    image = blurred(recoloured(maps[None, :3], augmentation, changes.jitter), changes.blur)[0]
    mask = (maps[3:4] >= 0.5).float()
    sides = maps[4:].reshape(2, 3, *maps.shape[1:])
    if changes.flip:
        sides = sides * torch.tensor([-1.0, 1.0, 1.0])[:, None, None]
    front, back = torch.nn.functional.normalize(sides, dim=1) * mask
    return image, mask, BodyNormals(front, back)


def moved(maps: Tensor, view_from_body: Tensor, changes: Changes) -> tuple[Tensor, Tensor]:
    """Maps [n, c, h, w] and their calibrations [n, 4, 4]: zoomed, shifted and mirrored; 0 where a picture is entered
    from outside.

    Zooming a parallel view scales its depth too, as PIFu does: the picture then is that of a larger body.
    """
    if (changes.scale != 1).any() or changes.shift.any():
        maps, view_from_body = zoomed(maps, view_from_body, changes.scale, changes.shift)
    if changes.flip:
        maps, view_from_body = maps.flip(-1), flip_views(view_from_body)
    return maps, view_from_body


def zoomed(maps: Tensor, view_from_body: Tensor, scale: np.ndarray, shift: np.ndarray) -> tuple[Tensor, Tensor]:
    """As `moved`, without mirroring; bilinear."""
    height, width = maps.shape[2:]
    views = torch.empty_like(view_from_body)
    for k, (zoom, (right, down)) in enumerate(zip(scale.tolist(), shift.tolist())):
        # the window in the old picture that becomes the new one
        window_width, window_height = width / zoom, height / zoom
        left = (width - window_width) / 2 - right * window_width
        top = (height - window_height) / 2 - down * window_height
        views[k] = crop_views(view_from_body[k], left, top, window_width, window_height, (height, width))
        if not is_perspective(view_from_body[k]):
            views[k, 2] *= zoom
    if (scale == 1).all():
        return torch.stack([shifted(one, *by) for one, by in zip(maps, shift.tolist())]), views
    columns = ((2 * torch.arange(width) + 1) / width - 1).expand(height, width)
    rows = ((2 * torch.arange(height) + 1) / height - 1)[:, None].expand(height, width)
    grid = torch.stack(
        [
            torch.stack([(columns - 2 * right) / zoom, (rows - 2 * down) / zoom], -1)
            for zoom, (right, down) in zip(scale.tolist(), shift.tolist())
        ]
    )
    moved_maps = torch.nn.functional.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return moved_maps, views


def shifted(maps: Tensor, right: float, down: float) -> Tensor:
    """Maps [c, h, w] moved by shares of their sides, as `zoomed` moves them, at a fraction of what sampling costs."""
    for axis, share in ((-1, right), (-2, down)):
        side = maps.shape[axis]
        whole = math.floor(-share * side)
        weight = -share * side - whole
        border = [max(-whole, 0), max(whole + 1, 0)]  # of zeros, before the picture and behind it
        padded = torch.nn.functional.pad(maps, border if axis == -1 else [0, 0, *border])
        near, far = (padded.narrow(axis, max(whole, 0) + step, side) for step in (0, 1))
        maps = torch.lerp(near, far, weight)
    return maps


def recoloured(images: Tensor, augmentation: BodyAugmentation, jitter: np.ndarray) -> Tensor:
    """Brightness, contrast, saturation, hue and grey of each picture, from jitter [n, 5] in [0, 1)."""
    if not (
        augmentation.brightness
        or augmentation.contrast
        or augmentation.saturation
        or augmentation.hue
        or augmentation.grey
    ):
        return images
    spread = 2 * torch.from_numpy(jitter).float() - 1
    matrices = torch.stack([_colour_matrix(augmentation, row) for row in spread])
    matrices[torch.from_numpy(jitter[:, 4] < augmentation.grey)] = torch.tensor(LUMA).expand(3, 3)
    matrices = (1 + augmentation.brightness * spread[:, 0, None, None]) * matrices
    contrast = 1 + augmentation.contrast * spread[:, 1, None, None]
    means = matrices @ images.mean((2, 3))[:, :, None]
    middle = (torch.tensor(LUMA) @ means)[:, None]  # the contrast's fixed point
    # everything but the cut is linear: one product a picture
    changed = torch.baddbmm((1 - contrast) * middle, contrast * matrices, images.flatten(2))
    return changed.clamp_(0, 1).unflatten(2, images.shape[2:])


def _colour_matrix(augmentation: BodyAugmentation, spread: Tensor) -> Tensor:
    """[3, 3] from RGB to RGB: saturation about the luma, hue as a turn about the grey axis."""
    saturation = 1 + augmentation.saturation * float(spread[2])
    angle = 2 * math.pi * augmentation.hue * float(spread[3])
    third, root = 1 / 3, math.sqrt(1 / 3)
    grey_axis = torch.full((3, 3), third)
    cross = torch.tensor([[0, -root, root], [root, 0, -root], [-root, root, 0]])
    turn = math.cos(angle) * torch.eye(3) + (1 - math.cos(angle)) * grey_axis + math.sin(angle) * cross
    return (saturation * torch.eye(3) + (1 - saturation) * torch.tensor(LUMA).expand(3, 3)) @ turn


def blurred(images: Tensor, sigma: float) -> Tensor:
    """A Gaussian of `sigma` pixels along both axes, borders repeated; sharp pictures below a tenth of a pixel."""
    if sigma < 0.1:
        return images
    reach = math.ceil(3 * sigma)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).expand(3, 1, 1, -1)
    padded = torch.nn.functional.pad(images, [reach] * 4, mode="replicate")
    rows = torch.nn.functional.conv2d(padded, weights, groups=3)
    return torch.nn.functional.conv2d(rows, weights.mT, groups=3)
