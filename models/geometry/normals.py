"""Normals of faces, of vertices and of UV position maps.

Vertex and grid normals stand in every training step, so their gradients are written out by hand: on one core they take
an eighth of the time of autograd on the same formulas (which `tests/models/geometry/test_normals.py` keeps as truth).
Both are differentiable once.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable


def face_area_vectors(vertices: Float[Tensor, "b v 3"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, "b f 3"]:
    """(b - a) x (c - a) of each triangle: along the outward normal, twice the area long. Differentiable."""
    a, b, c = (vertices.index_select(1, faces[:, corner]) for corner in range(3))
    return torch.linalg.cross(b - a, c - a)


def face_normals(vertices: Float[Tensor, "b v 3"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, "b f 3"]:
    """Outward unit normals of the triangles; 0, with gradient 0, where a triangle has no area. Differentiable."""
    area_vectors = face_area_vectors(vertices, faces)
    square = (area_vectors * area_vectors).sum(-1, keepdim=True)
    return area_vectors * torch.where(square > 0, square, torch.inf).rsqrt()


def vertex_normals(vertices: Float[Tensor, "b v 3"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, "b v 3"]:
    """Unit normals of the vertices: the normalised sum of the unnormalised normals of the faces around (area-weighted).

    0, with gradient 0, at a vertex in no face. Differentiable once.
    """
    return _VertexNormals.apply(vertices, faces)


def grid_normals(positions: Float[Tensor, "b 3 h w"], valid: Bool[Tensor, "h w"]) -> Float[Tensor, "b 3 h w"]:
    """Unit normals dP/du x dP/dv of a UV position map. Differentiable once.

    u runs right and v UP, so rows run against v; a chart that is not mirrored gives outward normals. Differences are
    central where both neighbours are valid, one-sided where one is; an invalid texel, and one without a valid neighbour
    along u or v, gets 0. Positions must be finite, outside `valid` too.
    """
    return _GridNormals.apply(positions, valid)


class _VertexNormals(torch.autograd.Function):
    """Vertex-major `[v 3 b]`: gathers and sums copy whole rows and every cross product runs along contiguous memory."""

    @staticmethod
    def forward(ctx: Any, vertices: Tensor, faces: Tensor) -> Tensor:
        corners = faces.T.contiguous().unbind(0)
        rows = vertices.permute(1, 2, 0).contiguous()
        a, b, c = (rows.index_select(0, corner) for corner in corners)
        edge_b, edge_c = b.sub_(a), c.sub_(a)
        area_vectors = _cross(edge_b, edge_c, axis=1)
        normals = torch.zeros_like(rows)
        for corner in corners:
            normals.index_add_(0, corner, area_vectors)
        inverse_length = _normalize_(normals, axis=1)
        ctx.save_for_backward(edge_b, edge_c, normals, inverse_length, *corners)
        return normals.permute(2, 0, 1).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        edge_b, edge_c, normals, inverse_length, *corners = ctx.saved_tensors
        gradient = _through_normalize(gradient.permute(1, 2, 0).contiguous(), normals, inverse_length, axis=1)
        at_a, at_b, at_c = corners
        upstream = gradient.index_select(0, at_a).add_(gradient.index_select(0, at_b))
        upstream.add_(gradient.index_select(0, at_c))
        towards_b = _cross(edge_c, upstream, axis=1)
        towards_c = _cross(upstream, edge_b, axis=1)
        result = torch.zeros_like(gradient).index_add_(0, at_b, towards_b).index_add_(0, at_c, towards_c)
        result.index_add_(0, at_a, towards_b.add_(towards_c), alpha=-1)
        return result.permute(2, 0, 1).contiguous(), None


class _GridNormals(torch.autograd.Function):
    """With sums of one-sided differences in place of means: the factor drops out of the direction."""

    @staticmethod
    def forward(ctx: Any, positions: Tensor, valid: Tensor) -> Tensor:
        across = (valid[:, 1:] & valid[:, :-1]).to(positions.dtype)
        down = (valid[1:] & valid[:-1]).to(positions.dtype)
        rightward, downward = _differences(positions, across, -1), _differences(positions, down, -2)
        normals = _cross(downward, rightward, axis=1)
        inverse_length = _normalize_(normals, axis=1)
        ctx.save_for_backward(rightward, downward, normals, inverse_length, across, down)
        return normals

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        rightward, downward, normals, inverse_length, across, down = ctx.saved_tensors
        gradient = _through_normalize(gradient, normals, inverse_length, axis=1)
        result = torch.zeros_like(gradient)
        _add_transposed_differences(result, _cross(gradient, downward, axis=1), across, -1)
        _add_transposed_differences(result, _cross(rightward, gradient, axis=1), down, -2)
        return result, None


def _cross(first: Tensor, second: Tensor, axis: int) -> Tensor:
    """Plane by plane: `torch.linalg.cross` walks an inner axis of three."""
    (x1, y1, z1), (x2, y2, z2) = first.unbind(axis), second.unbind(axis)
    result = torch.empty_like(first, memory_format=torch.contiguous_format)
    x, y, z = result.unbind(axis)
    torch.mul(y1, z2, out=x).addcmul_(z1, y2, value=-1)
    torch.mul(z1, x2, out=y).addcmul_(x1, z2, value=-1)
    torch.mul(x1, y2, out=z).addcmul_(y1, x2, value=-1)
    return result


def _normalize_(vectors: Tensor, axis: int) -> Tensor:
    """Scale to length 1 in place, 0 staying 0; returns the factors, 0 there."""
    x, y, z = vectors.unbind(axis)
    square = (x * x).addcmul_(y, y).addcmul_(z, z)
    inverse_length = torch.where(square > 0, square, torch.inf).rsqrt_().unsqueeze(axis)
    vectors.mul_(inverse_length)
    return inverse_length


def _through_normalize(gradient: Tensor, unit: Tensor, inverse_length: Tensor, axis: int) -> Tensor:
    """(g - u (u . g)) / length: the gradient across the vector that was normalised."""
    (ux, uy, uz), (gx, gy, gz) = unit.unbind(axis), gradient.unbind(axis)
    along = (ux * gx).addcmul_(uy, gy).addcmul_(uz, gz).unsqueeze(axis)
    return torch.addcmul(gradient, unit, along, value=-1).mul_(inverse_length)


def _differences(positions: Tensor, both_valid: Tensor, axis: int) -> Tensor:
    """Step to the next texel plus step from the one before, a step counting where both its ends are valid."""
    last = positions.shape[axis] - 1
    step = (positions.narrow(axis, 1, last) - positions.narrow(axis, 0, last)).mul_(both_valid)
    result = torch.zeros_like(positions, memory_format=torch.contiguous_format)
    result.narrow(axis, 0, last).copy_(step)
    result.narrow(axis, 1, last).add_(step)
    return result


def _add_transposed_differences(result: Tensor, gradient: Tensor, both_valid: Tensor, axis: int) -> None:
    last = gradient.shape[axis] - 1
    step = (gradient.narrow(axis, 1, last) + gradient.narrow(axis, 0, last)).mul_(both_valid)
    result.narrow(axis, 1, last).add_(step)
    result.narrow(axis, 0, last).sub_(step)
