"""The part of a photograph that its mask fills: cut out before the encoders look, taken into account behind them."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from models.clothing.attributes import CameraRanges, ClothingCamera

FILLED = 0.9
"""Share of a frame's height or width that its mask spans."""
FILLING_DISTANCE = 2.5
"""From which a template of 1.8 units spans as much of a picture."""


class MaskFrame(NamedTuple):
    """Rectangles of the photographs' own shape around each mask: its box in the middle from top to bottom, its centre
    of mass from side to side, which a bag in a hand moves less."""

    centre: Float[Tensor, "b 2"]
    """-1..1 from border to border of the photograph, x right, y up."""
    share: Float[Tensor, " b"]
    """Of the photograph's sides; more than 1 where the frame reaches beyond it."""

    def cut(
        self, images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"]
    ) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b 1 h w"]]:
        """Colours and masks of the frames, in the photographs' size. Colours go on beyond a border, masks end there.

        Differentiable in both.
        """
        zero = torch.zeros_like(self.share)
        rows = [self.share, zero, self.centre[:, 0], zero, self.share, -self.centre[:, 1]]
        grid = affine_grid(torch.stack(rows, 1).reshape(-1, 2, 3), list(images.shape), align_corners=False)
        colours = grid_sample(images, grid, padding_mode="border", align_corners=False)
        return colours, grid_sample(masks, grid, align_corners=False)

    def in_photograph(self, camera: ClothingCamera, ranges: CameraRanges) -> ClothingCamera:
        """The camera of a frame as one of the whole photograph: as much farther off as the frame is smaller, its axis
        through the frame's middle.

        A frame's camera in the middle of `ranges` is one from which the template fills the frame, and the others count
        relative to it. Differentiable in the camera; the distance is kept within `ranges`.
        """
        near, far = ranges.distance
        distance = camera.distance * (2 / (near + far)) * FILLING_DISTANCE / self.share
        return camera._replace(distance=distance.clamp(near, far), principal=self.centre)


@torch.no_grad()
def mask_frame(masks: Float[Tensor, "b 1 h w"]) -> MaskFrame:
    """Frames around what is more than half covered; the whole photograph where nothing is."""
    inside = masks[:, 0] > 0.5
    found = inside.flatten(1).any(1)
    (left, right), (top, bottom) = _span(inside.any(1).to(masks)), _span(inside.any(2).to(masks))
    columns = (torch.arange(inside.shape[2], device=masks.device, dtype=masks.dtype) + 0.5) / inside.shape[2]
    middle = (inside.sum(1) * columns).sum(1) / inside.flatten(1).sum(1).clamp(min=1)
    centre = torch.stack([2 * middle - 1, 1 - top - bottom], 1)
    width = 2 * torch.maximum(right - middle, middle - left)
    share = torch.maximum(width, bottom - top) / FILLED
    return MaskFrame(torch.where(found[:, None], centre, 0.0), torch.where(found, share, 1.0))


def _span(covered: Tensor) -> tuple[Tensor, Tensor]:
    """From where to where, 0..1, rows [b, n] of 0 and 1 are covered."""
    number = covered.shape[1]
    first, last = covered.argmax(1), number - covered.flip(1).argmax(1)
    return first.to(covered) / number, last.to(covered) / number
