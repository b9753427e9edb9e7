"""Pictures of one person with their calibrations: what a network is asked with."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from datamodules.crops import Crop, crop_photo
from experiments.reconstruction.bodies.people import Person
from models.geometry.view_cameras import HALF_EXTENT_CM, crop_views, orthographic_views

BODY_HEIGHT_CM = 180.0
CROP_OF_HEIGHT = 2 * HALF_EXTENT_CM / BODY_HEIGHT_CM
"""Side of the square around a person, in heights of the person: 1.138, as PIFu crops its pictures."""


@dataclass(frozen=True)
class BodyView:
    """One picture of the person."""

    person: Person
    view_from_body: Float[Tensor, "4 4"]
    """Of the whole picture; see `models.geometry.view_cameras`."""
    crop: Crop
    """The square that the network sees, in pixels of the picture."""

    @property
    def crop_from_body(self) -> Float[Tensor, "4 4"]:
        """The calibration of the crop."""
        left, top = self.crop.center_x - self.crop.side / 2, self.crop.center_y - self.crop.side / 2
        return crop_views(self.view_from_body, left, top, self.crop.side, self.crop.side, self.person.mask.shape)

    def image(self, size: int) -> Float[Tensor, "3 s s"]:
        """The crop's colours in [0, 1]; black outside the picture."""
        return crop_photo(self.person.picture, self.crop, size)[0]

    def mask(self, size: int) -> Float[Tensor, "1 s s"]:
        """The crop's mask, by half coverage."""
        covered = Image.fromarray(self.person.mask.astype(np.uint8) * 255)
        return (crop_photo(covered.convert("RGB"), self.crop, size)[0][:1] > 0.5).float()

    @property
    def share_cut_off(self) -> float:
        """Share of the person's pixels that the crop does not show."""
        rows, columns = np.nonzero(self.person.mask)
        half = self.crop.side / 2
        outside = (np.abs(rows + 0.5 - self.crop.center_y) > half) | (np.abs(columns + 0.5 - self.crop.center_x) > half)
        return float(outside.mean())


def parallel_view(person: Person, yaw: float = 0.0, pitch: float = 0.0, crop: Crop | None = None) -> BodyView:
    """A picture taken from afar, of a person turned by `yaw` (radians), whose height in it is taken for 180 cm.

    `crop` is the square of 204.8 cm around the body's origin; by default it is found from the mask.
    """
    crop = crop or crop_of_mask(person.mask)
    height, width = person.mask.shape
    left, top = crop.center_x - crop.side / 2, crop.center_y - crop.side / 2
    of_crop = orthographic_views(torch.tensor([yaw]), torch.tensor([pitch]))[0]
    # the picture is a part, in units of the crop's side, of that which the crop is a whole of
    scaled = (-left / crop.side, -top / crop.side, width / crop.side, height / crop.side)
    return BodyView(person, crop_views(of_crop, *scaled, (1, 1)), crop)


def crop_of_mask(mask: np.ndarray) -> Crop:
    """The square in which a person stands as bodies do in their frame: the origin is the median column, half way up."""
    rows, columns = np.nonzero(mask)
    top, bottom = float(rows.min()), float(rows.max() + 1)
    return Crop(float(np.median(columns)) + 0.5, (top + bottom) / 2, CROP_OF_HEIGHT * (bottom - top))


def warnings_of(view: BodyView) -> list[str]:
    """What is likely to go wrong with a picture, a sentence each."""
    person = view.person
    left, top, right, bottom = person.box
    found = []
    if view.share_cut_off > 0.005:
        found.append(
            f"{person.path}: {100 * view.share_cut_off:.0f} % of the person reach beyond the square of "
            f"{2 * HALF_EXTENT_CM:.0f} cm that is reconstructed, and are cut off"
        )
    if right - left > 1.15 * (bottom - top):
        found.append(f"{person.path}: the person is wider than tall; only upright people come out well")
    return found


def yaw_degrees(view: BodyView) -> float:
    """From where the picture was taken: how far the person is turned in it."""
    towards = view.view_from_body[2, :3]
    return math.degrees(math.atan2(-float(towards[0]), float(towards[2])))
