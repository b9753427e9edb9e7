"""Photographs whose explanation is known, and a run that says it: what the tests of clothing's outputs stand on."""

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageSequence
from torch import Tensor

from lightning_modules.clothing import Clothing
from models.clothing.attributes import ClothingAttributes, ClothingCamera
from models.clothing.renderer import ClothingRendering
from models.clothing.template import ellipsoid_template

PLAIN_LIGHT = 1 / 0.28209479
"""Of the first coefficient: colours are shown as they are."""
FITTING_DISTANCE = math.hypot(2.5, 0.225)
"""From here the ellipsoid fills 0.9 of the picture's height and width, as a window around a mask is filled."""


def gradient_texture(height: int = 64, width: int = 64) -> Tensor:
    """[3, 2 h, w]: red grows from -x to +x, green from the bottom to the top, front and back alike."""
    up = ((torch.arange(height) + 0.5) / height)[:, None].expand(height, width)
    across = ((torch.arange(width) + 0.5) / width).expand(height, width)
    half = torch.stack([across, up, torch.full_like(up, 0.25)])
    return torch.cat([half, half.flip(1)], 1)


def known_attributes(self: Clothing, images: Tensor, texture: Tensor, **camera: float) -> ClothingAttributes:
    """The paper's first template in a texture, seen by a camera (azimuth, elevation, distance, offset_x)."""
    number = len(images)
    vertices = ellipsoid_template().vertices.expand(number, -1, -1)

    def each(name: str, otherwise: float) -> Tensor:
        return torch.full((number,), camera.get(name, otherwise))

    offset = torch.stack([each("offset_x", 0.0), torch.zeros(number)], 1)
    angles = each("azimuth", 0.0), each("elevation", 0.0)
    seen = ClothingCamera(*angles, each("distance", FITTING_DISTANCE), offset, torch.zeros(number, 2))
    light = torch.zeros(number, 9)
    light[:, 0] = PLAIN_LIGHT
    return ClothingAttributes(
        seen, torch.zeros_like(vertices), vertices, texture.expand(number, -1, -1, -1), light, torch.ones_like(images)
    )


def knowing(texture: Tensor | None = None, **camera: float):
    """In place of `Clothing.explain`: what is known. Without a texture, the mean colour inside the mask."""

    def explain(self: Clothing, images: Tensor, masks: Tensor) -> tuple[ClothingAttributes, ClothingRendering]:
        colours = texture
        if colours is None:
            mean = (images * masks).sum((2, 3)) / masks.sum((2, 3))
            colours = mean[:, :, None, None].expand(-1, -1, 16, 8)
        attributes = known_attributes(self, images, colours, **camera)
        return attributes, self.reconstructor.render(attributes, (images.shape[2], images.shape[3]))

    return explain


def oval_photograph(
    folder: Path,
    name: str,
    size: tuple[int, int] = (300, 400),
    centre: tuple[int, int] = (90, 230),
    half_axes: tuple[int, int] = (30, 60),
    colour: tuple[int, int, int] = (200, 40, 40),
) -> tuple[Path, Path]:
    """A photograph of (width, height) pixels with a coloured oval before noise, and its mask."""
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    mask = ((x - centre[0]) / half_axes[0]) ** 2 + ((y - centre[1]) / half_axes[1]) ** 2 < 1
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    pixels[mask] = colour
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / f"{name}.png")
    Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
    return folder / f"{name}.png", folder / "masks" / f"{name}.png"


def number_of_frames(path: Path) -> int:
    with Image.open(path) as moving:
        return sum(1 for _ in ImageSequence.Iterator(moving))
