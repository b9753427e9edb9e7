"""From the photo to the UV picture, with the question answered whether the camera saw the point at all."""

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.rendering.fragments import Fragments
from models.rendering.textures import UvGrid, to_uv


def unwrap(
    image: Float[Tensor, "b c h w"],
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    grid: UvGrid,
    fragments: Fragments,
    *,
    perspective: bool = True,
    tolerance: float = 0.01,
) -> tuple[Float[Tensor, "b c u1 u2"], Bool[Tensor, "b u1 u2"]]:
    """The picture read bilinearly at every texel's own screen position, and which texels the camera sees.

    ``fragments`` is the rasterization of the same mesh at the picture's size, with the same ``perspective``. A texel
    is seen when its triangle faces the camera, the pixel it falls into is not empty, and its depth is not behind the
    pixel's. For that last comparison the texel's depth is carried along its own triangle to the pixel's centre, and
    may lie behind by half a pixel's slope plus ``tolerance`` of the mesh's depth range. Texels that no triangle
    covers are 0 and not seen; texels not seen hold whatever covers them: mask them.

    Differentiable to the picture and, through the texels' screen positions, to the vertices.
    """
    b, _, h, w = image.shape
    _require_size(fragments, (b, h, w))
    position = _texel_positions(vertices_screen, faces, grid, perspective)
    uv_image = _read(image, position) * grid.valid
    with torch.no_grad():
        visible = _seen(position.detach(), vertices_screen.detach(), faces, grid, fragments, perspective, tolerance)
    return uv_image, visible


def unwrap_chen2020(
    image: Float[Tensor, "b c h w"],
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    grid: UvGrid,
) -> Float[Tensor, "b c u1 u2"]:
    """The unwrapping of Chen et al. 2020: each *vertex* takes the pixel it falls into (clamped to the picture), then
    the vertex colours are spread over UV. No visibility: hidden texels carry the occluder's colour. Differentiable to
    the picture."""
    b, c, h, w = image.shape
    column = vertices_screen[..., 0].detach().floor().clamp(0, w - 1).long()
    row = vertices_screen[..., 1].detach().floor().clamp(0, h - 1).long()
    pixel = (row * w + column)[:, None].expand(-1, c, -1)
    colors = image.reshape(b, c, h * w).gather(2, pixel)
    return to_uv(colors.transpose(1, 2), faces, grid)


def _texel_positions(vertices_screen: Tensor, faces: Tensor, grid: UvGrid, perspective: bool) -> Tensor:
    """Screen position and depth of the surface under every texel centre: [b 3 u1 u2]."""
    if not perspective:
        return to_uv(vertices_screen, faces, grid)
    depth = vertices_screen[..., 2:]
    homogeneous = to_uv(torch.cat((vertices_screen[..., :2] * depth, depth), dim=-1), faces, grid)
    z = torch.where(grid.valid, homogeneous[:, 2:], 1.0)
    return torch.cat((homogeneous[:, :2] / z, homogeneous[:, 2:]), dim=1)


def _read(image: Tensor, position: Tensor) -> Tensor:
    h, w = image.shape[-2:]
    x, y = position[:, 0], position[:, 1]
    at = torch.stack((2 * x / w - 1, 2 * y / h - 1), dim=-1)
    return F.grid_sample(image, at, mode="bilinear", padding_mode="border", align_corners=False)


def _seen(position, vertices_screen, faces, grid: UvGrid, fragments: Fragments, perspective: bool, tolerance: float):
    b, h, w = fragments.face_index.shape
    x, y, z = position.unbind(1)
    inside = (x >= 0) & (x < w) & (y >= 0) & (y < h) & (z > 0) & grid.valid
    column, row = x.floor().clamp(0, w - 1), y.floor().clamp(0, h - 1)
    pixel = (row * w + column).long().view(b, -1)
    pixel_depth = fragments.depth.detach().view(b, -1).gather(1, pixel).view_as(z)
    facing, slope_x, slope_y = _planes(vertices_screen, faces, perspective)
    triangle = grid.face_index.clamp(min=0).reshape(-1)
    facing, slope_x, slope_y = (of_face.index_select(1, triangle).view_as(z) for of_face in (facing, slope_x, slope_y))
    if perspective:  # the planes are those of 1 / z: dz = -z² d(1/z)
        slope_x, slope_y = -z * z * slope_x, -z * z * slope_y
    depth_at_centre = z + slope_x * (column + 0.5 - x) + slope_y * (row + 0.5 - y)
    depths = vertices_screen[..., 2]
    depth_range = (depths.amax(1) - depths.amin(1))[:, None, None]
    allowed = tolerance * depth_range + 0.5 * (slope_x.abs() + slope_y.abs())
    return inside & facing & pixel_depth.isfinite() & (depth_at_centre <= pixel_depth + allowed)


def _planes(vertices_screen, faces, perspective):
    """Of every triangle: does it face the camera, and the slopes of its depth (of 1 / depth with perspective) on the
    screen."""
    corners = vertices_screen[:, faces]
    x, y, z = corners.unbind(-1)
    side = 1.0
    if perspective:  # corners behind the camera are mirrored, each turns the winding once
        side = z.sign().prod(-1)
        z = 1 / z
    x1, x2 = x[..., 1] - x[..., 0], x[..., 2] - x[..., 0]
    y1, y2 = y[..., 1] - y[..., 0], y[..., 2] - y[..., 0]
    z1, z2 = z[..., 1] - z[..., 0], z[..., 2] - z[..., 0]
    doubled_area = x1 * y2 - x2 * y1
    facing = doubled_area * side < 0  # counter-clockwise seen from outside, y down on the screen
    area = torch.where(doubled_area.abs() < 1e-12, 1e-12, doubled_area)
    return facing, (z1 * y2 - z2 * y1) / area, (x1 * z2 - x2 * z1) / area


def _require_size(fragments: Fragments, expected: tuple[int, int, int]) -> None:
    given = tuple(fragments.face_index.shape)
    if given != expected:
        raise ValueError(
            f"the fragments are {given} (b, h, w) and the picture is {expected}; "
            "rasterize the mesh at the picture's size."
        )
