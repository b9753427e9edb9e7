"""Triangles that pass through the camera's plane, without cutting them.

A projected point keeps the signed division: (x, y) = (f X / z + c_x, f Y / z + c_y) for negative z too, so that z (x, y, 1) is
its homogeneous point whatever the sign. The edge function of homogeneous points is z_i z_j times that of the divided
ones, hence a pixel lies in the triangle when the three e_k / z_k have one sign (Olano and Greer, "Triangle scan conversion
using 2D homogeneous coordinates", 1997), and it is seen when its depth there is at least ``near``. Nothing is cut, no vertex
is made, so neighbours stay watertight and the barycentrics refer to the original corners. What remains to be found is the
part of the picture that the visible piece can cover.
"""

from jaxtyping import Bool, Float
from torch import Tensor, maximum, minimum, where


def visible_bounds(
    x: Float[Tensor, "3 p"], y: Float[Tensor, "3 p"], z: Float[Tensor, "3 p"], near: float
) -> tuple[Float[Tensor, " p"], Float[Tensor, " p"], Float[Tensor, " p"], Float[Tensor, " p"]]:
    """(left, right, top, bottom) around the piece of each triangle beyond the near plane; pixels, not differentiable.

    The piece is a polygon whose corners are the triangle's corners beyond the plane and the points where edges meet the plane.
    The bounds are widened by a pixel and by their own rounding.
    """
    left = right = top = bottom = None
    for i, j in ((0, 1), (1, 2), (2, 0)):
        share = ((near - z[i]) / (z[j] - z[i])).nan_to_num(0.0).clamp(0, 1)
        crosses = (z[i] < near) != (z[j] < near)
        for coordinate, is_x in ((x, True), (y, False)):
            met = (coordinate[i] * z[i] * (1 - share) + coordinate[j] * z[j] * share) / near
            low, high = _widened(coordinate[i], met, z[i] >= near, crosses)
            if is_x:
                left = low if left is None else minimum(left, low)
                right = high if right is None else maximum(right, high)
            else:
                top = low if top is None else minimum(top, low)
                bottom = high if bottom is None else maximum(bottom, high)
    assert left is not None and right is not None and top is not None and bottom is not None
    return left, right, top, bottom


def _widened(
    corner: Float[Tensor, " p"], met: Float[Tensor, " p"], beyond: Bool[Tensor, " p"], crosses: Bool[Tensor, " p"]
) -> tuple[Float[Tensor, " p"], Float[Tensor, " p"]]:
    low = high = where(beyond, corner, met)
    seen = beyond | crosses
    low, high = minimum(low, where(crosses, met, low)), maximum(high, where(crosses, met, high))
    margin = 1 + 1e-4 * maximum(low.abs(), high.abs())
    nothing = float("inf")
    return where(seen, low - margin, nothing), where(seen, high + margin, -nothing)
