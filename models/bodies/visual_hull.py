"""The visual hull: what the silhouettes alone say. The baseline that every learnt method must beat."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

from models.geometry.view_cameras import project_to_views


def visual_hull(
    masks: Float[Tensor, "b n 1 h w"], view_from_body: Float[Tensor, "b n 4 4"], points_cm: Float[Tensor, "b p 3"]
) -> Float[Tensor, "b p"]:
    """Positive where every mask covers the point, negative elsewhere; 0 lies on the silhouette's half coverage.

    Masks are read bilinearly, so the hull's border lies between pixels. Differentiable in the masks.
    """
    position = project_to_views(view_from_body, points_cm).position
    covered = grid_sample(masks.flatten(0, 1), position.flatten(0, 1)[:, :, None], align_corners=False)
    return torch.amin(covered[:, 0, :, 0].unflatten(0, position.shape[:2]), 1) - 0.5
