"""Attributes of vertices or corners, carried to the pixels."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.rendering.barycentrics import covered_pixels, gather_corners
from models.rendering.fragments import Fragments


def interpolate(
    attributes: Float[Tensor, "b v c"] | Float[Tensor, "v c"], faces: Int[Tensor, "f 3"], fragments: Fragments
) -> Float[Tensor, "b c h w"]:
    """Attributes of the vertices at what each pixel sees, 0 where it is empty.

    Differentiable once to the attributes and, through the barycentrics, to the vertices' positions. Attributes
    without a batch dimension are shared by all pictures.
    """
    with torch.autocast(attributes.device.type, enabled=False):
        dtype = torch.promote_types(attributes.dtype, fragments.barycentrics.dtype)
        attributes, weights = attributes.to(dtype), fragments.barycentrics.to(dtype)
        return _Interpolate.apply(attributes, weights, faces, fragments.face_index)  # type: ignore[return-value]


def interpolate_corners(corner_attributes: Float[Tensor, "f 3 c"], fragments: Fragments) -> Float[Tensor, "b c h w"]:
    """Like interpolate, for attributes of a triangle's corner rather than of a vertex (UV across a seam)."""
    f, _, c = corner_attributes.shape
    a_vertex_for_each_corner = torch.arange(3 * f, device=corner_attributes.device).view(f, 3)
    return interpolate(corner_attributes.reshape(3 * f, c), a_vertex_for_each_corner, fragments)


class _Interpolate(torch.autograd.Function):
    """One channel after the other: copying rows of few numbers takes the CPU several times as long."""

    @staticmethod
    def forward(ctx: Any, attributes: Tensor, weights: Tensor, faces: Tensor, face_index: Tensor) -> Tensor:
        (b, h, w), (v, c) = face_index.shape, attributes.shape[-2:]
        covered = covered_pixels(faces, face_index, 0 if attributes.ndim == 2 else v)
        corner_weights = gather_corners(weights, covered.pixel)
        picture = attributes.new_zeros(b, c, h, w)
        # where a pixel of channel 0 lies in [b c h w]; the other channels follow at a constant distance
        target = covered.pixel + covered.picture * ((c - 1) * h * w)
        for channel, values in enumerate(attributes.reshape(-1, c).unbind(1)):
            value = values.index_select(0, covered.corners[0]).mul_(corner_weights[0])
            for corner, weight in zip(covered.corners[1:], corner_weights[1:]):
                value.add_(values.index_select(0, corner).mul_(weight))
            picture.view(-1)[channel * h * w :].scatter_(0, target, value)
        ctx.save_for_backward(attributes, covered.pixel, target, *covered.corners, *corner_weights)
        ctx.weights_shape = weights.shape
        return picture

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_picture: Tensor) -> tuple[Tensor | None, ...]:
        attributes, pixel, target, *rest = ctx.saved_tensors
        corners, corner_weights = rest[:3], rest[3:]
        c, pixels = attributes.shape[-1], grad_picture.shape[2] * grad_picture.shape[3]
        grad_picture = grad_picture.reshape(-1)
        grad_attributes = attributes.new_zeros(attributes.shape) if ctx.needs_input_grad[0] else None
        grad_corner_weights = [torch.zeros_like(corner_weights[0]) for _ in corners] if ctx.needs_input_grad[1] else []
        for channel, values in enumerate(attributes.reshape(-1, c).unbind(1)):
            grad = grad_picture[channel * pixels :].index_select(0, target)
            for grad_weight, corner in zip(grad_corner_weights, corners):
                grad_weight.add_(values.index_select(0, corner).mul_(grad))
            if grad_attributes is not None:
                for corner, weight in zip(corners, corner_weights):
                    grad_attributes.view(-1, c)[:, channel].scatter_add_(0, corner, weight * grad)
        grad_weights = None
        if grad_corner_weights:
            grad_weights = grad_picture.new_zeros(ctx.weights_shape)
            for k, grad_weight in enumerate(grad_corner_weights):
                grad_weights.view(-1).scatter_(0, pixel * 3 + k, grad_weight)
        return grad_attributes, grad_weights, None, None
