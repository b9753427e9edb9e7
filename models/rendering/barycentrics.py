"""Where in its triangle each pixel looks: the differentiable half of the rasterizer, shared by every backend.

With r_k the vector from corner k to the pixel's centre, the edge functions are the cross products

    e_0 = r_1 x r_2,   e_1 = r_2 x r_0,   e_2 = r_0 x r_1,

and the perspective-correct weight of corner k is β_k = (e_k / z_k) / Σ_j (e_j / z_j); without perspective the z_k fall out.
The sum stands where other formulations divide by the area, so nothing depends on the triangle's size, and a negative z_k
(a corner behind the camera, see near_plane.py) needs no other formula (Olano and Greer 1997, equation 5).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

MINIMUM_DOUBLED_AREA = 1e-8
"""px²; a triangle not larger than this is degenerate: no backend draws it, and no gradient divides by less."""


def barycentrics_and_depth(
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    face_index: Int[Tensor, "b h w"],
    *,
    perspective: bool = True,
) -> tuple[Float[Tensor, "b h w 3"], Float[Tensor, "b h w"]]:
    """Corner weights and view depth of the given triangle at each pixel's centre, in the dtype of the vertices.

    Differentiable once to ``vertices_screen``; the derivative is written by hand, since it needs a quarter of the
    memory traffic of the recorded one. Where ``face_index`` is -1 the weights are 0, the depth is +inf, and no gradient flows.
    """
    b, h, w = face_index.shape
    pixel = (face_index.reshape(-1) >= 0).nonzero().squeeze(1)
    corners = corner_vertices(faces, face_index, pixel, vertices_screen.shape[1])
    row = pixel // w
    centre_x = (pixel - row * w).to(vertices_screen.dtype) + 0.5
    centre_y = (row % h).to(vertices_screen.dtype) + 0.5
    x, y, z = (c.reshape(-1) for c in vertices_screen.unbind(-1))
    w0, w1, w2, depth = _WeightsAndDepth.apply(x, y, z, *corners, centre_x, centre_y, perspective)  # type: ignore[misc]
    weights = [pixel.new_zeros(b * h * w, dtype=x.dtype).index_copy(0, pixel, weight) for weight in (w0, w1, w2)]
    depth = torch.full_like(weights[0], torch.inf).index_copy(0, pixel, depth)
    return torch.stack(weights, -1).view(b, h, w, 3), depth.view(b, h, w)


def corner_vertices(
    faces: Int[Tensor, "f 3"], face_index: Int[Tensor, "b h w"], pixel: Int[Tensor, " p"], number_of_vertices: int
) -> tuple[Int[Tensor, " p"], Int[Tensor, " p"], Int[Tensor, " p"]]:
    """The three corners of the triangle that each of the (flat) pixels sees, counted through the batch: picture * v + vertex."""
    _, h, w = face_index.shape
    face = face_index.reshape(-1).index_select(0, pixel)
    offset = pixel // (h * w) * number_of_vertices
    first, second, third = (faces[:, k].contiguous().index_select(0, face) + offset for k in range(3))
    return first, second, third


class _WeightsAndDepth(torch.autograd.Function):
    """(x, y, z [bv], three corners [p], pixel centres [p]) -> three weights and the depth [p]."""

    @staticmethod
    def forward(ctx, x, y, z, i0, i1, i2, centre_x, centre_y, perspective):
        rx0, rx1, rx2 = (centre_x - x.index_select(0, i) for i in (i0, i1, i2))
        ry0, ry1, ry2 = (centre_y - y.index_select(0, i) for i in (i0, i1, i2))
        z0, z1, z2 = (z.index_select(0, i) for i in (i0, i1, i2))
        e0, e1, e2 = rx1 * ry2 - rx2 * ry1, rx2 * ry0 - rx0 * ry2, rx0 * ry1 - rx1 * ry0
        doubled_area = e0 + e1 + e2
        if perspective:
            e0, e1, e2 = e0 / z0, e1 / z1, e2 / z2
        total = e0 + e1 + e2
        w0, w1, w2 = e0 / total, e1 / total, e2 / total
        depth = doubled_area / total if perspective else w0 * z0 + w1 * z1 + w2 * z2
        ctx.perspective, ctx.number = perspective, x.shape[0]
        ctx.save_for_backward(i0, i1, i2, rx0, rx1, rx2, ry0, ry1, ry2, z0, z1, z2, w0, w1, w2, doubled_area, total)
        return w0, w1, w2, depth

    @staticmethod
    @once_differentiable
    def backward(ctx, g0, g1, g2, grad_depth):
        i0, i1, i2, rx0, rx1, rx2, ry0, ry1, ry2, z0, z1, z2, w0, w1, w2, doubled_area, total = ctx.saved_tensors
        g0, g1, g2 = g0 + grad_depth * z0, g1 + grad_depth * z1, g2 + grad_depth * z2  # depth = Σ w_k z_k
        mean = g0 * w0 + g1 * w1 + g2 * w2
        g0, g1, g2 = g0 - mean, g1 - mean, g2 - mean
        # a rounded sliver may have any tiny sum of edge functions: divide by no less than the smallest drawn area
        sign = torch.where(total < 0, -1.0, 1.0).to(total.dtype)
        shrink = (doubled_area.abs() / MINIMUM_DOUBLED_AREA).clamp(max=1)
        smallest = torch.finfo(total.dtype).tiny
        inverse = sign * shrink / total.abs().clamp(min=smallest)
        grad_z = None
        if ctx.perspective:
            grad_z = torch.cat([w * (grad_depth - g / z) for w, g, z in ((w0, g0, z0), (w1, g1, z1), (w2, g2, z2))])
            d0, d1, d2 = g0 * inverse / z0, g1 * inverse / z1, g2 * inverse / z2
        else:
            grad_z = torch.cat([w0 * grad_depth, w1 * grad_depth, w2 * grad_depth])
            d0, d1, d2 = g0 * inverse, g1 * inverse, g2 * inverse
        grad_x = torch.cat([d1 * ry2 - d2 * ry1, d2 * ry0 - d0 * ry2, d0 * ry1 - d1 * ry0])
        grad_y = torch.cat([d2 * rx1 - d1 * rx2, d0 * rx2 - d2 * rx0, d1 * rx0 - d0 * rx1])
        corners = torch.cat([i0, i1, i2])
        sums = [g.new_zeros(ctx.number).index_add_(0, corners, g) for g in (grad_x, grad_y, grad_z)]
        return *sums, None, None, None, None, None, None
