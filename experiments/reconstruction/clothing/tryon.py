"""Every texture on every shape: what several photographs are for."""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from experiments.reconstruction.clothing import views
from experiments.reconstruction.clothing.explanation import ExplainedGarment
from experiments.reconstruction.clothing.placement import crop_of
from experiments.reconstruction.overlay import picture_of
from experiments.reconstruction.turntable import FRAME_MILLISECONDS
from models.clothing.attributes import ClothingAttributes
from models.geometry.atomic import replace_when_complete

CELL_HEIGHT = 160
MOST = 10
"""Photographs that a grid shows."""
FRAMES = 24


def wearing(shape: ClothingAttributes, texture: ClothingAttributes) -> ClothingAttributes:
    """Shape and camera of one photograph in the colours of another: its texture, and the light that goes with it."""
    return shape._replace(texture=texture.texture, light=texture.light)


@torch.no_grad()
def grid(
    garments: Sequence[ExplainedGarment], turn_degrees: float = 0.0, height: int = CELL_HEIGHT
) -> Float[Tensor, "3 h w"]:
    """Photographs along the upper edge, whose shapes stand below, and along the left edge, whose textures they wear.

    On the diagonal everybody wears their own. `turn_degrees`: from farther round than the photographs.
    """
    first = garments[0]
    size = views.shown_size(first.photo.size, height=height)
    photographs = [crop_of(garment, garment.photo.person.picture, size) for garment in garments]
    rows = [torch.cat([torch.ones(3, *size), *photographs], 2)]
    for worn, photograph in zip(garments, photographs):
        cells = [
            views.coloured(
                views.turned(wearing(shape.attributes, worn.attributes), [turn_degrees]), shape.run.template, size
            )[0]
            for shape in garments
        ]
        rows.append(torch.cat([photograph, *cells], 2))
    return torch.cat(rows, 1)


def write_grid(garments: Sequence[ExplainedGarment], folder: Path, frames: int = FRAMES) -> None:
    """FOLDER/tryon.png, and tryon.gif in which everybody turns once; both or neither."""
    turning = [picture_of(grid(garments, 360 * frame / frames)) for frame in range(frames)]
    palette = [frame.quantize(256, dither=Image.Dither.NONE) for frame in turning]
    with replace_when_complete(folder / "tryon.png", folder / "tryon.gif") as (still, moving):
        turning[0].save(still, format="PNG")
        palette[0].save(
            moving,
            format="GIF",
            save_all=True,
            append_images=palette[1:],
            duration=FRAME_MILLISECONDS,
            loop=0,
        )
