"""What a picture of a face is explained by: identity, expression, albedo, pose and light."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class FaceParameters(NamedTuple):
    """Coefficients of one batch of faces; differentiable everywhere."""

    identity: Float[Tensor, "b ki"]
    """In standard deviations of the morphable model."""
    expression: Float[Tensor, "b ke"]
    """In the units of the model's expression basis."""
    albedo: Float[Tensor, "b ka"]
    """In standard deviations."""
    pose: Float[Tensor, "b 6"]
    """Pitch, yaw, roll in radians (`models.geometry.rotations.rotation_from_face_angles`), translation right and up
    as a share of the picture's side, natural logarithm of the scale; 0 is a centred frontal face of side / 200 px per
    mm."""
    light: Float[Tensor, "b 9 3"]
    """Spherical-harmonic coefficients for each colour, in the convention of Chen et al. (TIP 2020)."""

    def neutral(self) -> "FaceParameters":
        """The same person without expression."""
        return self._replace(expression=torch.zeros_like(self.expression))

    def detached(self) -> "FaceParameters":
        return FaceParameters(*(part.detach() for part in self))


def mirrored_pose(pose: Float[Tensor, "b 6"]) -> Float[Tensor, "b 6"]:
    """The pose of the mirror image: yaw, roll and the shift to the right change sign."""
    return pose * pose.new_tensor([1, -1, -1, -1, 1, 1])
