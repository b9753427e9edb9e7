"""Attributes of vertices or corners, carried to the pixels."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.rendering.barycentrics import corner_vertices
from models.rendering.fragments import Fragments


def interpolate(
    attributes: Float[Tensor, "b v c"] | Float[Tensor, "v c"], faces: Int[Tensor, "f 3"], fragments: Fragments
) -> Float[Tensor, "b c h w"]:
    """Attributes of the vertices at what each pixel sees, 0 where it is empty.

    Differentiable to the attributes and, through the barycentrics, to the vertices' positions. Attributes without a batch dimension
    are shared by all pictures.
    """
    b, h, w = fragments.face_index.shape
    shared = attributes.ndim == 2
    v, c = attributes.shape[-2:]
    pixel = (fragments.face_index.reshape(-1) >= 0).nonzero().squeeze(1)
    corners = corner_vertices(faces, fragments.face_index, pixel, 0 if shared else v)
    weights = fragments.barycentrics.reshape(-1, 3).index_select(0, pixel).unbind(-1)
    planes = []
    for channel in attributes.reshape(-1, c).unbind(-1):
        value = sum(channel.index_select(0, i) * weight for i, weight in zip(corners, weights))
        assert isinstance(value, Tensor)
        planes.append(value.new_zeros(b * h * w).index_copy(0, pixel, value).view(b, h, w))
    return torch.stack(planes, 1)


def interpolate_corners(corner_attributes: Float[Tensor, "f 3 c"], fragments: Fragments) -> Float[Tensor, "b c h w"]:
    """Like interpolate for attributes that belong to a triangle's corner rather than to a vertex (UV across a seam)."""
    f = corner_attributes.shape[0]
    one_vertex_per_corner = torch.arange(3 * f, device=corner_attributes.device).view(f, 3)
    return interpolate(corner_attributes.reshape(3 * f, -1), one_vertex_per_corner, fragments)
