"""The square that the networks see: where it lies in the photograph, and the way there and back.

Geometry in the pixel-centre convention: the centre of the pixel in row i and column j is the point (j + 1/2, i + 1/2),
so that a crop of side a shown on s pixels maps x to (x - left) * s / a without any half-pixel shift.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor


class Crop(NamedTuple):
    """A square in the photograph, in pixels; it may reach outside."""

    center_x: float
    center_y: float
    side: float

    def enlarged(self, factor: float) -> "Crop":
        """The square about the same centre with `factor` times the side."""
        return Crop(self.center_x, self.center_y, self.side * factor)

    def image_from_photo(self, size: int) -> Tensor:
        """[2, 3] float64: the affine map from points of the photograph to points of the crop shown on size x size
        pixels."""
        scale = size / self.side
        left, top = self.center_x - self.side / 2, self.center_y - self.side / 2
        return torch.tensor([[scale, 0.0, -scale * left], [0.0, scale, -scale * top]], dtype=torch.float64)

    def photo_from_image(self, size: int) -> Tensor:
        """[2, 3] float64: the inverse of `image_from_photo`."""
        scale = self.side / size
        left, top = self.center_x - self.side / 2, self.center_y - self.side / 2
        return torch.tensor([[scale, 0.0, left], [0.0, scale, top]], dtype=torch.float64)


def face_crop(landmarks: np.ndarray | Tensor) -> Crop:
    """The square around a face with the given [p, 2] points in pixels of the photograph.

    With the points' box of width w and height h: centre at its middle column and 0.4 h below its top, half side
    max(0.8 w, 0.6 h), never rotated (Chen et al., TIP 2020, the authors' code). Raises ValueError when the points
    coincide.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    left, top = points.min(0)
    right, bottom = points.max(0)
    return box_crop(left, top, right, bottom)


def box_crop(left: float, top: float, right: float, bottom: float) -> Crop:
    """As `face_crop`, from the box between brows and chin. Raises ValueError when the box is empty or not finite."""
    width, height = right - left, bottom - top
    if not (math.isfinite(width) and math.isfinite(height) and max(width, height) > 1 and min(width, height) >= 0):
        raise ValueError(
            f"The face's box from ({left:g}, {top:g}) to ({right:g}, {bottom:g}) is empty: give the box of a face in "
            f"pixels."
        )
    half = max(0.8 * width, 0.6 * height)
    return Crop(float(left + right) / 2, float(top + 0.4 * height), float(2 * half))


def whole_picture_crop(width: int, height: int) -> Crop:
    """The smallest square that holds the whole picture, for pictures that are portraits already."""
    return Crop(width / 2, height / 2, float(max(width, height)))


def crop_photo(photo: Image.Image, crop: Crop, size: int) -> tuple[Tensor, Tensor]:
    """The crop as [3, size, size] RGB in [0, 1], and the affine map [2, 3] from the photograph's points to the crop's.

    Shrinks with an area filter (no aliasing), enlarges bilinearly; black outside the photograph.
    """
    pixels = torch.from_numpy(crop_pixels(photo, crop, size)).permute(2, 0, 1)
    return pixels.float() / 255, crop.image_from_photo(size)


def crop_pixels(photo: Image.Image, crop: Crop, size: int) -> np.ndarray:
    """[size, size, 3] uint8, as `crop_photo`."""
    return _resampled(photo, crop, size, Image.Resampling.BILINEAR)


def crop_segmentation(segmentation: Image.Image, crop: Crop, size: int) -> np.ndarray:
    """[size, size] uint8 classes, by nearest neighbour; 0 (background) outside the photograph."""
    return _resampled(segmentation, crop, size, Image.Resampling.NEAREST)


def crop_values(values: Tensor, valid: Tensor, crop: Crop, size: int) -> tuple[Tensor, Tensor]:
    """Floating-point maps [c, h, w] of the photograph, known where valid [h, w], to [c, size, size] and their validity.

    Bilinear among the valid pixels only, so that nothing bleeds in over an outline; 0 where fewer than half of the
    weight is valid.
    """
    step = crop.side / size
    columns = crop.center_x - crop.side / 2 + (torch.arange(size, dtype=torch.float64) + 0.5) * step
    rows = crop.center_y - crop.side / 2 + (torch.arange(size, dtype=torch.float64) + 0.5) * step
    height, width = valid.shape
    x = (2 * columns / width - 1).to(values.dtype)[None, :].expand(size, size)
    y = (2 * rows / height - 1).to(values.dtype)[:, None].expand(size, size)
    weighted = torch.cat([torch.where(valid, values, 0), valid[None].to(values.dtype)])
    sampled = torch.nn.functional.grid_sample(
        weighted[None], torch.stack([x, y], -1)[None], mode="bilinear", padding_mode="zeros", align_corners=False
    )[0]
    known = sampled[-1] >= 0.5
    return torch.where(known, sampled[:-1] / sampled[-1].clamp(min=0.5), 0), known


def move_points(points: np.ndarray, affine: Tensor) -> np.ndarray:
    """[p, 2] points through an affine map [2, 3], in the points' own precision."""
    matrix = affine.numpy()
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(points.dtype)


def _resampled(picture: Image.Image, crop: Crop, size: int, filter_: Image.Resampling) -> np.ndarray:
    left, top = crop.center_x - crop.side / 2, crop.center_y - crop.side / 2
    # cut the part that the filter can reach first: Pillow fills what lies outside with zeros, but only for whole pixels
    reach = math.ceil(max(crop.side / size, 1.0)) + 1
    outer_left, outer_top = math.floor(left) - reach, math.floor(top) - reach
    outer_right, outer_bottom = math.ceil(left + crop.side) + reach, math.ceil(top + crop.side) + reach
    cut = picture.crop((outer_left, outer_top, outer_right, outer_bottom))
    box = (left - outer_left, top - outer_top, left - outer_left + crop.side, top - outer_top + crop.side)
    return np.array(cut.resize((size, size), filter_, box=box))
