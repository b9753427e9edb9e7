"""Normals of the near and the far surface from one picture (Saito et al., PIFuHD, CVPR 2020, section 4.2)."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from models.bodies.features import masked_input
from models.networks.precision import at_least_float32


class FrontBackNormals(NamedTuple):
    """Normals in the camera's axes: x right, y up, z towards the camera. Unit length in the mask, 0 outside."""

    front: Float[Tensor, "b 3 h w"]
    """Of the surface that the camera sees."""
    back: Float[Tensor, "b 3 h w"]
    """Of the far surface, in the same picture, not mirrored: z is negative on most of it."""


class NormalMaps(nn.Module):
    """Two generators of pictures, or a shared one, read the masked picture.

    Args:
        front: maps 3 channels to 3, or to 6 (front, then back) when it is shared.
        back: maps 3 channels to 3; None shares `front`.
    """

    def __init__(self, front: nn.Module, back: nn.Module | None = None) -> None:
        super().__init__()
        self.front, self.back = front, back

    def forward(self, images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"]) -> FrontBackNormals:
        """Normals of pictures in [0, 1]. Differentiable.

        Raises ValueError when the generators do not make three channels each, or a shared one six.
        """
        seen = masked_input(images[:, None], masks[:, None])[:, 0]
        seen = seen.contiguous(memory_format=torch.channels_last)  # twice as fast on CPUs in half precision
        both = self.front(seen) if self.back is None else torch.cat((self.front(seen), self.back(seen)), dim=1)
        if both.shape[1] != 6:
            raise ValueError(
                f"The generators of normals make {both.shape[1]} channels, but front and back have 3 each: give two "
                "generators of 3 or one of 6."
            )
        front, back = at_least_float32(both).chunk(2, dim=1)
        inside = masks > 0.5
        return FrontBackNormals(normalize(front, dim=1) * inside, normalize(back, dim=1) * inside)


def resized_normals(normals: FrontBackNormals, size: tuple[int, int]) -> FrontBackNormals:
    """Normal maps of another size (h, w), bilinear between pixel centres, at unit length where there is any."""

    def resized(each: Tensor) -> Tensor:
        if tuple(each.shape[-2:]) == size:
            return each
        smaller = size[0] < each.shape[-2]
        return normalize(interpolate(each, size=size, mode="bilinear", align_corners=False, antialias=smaller), dim=1)

    return FrontBackNormals(resized(normals.front), resized(normals.back))
