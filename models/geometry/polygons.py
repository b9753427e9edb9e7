"""Which pixels lie inside a polygon."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def inside_polygon(corners: Float[Tensor, "b p 2"], height: int, width: int) -> Bool[Tensor, "b h w"]:
    """Pixels whose centres lie inside closed polygons, by the even-odd rule.

    Corners (x, y) in pixels, in order; the last is joined to the first. Worked number: the square (1, 1) (3, 1) (3, 3)
    (1, 3) holds the four pixels of rows and columns 1 and 2. Not differentiable.
    """
    x = torch.arange(width, device=corners.device, dtype=corners.dtype) + 0.5
    y = torch.arange(height, device=corners.device, dtype=corners.dtype) + 0.5
    crossings = torch.zeros(len(corners), height, width, dtype=torch.bool, device=corners.device)
    x_from, y_from = corners[..., 0], corners[..., 1]
    x_to, y_to = x_from.roll(-1, 1), y_from.roll(-1, 1)
    for edge in range(corners.shape[1]):
        x1, y1, x2, y2 = (values[:, edge, None] for values in (x_from, y_from, x_to, y_to))
        spans = (y1 <= y) != (y2 <= y)
        at = x1 + (y - y1) * (x2 - x1) / torch.where(y2 == y1, 1.0, y2 - y1)
        crossings ^= spans[..., None] & (x < at[..., None])
    return crossings
