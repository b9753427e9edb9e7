"""Where in its triangle each pixel looks: the differentiable half of the rasterizer, shared by every backend.

With r_k the vector from corner k to the pixel's centre, the edge functions are the cross products

    e_0 = r_1 x r_2,   e_1 = r_2 x r_0,   e_2 = r_0 x r_1,

and the perspective-correct weight of corner k is w_k = (e_k / z_k) / Σ_j (e_j / z_j); without perspective the z_k
fall out. The sum stands where other formulations divide by the area, so nothing depends on the triangle's size, and a
negative z_k (a corner behind the camera, see near_plane.py) needs no other formula.

The derivative is written by hand: one pass over the covered pixels instead of autograd's chain of full pictures.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor
from torch.autograd.function import once_differentiable

MINIMUM_DOUBLED_AREA = 1e-8
"""px²; a triangle not larger than this is degenerate: no backend draws it, and no gradient divides by less."""


class CoveredPixels(NamedTuple):
    """The pixels of a batch of pictures that see a triangle, in order, with the triangle's corners.

    Flat numbers: pixel = (picture * h + row) * w + column, corner = picture * v + vertex.
    """

    pixel: Int64[Tensor, " p"]
    corners: tuple[Int64[Tensor, " p"], Int64[Tensor, " p"], Int64[Tensor, " p"]]
    picture: Int64[Tensor, " p"]
    row: Int64[Tensor, " p"]
    column: Int64[Tensor, " p"]


def covered_pixels(
    faces: Int[Tensor, "f 3"], face_index: Int[Tensor, "b h w"], number_of_vertices: int
) -> CoveredPixels:
    """The pixels with a triangle and its corners; ``number_of_vertices`` = 0 when all pictures share the vertices."""
    _, h, w = face_index.shape
    face_index = face_index.reshape(-1)
    pixel = (face_index >= 0).nonzero().squeeze(1)
    # exact quotients: an integer division takes 2 ns, five times a multiplication in double precision
    row = ((pixel.double() + 0.5) * (1 / w)).long()
    column = pixel - row * w
    picture = ((row.double() + 0.5) * (1 / h)).long()
    row = row.sub_(picture * h)
    face, first_vertex = face_index.index_select(0, pixel), picture * number_of_vertices
    first, second, third = (vertex.contiguous().index_select(0, face).add_(first_vertex) for vertex in faces.unbind(1))
    return CoveredPixels(pixel, (first, second, third), picture, row, column)


def barycentrics_and_depth(
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    face_index: Int[Tensor, "b h w"],
    *,
    perspective: bool = True,
) -> tuple[Float[Tensor, "b h w 3"], Float[Tensor, "b h w"]]:
    """Corner weights and view depth of the given triangle at each pixel's centre, in the dtype of the vertices.

    Differentiable once to ``vertices_screen``. Where ``face_index`` is -1 the weights are 0, the depth is +inf, and no
    gradient flows.
    """
    return _BarycentricsAndDepth.apply(vertices_screen, faces, face_index, perspective)  # type: ignore[return-value]


class _BarycentricsAndDepth(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, vertices_screen: Tensor, faces: Tensor, face_index: Tensor, perspective: bool
    ) -> tuple[Tensor, Tensor]:
        covered = covered_pixels(faces, face_index, vertices_screen.shape[1])
        x, y, z = vertices_screen.reshape(-1, 3).unbind(1)
        centre_x, centre_y = covered.column.to(x.dtype).add_(0.5), covered.row.to(x.dtype).add_(0.5)
        rx0, rx1, rx2 = (centre_x - x.index_select(0, corner) for corner in covered.corners)
        ry0, ry1, ry2 = (centre_y - y.index_select(0, corner) for corner in covered.corners)
        z0, z1, z2 = (z.index_select(0, corner) for corner in covered.corners)
        e0, e1, e2 = rx1 * ry2 - rx2 * ry1, rx2 * ry0 - rx0 * ry2, rx0 * ry1 - rx1 * ry0
        doubled_area = e0 + e1 + e2
        if perspective:
            e0, e1, e2 = e0 / z0, e1 / z1, e2 / z2
        total = e0 + e1 + e2
        total += total == 0  # a triangle without area, which only a caller's own face_index can name: no 0 / 0
        w0, w1, w2 = e0 / total, e1 / total, e2 / total
        depth = doubled_area / total if perspective else w0 * z0 + w1 * z1 + w2 * z2
        pictures = face_index.shape
        weights_picture = vertices_screen.new_zeros(*pictures, 3)
        _scatter_corners(weights_picture, covered.pixel, (w0, w1, w2))
        depth_picture = torch.full(pictures, torch.inf, dtype=x.dtype, device=x.device)
        depth_picture.view(-1).scatter_(0, covered.pixel, depth)
        ctx.perspective, ctx.shape = perspective, vertices_screen.shape
        ctx.set_materialize_grads(False)
        if ctx.needs_input_grad[0]:
            rays = (rx0, rx1, rx2, ry0, ry1, ry2, z0, z1, z2)
            ctx.save_for_backward(covered.pixel, *covered.corners, *rays, w0, w1, w2, doubled_area, total)
        return weights_picture, depth_picture

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_weights: Tensor | None, grad_depth: Tensor | None) -> tuple[Tensor | None, ...]:
        if not ctx.needs_input_grad[0] or (grad_weights is None and grad_depth is None):
            return None, None, None, None
        pixel, i0, i1, i2, rx0, rx1, rx2, ry0, ry1, ry2, z0, z1, z2, w0, w1, w2, doubled_area, total = ctx.saved_tensors
        gd = None if grad_depth is None else grad_depth.reshape(-1).index_select(0, pixel)
        g0, g1, g2 = (None, None, None) if grad_weights is None else gather_corners(grad_weights, pixel)
        if g0 is None or g1 is None or g2 is None:
            assert gd is not None
            g0, g1, g2 = gd * z0, gd * z1, gd * z2  # depth = Σ w_k z_k
        elif gd is not None:
            g0, g1, g2 = g0.add_(gd * z0), g1.add_(gd * z1), g2.add_(gd * z2)
        mean = (g0 * w0).add_(g1 * w1).add_(g2 * w2)
        g0, g1, g2 = g0.sub_(mean), g1.sub_(mean), g2.sub_(mean)  # what moves a weight moves the others against it
        grad_z = []
        for g, w, z in ((g0, w0, z0), (g1, w1, z1), (g2, w2, z2)):
            through_weight = -(g * w).div_(z) if ctx.perspective else torch.zeros_like(w)
            grad_z.append(through_weight if gd is None else through_weight.add_(gd * w))
        # rounding may leave a sliver any tiny sum of edge functions: divide by no less than the smallest drawn area
        inverse = (doubled_area.abs() * (1 / MINIMUM_DOUBLED_AREA)).clamp_(max=1).div_(total)
        d0, d1, d2 = g0.mul_(inverse), g1.mul_(inverse), g2.mul_(inverse)
        if ctx.perspective:
            d0, d1, d2 = d0.div_(z0), d1.div_(z1), d2.div_(z2)
        grad_x = (d1 * ry2).sub_(d2 * ry1), (d2 * ry0).sub_(d0 * ry2), (d0 * ry1).sub_(d1 * ry0)
        grad_y = (d2 * rx1).sub_(d1 * rx2), (d0 * rx2).sub_(d2 * rx0), (d1 * rx0).sub_(d0 * rx1)
        grad_vertices = torch.zeros(ctx.shape, dtype=total.dtype, device=total.device)
        for coordinate, gradients in zip(grad_vertices.view(-1, 3).unbind(1), (grad_x, grad_y, grad_z)):
            for corner, gradient in zip((i0, i1, i2), gradients):
                coordinate.scatter_add_(0, corner, gradient)
        return grad_vertices, None, None, None


def gather_corners(
    picture: Float[Tensor, "b h w 3"], pixel: Int[Tensor, " p"]
) -> tuple[Float[Tensor, " p"], Float[Tensor, " p"], Float[Tensor, " p"]]:
    """The three values of the chosen (flat) pixels, each contiguous."""
    flat, first = picture.reshape(-1), pixel * 3
    return flat.index_select(0, first), flat.index_select(0, first + 1), flat.index_select(0, first + 2)


def _scatter_corners(picture: Tensor, pixel: Tensor, values: tuple[Tensor, Tensor, Tensor]) -> None:
    flat, index = picture.view(-1), pixel * 3
    for k, value in enumerate(values):
        flat.scatter_(0, index + k, value)


def corner_vertices(
    faces: Int[Tensor, "f 3"], face_index: Int[Tensor, "b h w"], pixel: Int[Tensor, " p"], number_of_vertices: int
) -> tuple[Int[Tensor, " p"], Int[Tensor, " p"], Int[Tensor, " p"]]:
    """Corners of the triangle that each of the chosen (flat) pixels sees, as flat numbers: picture * v + vertex."""
    _, h, w = face_index.shape
    face = face_index.reshape(-1).index_select(0, pixel)
    first_vertex = pixel // (h * w) * number_of_vertices
    first, second, third = (vertex.contiguous().index_select(0, face).add_(first_vertex) for vertex in faces.unbind(1))
    return first, second, third
