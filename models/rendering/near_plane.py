"""Triangles that pass through the camera's plane, without cutting them.

A projected point keeps the signed division: (x, y) = (f X / z + c_x, f Y / z + c_y) for negative z too, so that z (x,
y, 1) is its homogeneous point whatever the sign. The edge function of homogeneous points is z_i z_j times that of the
divided ones, hence a pixel lies in the triangle when the three e_k / z_k have one sign (Olano and Greer, "Triangle
scan conversion using 2D homogeneous coordinates", 1997), and it is seen when its depth there is at least ``near``.
Nothing is cut, no vertex is made, so neighbours stay watertight and the barycentrics refer to the original corners.
What remains to be found is the part of the picture that the visible piece can cover.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def visible_bounds(
    x: Float[Tensor, "3 p"], y: Float[Tensor, "3 p"], z: Float[Tensor, "3 p"], near: float
) -> tuple[Float[Tensor, " p"], Float[Tensor, " p"], Float[Tensor, " p"], Float[Tensor, " p"]]:
    """(left, right, top, bottom) around the piece of each triangle beyond the near plane; pixels, not differentiable.

    The piece is a polygon whose corners are the triangle's corners beyond the plane and the points where edges meet
    the plane. The bounds are widened by a pixel and by their own rounding.
    """
    bounds = []
    for coordinate in (x, y):
        low, high = torch.full_like(z[0], torch.inf), torch.full_like(z[0], -torch.inf)
        for i, j in ((0, 1), (1, 2), (2, 0)):
            share = ((near - z[i]) / (z[j] - z[i])).clamp(0, 1)
            met = (coordinate[i] * z[i] * (1 - share) + coordinate[j] * z[j] * share) / near
            for point, seen in ((coordinate[i], z[i] >= near), (met, (z[i] < near) != (z[j] < near))):
                low = torch.where(seen, torch.minimum(low, point), low)
                high = torch.where(seen, torch.maximum(high, point), high)
        margin = 1 + 1e-4 * torch.maximum(low.abs(), high.abs())
        bounds += [low - margin, high + margin]
    left, right, top, bottom = bounds
    return left, right, top, bottom
