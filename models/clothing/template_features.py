"""What a feature map says about every vertex of the template, and pictures as the encoders want them."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

Lookup = Literal["paper", "upright"]
"""Where the template lies on a feature map. "paper": model units are taken for normalised coordinates as they are, so
that the top of the template looks at the bottom of the picture, and a slim template at its middle. "upright": as a
camera at the distance 2.5 sees it, top on top."""


def pictures_with_mask(images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 4 h w"]:
    """Colours normalised by ImageNet's mean and deviation, and the mask as ±½."""
    pictures = torch.cat([images, masks], 1)
    mean = pictures.new_tensor([0.485, 0.456, 0.406, 0.5])[:, None, None]
    deviation = pictures.new_tensor([0.229, 0.224, 0.225, 1.0])[:, None, None]
    return (pictures - mean) / deviation


def vertices_from_map(
    template_vertices: Float[Tensor, "v 3"], size: tuple[int, int], lookup: Lookup, align_corners: bool
) -> Float[Tensor, "v cells"]:
    """Bilinear weights that take the cells of a map, row by row, to the vertices; rows sum to 1 inside the map.

    The template is the same for a whole batch, so looking a map up there is one small matrix product:
    `maps.flatten(2) @ weights.T`. Nothing is differentiable in the template.

    Args:
        size: rows and columns of the map.
        align_corners: whether ±1 are the centres of the outermost cells, or their outer borders.
    """
    rows, columns = size
    points = template_vertices.detach()[:, :2]
    if lookup == "upright":
        points = points * points.new_tensor([rows / columns, -1.0])
    cells = torch.eye(rows * columns, device=points.device, dtype=points.dtype).reshape(1, -1, rows, columns)
    return grid_sample(cells, points[None, :, None], align_corners=align_corners)[0, :, :, 0].T
