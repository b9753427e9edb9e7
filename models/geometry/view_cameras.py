"""Views of bodies: from centimetres around a body's origin to the frame of a picture that networks see.

Convention: the view frame has x right, y DOWN, both in [-1, 1] between the picture's EDGES, as `grid_sample` with
align_corners=False reads it; depth is positive TOWARDS the camera, 0 at the body's origin and 1 at 102.4 cm before it.
A view is one 4 x 4 matrix: h = view_from_body @ (X, Y, Z, 1), then x = h0 / h3, y = h1 / h3, depth = h2. h3 is 1 for
parallel projection and camera depth / depth of the origin for perspective. Worked number: at yaw 0 and the half extent
102.4 cm, the top of the head at (0, 90, 0) cm has y = -0.879 and lies in row 31 of 512.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

HALF_EXTENT_CM = 102.4
"""PIFu's pictures show 204.8 cm, so that a body of 180 cm covers 87.9 % of their height."""


class ViewPoints(NamedTuple):
    """Points as the pictures of one body see them."""

    position: Float[Tensor, "b n p 2"]
    """x right, y down; inside the picture both lie in [-1, 1]."""
    depth: Float[Tensor, "b n p"]
    """Towards the camera; 1 is 102.4 cm."""


def orthographic_views(
    yaw: Float[Tensor, " n"], pitch: Float[Tensor, " n"] | None = None, *, half_extent_cm: int | float = HALF_EXTENT_CM
) -> Float[Tensor, "n 4 4"]:
    """Parallel views of a body turned by `yaw` about +y, then by `pitch` about +x (radians), as PIFu's renderer does.

    At yaw 90 degrees the body's front (+z) shows at the right edge of the picture. Differentiable in the angles.
    """
    pitch = torch.zeros_like(yaw) if pitch is None else pitch
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    about_y = _rows([yaw.cos(), zero, yaw.sin()], [zero, one, zero], [-yaw.sin(), zero, yaw.cos()])
    about_x = _rows([one, zero, zero], [zero, pitch.cos(), -pitch.sin()], [zero, pitch.sin(), pitch.cos()])
    signs_and_scale = yaw.new_tensor([1 / half_extent_cm, -1 / half_extent_cm, 1 / HALF_EXTENT_CM])
    views = torch.zeros(len(yaw), 4, 4, dtype=yaw.dtype, device=yaw.device)
    views[:, :3, :3] = signs_and_scale[:, None] * (about_x @ about_y)
    views[:, 3, 3] = 1
    return views


def _rows(*rows: list[Tensor]) -> Tensor:
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def view_from_projection(projection: Float[Tensor, "3 4"], size: tuple[int, int]) -> Float[Tensor, "4 4"]:
    """The view of a pinhole camera from its matrix P: pixels (x right, y down, picture corners at 0 and `size`) times
    depth = P @ (X, Y, Z, 1) with X, Y, Z in centimetres of the body frame. P may have any scale and sign.

    Raises ValueError when P is singular or the body's origin lies in the plane of the camera.
    """
    height, width = size
    if not bool(torch.isfinite(projection).all()) or abs(float(torch.linalg.det(projection[:, :3].double()))) == 0:
        raise ValueError("A camera matrix is singular or not finite: give 3 x 4 numbers that map points to pixels.")
    projection = projection.double()
    # the third row is the optical axis; its length makes depths centimetres, the determinant's sign puts them in front
    projection = projection / projection[2, :3].norm() * projection[:, :3].det().sign()
    origin_depth = projection[2, 3]
    if float(origin_depth) <= 0:
        raise ValueError(
            "A camera matrix puts the body behind the camera: check the signs of its rows and the frame of the body."
        )
    view = torch.zeros(4, 4, dtype=torch.float64, device=projection.device)
    view[0] = (2 * projection[0] / width - projection[2]) / origin_depth
    view[1] = (2 * projection[1] / height - projection[2]) / origin_depth
    view[2, :3] = -projection[2, :3] / HALF_EXTENT_CM
    view[3] = projection[2] / origin_depth
    return view.float()


def project_to_views(view_from_body: Float[Tensor, "b n 4 4"], points_cm: Float[Tensor, "b p 3"]) -> ViewPoints:
    """Where points of the body lie in each of its n views. Differentiable in both; never in half precision.

    Points in or behind the plane of a camera come out far outside the picture.
    """
    linear, offset = view_from_body[..., :3], view_from_body[..., 3]
    with torch.autocast(points_cm.device.type, enabled=False):  # a pixel is less than half precision resolves
        h = points_cm[:, None] @ linear.mT + offset[:, :, None]
    weight = h[..., 3:].clamp_min(1e-6)
    return ViewPoints(h[..., :2] / weight, h[..., 2])


def body_points_from_view(
    view_from_body: Float[Tensor, "4 4"], position: Float[Tensor, "p 2"], depth: Float[Tensor, " p"]
) -> Float[Tensor, "p 3"]:
    """The inverse of `project_to_views` for one view: points of the body in centimetres. Differentiable."""
    # two equations a point from x and y (h0 - x h3 = 0, h1 - y h3 = 0) and one from the depth
    lines = view_from_body[None, :2] - position[..., None] * view_from_body[3]
    planes = view_from_body[2].expand(len(position), 1, 4)
    equations = torch.cat([lines, planes], 1)
    right = torch.stack([-equations[:, 0, 3], -equations[:, 1, 3], depth - equations[:, 2, 3]], -1)
    return torch.linalg.solve(equations[:, :, :3], right)


def crop_views(
    view_from_body: Float[Tensor, "*batch 4 4"],
    left: int | float,
    top: int | float,
    width: int | float,
    height: int | float,
    size: tuple[int, int],
) -> Float[Tensor, "*batch 4 4"]:
    """Views of the part of a picture of `size` = (h, w) pixels that begins at pixel edge (left, top); fractions and
    parts beyond the picture are allowed. Resizing changes nothing: the view frame has no pixels."""
    picture_height, picture_width = size
    crop_from_picture = torch.eye(4, dtype=view_from_body.dtype, device=view_from_body.device)
    crop_from_picture[0, 0] = picture_width / width
    crop_from_picture[0, 3] = (picture_width - 2 * left) / width - 1
    crop_from_picture[1, 1] = picture_height / height
    crop_from_picture[1, 3] = (picture_height - 2 * top) / height - 1
    return crop_from_picture @ view_from_body


def flip_views(view_from_body: Float[Tensor, "*batch 4 4"]) -> Float[Tensor, "*batch 4 4"]:
    """Views of pictures that were mirrored left to right; the body itself stays as it is."""
    signs = torch.tensor([-1.0, 1.0, 1.0, 1.0], dtype=view_from_body.dtype, device=view_from_body.device)
    return signs[:, None] * view_from_body


def perspective_views(views: Float[Tensor, "n 4 4"], distance_cm: Float[Tensor, " n"]) -> Float[Tensor, "n 4 4"]:
    """Parallel views as pinhole cameras see them from `distance_cm` before the body's origin, where the scale stays.

    Differentiable in both.
    """
    towards = views[:, 2] * HALF_EXTENT_CM  # centimetres towards the camera
    last = torch.zeros_like(towards)
    last[:, 3] = 1
    return torch.cat([views[:, :3], (last - towards / distance_cm[:, None])[:, None]], 1)


def turned_views(count: int, first_yaw: int | float = 0) -> Float[Tensor, "n 4 4"]:
    """`count` parallel views, equally spaced around the body, the first one at `first_yaw` radians."""
    return orthographic_views(first_yaw + torch.arange(count) * (2 * math.pi / count))


def camera_axes(view_from_body: Float[Tensor, "*batch 4 4"]) -> Float[Tensor, "*batch 3 3"]:
    """Unit rows x right, y up, z towards the camera: `axes @ normal_body` is a normal as the camera sees it.

    A mirrored picture has mirrored axes, so that its normal maps are mirrored with their x negated.
    """
    x, y, z = view_from_body[..., 0, :3], -view_from_body[..., 1, :3], view_from_body[..., 2, :3]
    z = torch.nn.functional.normalize(z, dim=-1)
    # a perspective picture's rows lean towards the optical axis
    x, y = (row - (row * z).sum(-1, keepdim=True) * z for row in (x, y))
    return torch.stack([torch.nn.functional.normalize(row, dim=-1) for row in (x, y, z)], -2)


def vertices_on_screen(
    view_from_body: Float[Tensor, "b 4 4"], vertices_cm: Float[Tensor, "b v 3"], size: tuple[int, int]
) -> Float[Tensor, "b v 3"]:
    """The rasterizer's input for pictures of `size` = (h, w): x right, y down in pixels, z > 0 away from the camera.

    z is 10 - depth for parallel views and h3, which is 1 at the body's origin, for perspective ones; see
    `is_perspective`. Differentiable.
    """
    height, width = size
    with torch.autocast(vertices_cm.device.type, enabled=False):
        h = vertices_cm @ view_from_body[:, :, :3].mT + view_from_body[:, None, :, 3]
    position = h[..., :2] / h[..., 3:].clamp_min(1e-6)
    half = position.new_tensor([width / 2, height / 2])
    z = h[..., 3] if is_perspective(view_from_body) else 10 - h[..., 2]
    return torch.cat([(position + 1) * half, z[..., None]], -1)


def is_perspective(view_from_body: Float[Tensor, "*batch 4 4"]) -> bool:
    """Whether any of the views divides by depth."""
    return bool((view_from_body[..., 3, :3] != 0).any())
