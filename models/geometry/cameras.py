"""Cameras: from world coordinates to the screen, which is the rasterizer's input.

Convention: a camera looks down its own -z; on the screen x is right, y DOWN, in pixels; depth > 0 grows away from the
camera. At azimuth 0 the camera stands on +z; at azimuth +pi/2 on +x; at elevation +pi/2 above. A point in the middle of
the view of a 64 x 128 (h x w) picture has the screen position (64, 32).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from models.geometry.rotations import rotation_from_face_angles

SMALLEST_DEPTH = 1e-6
FACE_PIXELS_PER_MM_AT_UNIT_SIDE = 1 / 200
"""A face of log scale 0 has side / 200 pixels for each millimetre: 1.5 px/mm in the 300 px pictures of Chen et al."""
FACE_DEPTH_OFFSET_SIDES = 4.0
"""The plane of the model's origin stands this many picture sides before the camera, so every face has depth > 0."""


def look_at(
    azimuth: Float[Tensor, " b"],
    elevation: Float[Tensor, " b"],
    distance: Float[Tensor, " b"],
    target: Float[Tensor, "b 3"] | None = None,
) -> Float[Tensor, "b 4 4"]:
    """`camera_from_world` of cameras on a sphere around `target` (the origin when left out), +y up in the picture.

    Angles in radians; positive azimuth moves the camera to +x, positive elevation above. Right at the poles too, where
    the picture's up is the limit of the meridian. Differentiable in everything.
    """
    sin_a, cos_a, sin_e, cos_e = azimuth.sin(), azimuth.cos(), elevation.sin(), elevation.cos()
    zero = torch.zeros_like(azimuth)
    x_axis = torch.stack([cos_a, zero, -sin_a], -1)
    y_axis = torch.stack([-sin_e * sin_a, cos_e, -sin_e * cos_a], -1)
    z_axis = torch.stack([cos_e * sin_a, sin_e, cos_e * cos_a], -1)
    rotation = torch.stack([x_axis, y_axis, z_axis], -2)
    translation = torch.stack([zero, zero, -distance], -1)
    if target is not None:
        translation = translation - (rotation @ target.unsqueeze(-1)).squeeze(-1)
    last_row = rotation.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(len(azimuth), 1, 4)
    return torch.cat([torch.cat([rotation, translation.unsqueeze(-1)], -1), last_row], -2)


def look_towards(centre: Float[Tensor, "b 3"], target: Float[Tensor, "b 3"]) -> Float[Tensor, "b 4 4"]:
    """`camera_from_world` of cameras at `centre` that look at `target`, +y up in the picture. Differentiable in both.

    Unlike with `look_at`, moving the target turns the camera where it stands. Not defined for a camera right above or
    below its target, nor for one in it: the axes are 0 there.
    """
    z_axis = normalize(centre - target, dim=-1)
    x, _, z = z_axis.unbind(-1)
    x_axis = normalize(torch.stack([z, torch.zeros_like(x), -x], -1), dim=-1)
    rotation = torch.stack([x_axis, torch.linalg.cross(z_axis, x_axis), z_axis], -2)
    translation = -(rotation @ centre.unsqueeze(-1))
    last_row = rotation.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(len(centre), 1, 4)
    return torch.cat([torch.cat([rotation, translation], -1), last_row], -2)


def transform_points(b_from_a: Float[Tensor, "b 4 4"], points_a: Float[Tensor, "b p 3"]) -> Float[Tensor, "b p 3"]:
    """Rigid or affine motion of points: `points_b = b_from_a @ points_a`. Differentiable."""
    return points_a @ b_from_a[:, :3, :3].mT + b_from_a[:, None, :3, 3]


@dataclass(frozen=True, eq=False)
class PerspectiveCamera:
    """Pinhole cameras with square pixels, one for each member of the batch.

    Convention: focal length 100 px, principal point (64, 32): the camera-space point (1, 1, -2) lands on
    (114, -18) with depth 2.
    """

    camera_from_world: Float[Tensor, "b 4 4"]
    focal_px: Float[Tensor, " b"]
    principal_px: Float[Tensor, "b 2"]

    @classmethod
    def from_field_of_view(
        cls, camera_from_world: Float[Tensor, "b 4 4"], vertical_angle: Float[Tensor, " b"], size: tuple[int, int]
    ) -> "PerspectiveCamera":
        """Centred camera whose picture of `size` = (h, w) pixels spans `vertical_angle` radians from top to bottom."""
        height, width = size
        centre = camera_from_world.new_tensor([width / 2, height / 2]).expand(len(camera_from_world), 2)
        return cls(camera_from_world, height / 2 / torch.tan(vertical_angle / 2), centre)

    def to_screen(self, points_world: Float[Tensor, "b v 3"]) -> Float[Tensor, "b v 3"]:
        """Screen x, y in pixels and depth. Differentiable.

        A point behind the camera has depth < 0 and x, y by the same division, so that z (x, y, 1) is linear in the
        point: the rasterizer draws triangles through the camera's plane from that. In the plane the depth is nudged to
        1e-6.
        """
        x, y, z = transform_points(self.camera_from_world, points_world).unbind(-1)
        nearest = torch.where(z > 0, -SMALLEST_DEPTH, SMALLEST_DEPTH)
        depth = torch.where(z.abs() < SMALLEST_DEPTH, nearest.to(z), -z)
        pixels = self.focal_px[:, None] / depth
        return torch.stack([self.principal_px[:, :1] + pixels * x, self.principal_px[:, 1:] - pixels * y, depth], -1)


@dataclass(frozen=True, eq=False)
class OrthographicCamera:
    """Parallel projections, one for each member of the batch.

    Convention: 10 px for each unit, principal point (64, 32): the camera-space point (1, 1, -2) lands on (74, 22) with
    depth 2.
    """

    camera_from_world: Float[Tensor, "b 4 4"]
    pixels_per_unit: Float[Tensor, " b"]
    principal_px: Float[Tensor, "b 2"]

    def to_screen(self, points_world: Float[Tensor, "b v 3"]) -> Float[Tensor, "b v 3"]:
        """Screen x, y in pixels and depth in world units. Differentiable."""
        x, y, z = transform_points(self.camera_from_world, points_world).unbind(-1)
        scale = self.pixels_per_unit[:, None]
        return torch.stack([self.principal_px[:, :1] + scale * x, self.principal_px[:, 1:] - scale * y, -z], -1)


def project_scaled_orthographic(
    vertices_mm: Float[Tensor, "b v 3"], pose: Float[Tensor, "b 6"], side: int
) -> Float[Tensor, "b v 3"]:
    """Screen positions of faces in square pictures of `side` pixels (Chen et al., TIP 2020, scaled orthographic).

    `pose` = pitch, yaw, roll (radians, `rotation_from_face_angles`), x and y translation as a share of the side (x
    right, y UP), natural logarithm of the scale. Convention: pose 0 and side 200 put the point (10, 20, 30) mm at
    (110, 80) px with depth 4 * 200 - 30 = 770: depth is in pixels, so 1 mm weighs as much along z as across.
    Differentiable in vertices and pose.
    """
    points_px = points_from_pose(vertices_mm, pose, side)
    x, y, z = points_px.unbind(-1)
    return torch.stack([side / 2 + x, side / 2 - y, FACE_DEPTH_OFFSET_SIDES * side - z], -1)


def points_from_pose(
    vertices_mm: Float[Tensor, "b v 3"], pose: Float[Tensor, "b 6"], side: int
) -> Float[Tensor, "b v 3"]:
    """Camera-space positions in pixels, y up, z towards the camera, of posed faces: s R v + (tx, ty, 0) * side."""
    pixels_per_mm = side * FACE_PIXELS_PER_MM_AT_UNIT_SIDE * pose[:, 5].exp()
    matrix = pixels_per_mm[:, None, None] * rotation_from_face_angles(pose[:, :3])
    shift = torch.cat([pose[:, 3:5], torch.zeros_like(pose[:, :1])], -1) * side
    return vertices_mm @ matrix.mT + shift[:, None]
