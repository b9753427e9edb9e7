"""The mesh of a body from what a network says about points."""

import torch
from jaxtyping import Float
from torch import Tensor

from models.bodies.features import BodyFeatures, OccupancyNetwork
from models.bodies.visual_hull import within_outlines
from models.geometry.extraction import extract_mesh
from models.geometry.grids import Bounds, Query
from models.geometry.mesh import Mesh
from models.geometry.view_cameras import HALF_EXTENT_CM

_H = HALF_EXTENT_CM
BODY_BOUNDS = Bounds((-_H, -_H, -_H), (_H, _H, _H))
"""Every body of 180 cm lies inside: the box that a picture of PIFu's shows."""


def body_field(
    network: OccupancyNetwork,
    features: BodyFeatures,
    masks: Float[Tensor, "1 n 1 h w"],
    view_from_body: Float[Tensor, "1 n 4 4"],
) -> Query:
    """What a network says of one body at points [p, 3] in centimetres; nothing is outside the outlines."""

    def query(points_cm: Tensor) -> Tensor:
        return network.query(features, view_from_body, points_cm[None].to(view_from_body)).logits[-1, 0]

    return within_outlines(query, masks, view_from_body)


def body_mesh(query: Query, resolution: int, device: torch.device | str = "cpu") -> Mesh:
    """The surface where `query` (logits at points in centimetres, positive inside) is 0, in the body frame.

    256 cells along a side are 8 mm wide. Nothing is taken away: floating parts are the caller's decision. Raises
    `EmptySurfaceError` where nothing is inside.
    """
    return extract_mesh(query, BODY_BOUNDS, resolution, device=device)
