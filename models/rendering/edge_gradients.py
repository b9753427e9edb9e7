"""Gradients of visibility: how a picture changes when the outline of a surface moves.

A rasterized picture is piecewise constant in the position of outlines, so its own gradient misses what matters most for
fitting. Between two neighbouring pixels that see different surfaces runs an edge of the nearer one; when that edge
moves by δ from the first pixel towards the second, the area-sampled picture changes by δ (I_first − I_second), shared
between the two. So the loss changes by δ (I_first − I_second) · ½ (g_first + g_second), with g the gradient that
reaches the picture. Source: Pidhorskyi et al., "Rasterized Edge Gradients: Handling Discontinuities Differentiably",
ECCV 2024, restricted to pairs with an outline or a jump of depth between them: along a continuous surface the
attributes' own gradient is complete, and the term would count it twice. The intersection of two surfaces gets no
term.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.rendering.barycentrics import corner_vertices
from models.rendering.fragments import Fragments

_DEPTH_ROUNDING = 1e-4
"""Share of the depth below which a difference is never a jump."""
_STEEPER = 1.5
"""A difference of depth is a jump when it is that many times what the slopes of the two surfaces explain."""
_CONSPICUOUS = 3.0
"""Only differences that many times those of the neighbouring pairs (the smaller of the two) are looked at closely."""


def edge_gradients(
    image: Float[Tensor, "b c h w"],
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    fragments: Fragments,
    *,
    perspective: bool = True,
    occlusions: bool = True,
) -> Float[Tensor, "b c h w"]:
    """The same picture, whose gradient also reaches the vertices through the outlines between what its pixels see.

    ``image`` is any picture made from ``fragments`` (a mask, shaded colours, composed with a background or not), as
    long as it was not blurred or resized; ``perspective`` as in `rasterize`. The gradient to ``image`` is passed on
    as it is; x and y of the vertices receive the motion of the outlines, in pixels; z receives nothing. Pass the
    result on to every loss in place of ``image``: what bypasses this function has no gradient of visibility.
    ``occlusions=False`` leaves out the edges of one surface before another: enough for a mask, and cheaper.
    """
    return _EdgeGradients.apply(
        image,
        vertices_screen,
        faces,
        fragments.face_index,
        fragments.barycentrics.detach(),
        fragments.depth.detach(),
        perspective,
        occlusions,
    )  # type: ignore[return-value]


class _EdgeGradients(torch.autograd.Function):
    @staticmethod
    def forward(ctx, image, vertices_screen, faces, face_index, barycentrics, depth, perspective, occlusions):
        ctx.options = perspective, occlusions
        ctx.save_for_backward(image, vertices_screen, faces, face_index, barycentrics, depth)
        return image.view_as(image)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        image, vertices_screen, faces, face_index, barycentrics, depth = ctx.saved_tensors
        if not ctx.needs_input_grad[1]:
            return gradient, None, None, None, None, None, None, None
        b, v, _ = vertices_screen.shape
        movements = []
        for axis in (0, 1):  # x between columns, y between rows
            first, second = _edge_pairs(axis, vertices_screen, faces, face_index, depth, *ctx.options)
            slope = _loss_slope(image, gradient, first, second)
            flat_depth = depth.reshape(-1)
            nearer = torch.where(flat_depth.index_select(0, first) <= flat_depth.index_select(0, second), first, second)
            corners = corner_vertices(faces, face_index, nearer, v)
            weights = _screen_weights(nearer, corners, barycentrics, vertices_screen, ctx.options[0])
            weights = _at_the_rim(axis, torch.where(nearer == first, 1, -1), weights, corners, vertices_screen)
            moved = vertices_screen.new_zeros(b * v)
            movements.append(moved.index_add_(0, torch.cat(corners), (weights * slope).reshape(-1)))
        movements.append(torch.zeros_like(movements[0]))
        return gradient, torch.stack(movements, -1).view(b, v, 3), None, None, None, None, None, None


def _edge_pairs(axis, vertices_screen, faces, face_index, depth, perspective, occlusions) -> tuple[Tensor, Tensor]:
    """Flat indices of the neighbouring pixels (right of / below each other) with an edge between them."""
    _, h, w = face_index.shape
    step, along = (1, 2) if axis == 0 else (w, 1)
    n = face_index.shape[along] - 1
    depth_first = depth.narrow(along, 0, n)
    difference = (depth.narrow(along, 1, n) - depth_first).abs_()  # inf where one is empty, NaN where both are
    first = _first_pixels(difference == torch.inf, w, axis, h)
    if occlusions and n > 0:
        difference.nan_to_num_(0.0, 0.0)
        explained = torch.zeros_like(difference)
        if n > 2:
            before, after = difference.narrow(along, 0, n - 2), difference.narrow(along, 2, n - 2)
            explained.narrow(along, 1, n - 2).copy_(torch.minimum(before, after)).mul_(_CONSPICUOUS)
        explained.add_(depth_first, alpha=_DEPTH_ROUNDING)
        jump = _first_pixels(difference > explained, w, axis, h)
        jump = jump[_is_jump(axis, jump, step, vertices_screen, faces, face_index, depth, perspective)]
        first = torch.cat((first, jump))
    return first, first + step


def _first_pixels(chosen, w, axis, h):
    """Flat pixel index of the chosen pairs' first pixel; ``chosen`` is one column (axis 0) or row (axis 1) short."""
    pair = chosen.reshape(-1).nonzero().squeeze(1)
    if axis == 0:
        return pair + pair // (w - 1) if w > 1 else pair
    return pair + pair // ((h - 1) * w) * w if h > 1 else pair


def _is_jump(axis, first, step, vertices_screen, faces, face_index, depth, perspective):
    """Whether the depth changes by more than the slopes of the two triangles explain, away from the nearer one."""
    second = first + step
    flat_depth, flat_face = depth.reshape(-1), face_index.reshape(-1)
    z1, z2 = flat_depth.index_select(0, first), flat_depth.index_select(0, second)
    slope = _depth_slope(axis, first, z1, vertices_screen, faces, face_index, perspective)
    slope = 0.5 * (slope + _depth_slope(axis, second, z2, vertices_screen, faces, face_index, perspective))
    explained = (slope * (z2 - z1).sign()).clamp(min=0)
    differ = flat_face.index_select(0, first) != flat_face.index_select(0, second)
    return differ & ((z2 - z1).abs() > _STEEPER * explained + _DEPTH_ROUNDING * z1)


def _depth_slope(axis, pixel, z, vertices_screen, faces, face_index, perspective):
    """Change of depth over one pixel to the right (axis 0) or down (axis 1), on the plane of the triangle seen."""
    corners = corner_vertices(faces, face_index, pixel, vertices_screen.shape[1])
    flat = [coordinate.reshape(-1) for coordinate in vertices_screen.unbind(-1)]
    (x0, x1, x2), (y0, y1, y2), (z0, z1, z2) = ([c.index_select(0, corner) for corner in corners] for c in flat)
    if perspective:  # 1 / z is linear on the screen
        z0, z1, z2 = 1 / z0, 1 / z1, 1 / z2
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    rise_right = (z1 - z0) * (y2 - y0) - (z2 - z0) * (y1 - y0)
    rise_down = (x1 - x0) * (z2 - z0) - (x2 - x0) * (z1 - z0)
    slope = (rise_right if axis == 0 else rise_down) / area
    return -z * z * slope if perspective else slope


def _loss_slope(image, gradient, first, second):
    """Change of the loss when the edge between the pixels moves by one pixel from the first towards the second."""
    c, h, w = image.shape[1:]
    picture = first // (h * w)
    flat_image, flat_gradient = image.reshape(-1), gradient.reshape(-1)
    total = 0
    for channel in range(c):
        offset = picture * ((c - 1) * h * w) + channel * h * w
        i, j = first + offset, second + offset
        change = flat_image.index_select(0, i) - flat_image.index_select(0, j)
        total = total + change * 0.5 * (flat_gradient.index_select(0, i) + flat_gradient.index_select(0, j))
    return total


def _screen_weights(pixel, corners, barycentrics, vertices_screen, perspective):
    """[3, pixels]: the weights of the triangle's corners on the screen, at the pixel's centre."""
    weights = barycentrics.reshape(-1, 3).index_select(0, pixel).t()
    if not perspective:
        return weights
    z = vertices_screen[..., 2].reshape(-1)
    weighted = weights * torch.stack([z.index_select(0, corner) for corner in corners])
    return weighted / weighted.sum(0)


def _at_the_rim(axis, towards, weights, corners, vertices_screen):
    """The weights carried along the axis to where the triangle ends, one pixel at most.

    Half a pixel inside its outline a round surface already stands well in front of it, and turns with another speed.
    """
    across = vertices_screen[..., 1 - axis].reshape(-1)
    along = vertices_screen[..., axis].reshape(-1)
    a = torch.stack([across.index_select(0, corner) for corner in corners])
    s = torch.stack([along.index_select(0, corner) for corner in corners])
    area = (s[1] - s[0]) * (a[2] - a[0]) - (s[2] - s[0]) * (a[1] - a[0])
    change = (a.roll(-1, 0) - a.roll(-2, 0)) * (towards / torch.where(area == 0, torch.inf, area))
    steps = torch.where(change < 0, weights.clamp(min=0) / change.abs(), torch.inf)
    step = steps.amin(0).clamp(max=1)
    moved = (weights + step * change).clamp(min=0)
    return moved / moved.sum(0)
