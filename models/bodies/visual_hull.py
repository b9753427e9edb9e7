"""The visual hull: what the silhouettes alone say. The baseline that every learnt method must beat, and their limit."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample, max_pool2d

from models.geometry.grids import Query
from models.geometry.view_cameras import HALF_EXTENT_CM, project_to_views

OUTLINE_MARGIN_CM = 2.0
LOGIT_OF_OUTLINE = 40.0
"""Of full coverage: steep enough to leave the network's own surface alone, and not a step."""


def visual_hull(
    masks: Float[Tensor, "b n 1 h w"], view_from_body: Float[Tensor, "b n 4 4"], points_cm: Float[Tensor, "b p 3"]
) -> Float[Tensor, "b p"]:
    """Positive where every mask covers the point, negative elsewhere; 0 lies on the silhouette's half coverage.

    Masks are read bilinearly, so the hull's border lies between pixels. Differentiable in the masks.
    """
    position = project_to_views(view_from_body, points_cm).position
    covered = grid_sample(masks.flatten(0, 1), position.flatten(0, 1)[:, :, None], align_corners=False)
    return torch.amin(covered[:, 0, :, 0].unflatten(0, position.shape[:2]), 1) - 0.5


def within_outlines(
    query: Query,
    masks: Float[Tensor, "1 n 1 h w"],
    view_from_body: Float[Tensor, "1 n 4 4"],
    margin_cm: int | float = OUTLINE_MARGIN_CM,
) -> Query:
    """The field of one body with nothing outside the outlines of the person, grown by a margin.

    Nobody is there, and a network that was trained inside the visual hull has not learned so: it may fill whole slabs
    behind a sleeve. The margin (at the body's depth, in a picture of 204.8 cm) forgives ragged masks.
    """
    margin = math.ceil(margin_cm / (2 * HALF_EXTENT_CM) * masks.shape[-1])
    grown = max_pool2d(masks[0], 2 * margin + 1, 1, margin)[None]

    def limited(points_cm: Tensor) -> Tensor:
        inside = visual_hull(grown, view_from_body, points_cm[None].to(view_from_body))[0]
        return torch.minimum(query(points_cm), LOGIT_OF_OUTLINE * inside)

    return limited
