"""The reconstruction drawn over the photograph, in the photograph's own frame and resolution."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from experiments.reconstruction.drawing import Drawing, Sight, look, paint
from models.geometry.mesh import Mesh

LARGEST_DRAWING = 1024
"""Larger ones are drawn at this size and enlarged, to keep time and memory small on large photographs."""
MESH_OUTLINE = (60, 255, 90)
MASK_OUTLINE = (255, 60, 60)


@dataclass(frozen=True)
class Window:
    """Whole pixels of the photograph, and how much they are reduced for drawing."""

    left: int
    top: int
    width: int
    height: int
    reduction: float


def window_around(points: Float[Tensor, "p 3"], photo_size: tuple[int, int]) -> Window:
    """The pixels of a (width, height) photograph that the projected points can touch."""
    low = points[:, :2].amin(0).floor().int().tolist()
    high = points[:, :2].amax(0).ceil().int().tolist()
    left, top = max(0, min(low[0] - 2, photo_size[0] - 1)), max(0, min(low[1] - 2, photo_size[1] - 1))
    right, bottom = max(left + 1, min(high[0] + 2, photo_size[0])), max(top + 1, min(high[1] + 2, photo_size[1]))
    width, height = right - left, bottom - top
    return Window(left, top, width, height, min(1.0, LARGEST_DRAWING / max(width, height)))


def draw_over(
    photo: Image.Image,
    mesh: Mesh,
    vertices_photo: Float[Tensor, "v 3"],
    *,
    light: Float[Tensor, "9 3"] | None = None,
) -> Image.Image:
    """A mesh over the photograph. `vertices_photo` are its vertices in pixels of the photograph, the third the depth.

    `light` as for `draw`.
    """
    placed = look_over(photo.size, mesh, vertices_photo)
    return pasted(photo, paint(mesh, placed.sight, light=light), placed.window)


class PlacedSight(NamedTuple):
    """What is seen of a mesh in its place in a photograph."""

    sight: Sight
    window: Window


def look_over(photo_size: tuple[int, int], mesh: Mesh, vertices_photo: Float[Tensor, "v 3"]) -> PlacedSight:
    """The costly part of `draw_over`, of a photograph of (width, height)."""
    window = window_around(vertices_photo, photo_size)
    corner = vertices_photo.new_tensor([window.left, window.top, 0])
    size = (max(1, round(window.height * window.reduction)), max(1, round(window.width * window.reduction)))
    return PlacedSight(look(mesh, (vertices_photo - corner) * window.reduction, size), window)


def pasted(photo: Image.Image, drawing: Drawing, window: Window) -> Image.Image:
    """The drawing in front of the photograph, blended by its coverage."""
    coverage = coverage_picture(drawing, window)
    opaque = drawing.image / drawing.coverage.clamp_min(1e-3)
    front = picture_of(opaque).resize((window.width, window.height))
    result = photo.copy()
    result.paste(front, (window.left, window.top), coverage)
    return result


def mask_in_photo(photo_size: tuple[int, int], drawing: Drawing, window: Window) -> Image.Image:
    """White where the drawing covers a photograph of (width, height), black elsewhere."""
    mask = Image.new("L", photo_size)
    mask.paste(coverage_picture(drawing, window), (window.left, window.top))
    return mask


def coverage_picture(drawing: Drawing, window: Window) -> Image.Image:
    return picture_of(drawing.coverage.expand(3, -1, -1)).convert("L").resize((window.width, window.height))


def outlined(photo: Image.Image, mask: Bool[np.ndarray, "h w"], silhouette: Bool[np.ndarray, "h w"]) -> Image.Image:
    """The photograph with the mesh's outline in green over the mask's in red, darker outside the mesh."""
    pixels = np.array(photo)
    pixels[~silhouette] = pixels[~silhouette] // 2
    width = max(1, round(max(pixels.shape) / 500))
    for region, colour in ((mask, MASK_OUTLINE), (silhouette, MESH_OUTLINE)):
        outlines, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(pixels, outlines, -1, colour, width)
    return Image.fromarray(pixels)


def overlap(first: Bool[np.ndarray, "h w"], second: Bool[np.ndarray, "h w"]) -> float:
    """Intersection over union."""
    return float((first & second).sum() / max(1, (first | second).sum()))


def picture_of(image: Float[Tensor, "3 h w"]) -> Image.Image:
    """[3 h w] in [0, 1] as an 8-bit picture."""
    return Image.fromarray((image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy())


def normal_picture(normals: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    """Unit normals as colours, (n + 1) / 2; empty pixels stay the neutral (0.5, 0.5, 0.5)."""
    return torch.where(normals.square().sum(0, keepdim=True) > 0.25, (normals + 1) / 2, 0.5)
