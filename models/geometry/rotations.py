"""Rotations as matrices that act on column vectors: `points_b = b_from_a @ points_a`.

Convention: `rotation_about_y(pi / 2)` takes +z to +x (right-handed). `rotation_from_face_angles` is the transposed
convention of face fitting; its docstring has the number.
"""

import torch
from jaxtyping import Float
from kornia.geometry.conversions import (
    axis_angle_to_rotation_matrix,
    quaternion_to_rotation_matrix,
    rotation_matrix_to_axis_angle,
    rotation_matrix_to_quaternion,
)
from torch import Tensor


def rotation_from_axis_angle(axis_angle: Float[Tensor, "b 3"]) -> Float[Tensor, "b 3 3"]:
    """Rodrigues' formula: the direction is the axis, the length the angle in radians. Differentiable."""
    return axis_angle_to_rotation_matrix(axis_angle)


def axis_angle_from_rotation(rotation: Float[Tensor, "b 3 3"]) -> Float[Tensor, "b 3"]:
    """Inverse of `rotation_from_axis_angle` for angles below pi. Differentiable."""
    return rotation_matrix_to_axis_angle(rotation)


def rotation_from_quaternion(quaternion: Float[Tensor, "b 4"]) -> Float[Tensor, "b 3 3"]:
    """Rotation of a quaternion (w, x, y, z), which need not have length 1. Differentiable."""
    return quaternion_to_rotation_matrix(quaternion)


def quaternion_from_rotation(rotation: Float[Tensor, "b 3 3"]) -> Float[Tensor, "b 4"]:
    """Unit quaternion (w, x, y, z) of a rotation; q and -q are the same rotation. Differentiable."""
    return rotation_matrix_to_quaternion(rotation)


def rotation_about_x(angle: Float[Tensor, " b"]) -> Float[Tensor, "b 3 3"]:
    """Right-handed turn about +x: a quarter turn takes +y to +z. Radians, differentiable."""
    one, zero, cos, sin = torch.ones_like(angle), torch.zeros_like(angle), angle.cos(), angle.sin()
    return _matrix(one, zero, zero, zero, cos, -sin, zero, sin, cos)


def rotation_about_y(angle: Float[Tensor, " b"]) -> Float[Tensor, "b 3 3"]:
    """Right-handed turn about +y: a quarter turn takes +z to +x. Radians, differentiable."""
    one, zero, cos, sin = torch.ones_like(angle), torch.zeros_like(angle), angle.cos(), angle.sin()
    return _matrix(cos, zero, sin, zero, one, zero, -sin, zero, cos)


def rotation_about_z(angle: Float[Tensor, " b"]) -> Float[Tensor, "b 3 3"]:
    """Right-handed turn about +z: a quarter turn takes +x to +y. Radians, differentiable."""
    one, zero, cos, sin = torch.ones_like(angle), torch.zeros_like(angle), angle.cos(), angle.sin()
    return _matrix(cos, -sin, zero, sin, cos, zero, zero, zero, one)


def rotation_from_face_angles(angles: Float[Tensor, "b 3"]) -> Float[Tensor, "b 3 3"]:
    """Rotation of (pitch, yaw, roll) in the convention of 3DDFA and of Chen et al. (TIP 2020): R = Rx Ry Rz with

        Rx = [1 0 0; 0 c s; 0 -s c]   Ry = [c 0 -s; 0 1 0; s 0 c]   Rz = [c s 0; -s c 0; 0 0 1]

    so every factor is the transpose of the right-handed turn. Convention: yaw = +pi/2 takes the nose, +z, to -x (image
    left); pitch = +pi/2 takes it to +y; roll = +pi/2 takes image right, +x, to -y. Radians, differentiable.
    """
    pitch, yaw, roll = angles.unbind(-1)
    return rotation_about_x(-pitch) @ rotation_about_y(-yaw) @ rotation_about_z(-roll)


def face_angles_from_rotation(rotation: Float[Tensor, "b 3 3"]) -> Float[Tensor, "b 3"]:
    """(pitch, yaw, roll) of `rotation_from_face_angles`, |yaw| <= pi/2; at pi/2 pitch and roll are not unique."""
    pitch = torch.atan2(rotation[:, 1, 2], rotation[:, 2, 2])
    yaw = -torch.asin(rotation[:, 0, 2].clamp(-1, 1))
    roll = torch.atan2(rotation[:, 0, 1], rotation[:, 0, 0])
    return torch.stack([pitch, yaw, roll], -1)


def rotation_difference(first: Float[Tensor, "b 3 3"], second: Float[Tensor, "b 3 3"]) -> Float[Tensor, " b"]:
    """Angle in radians, 0 to pi, of the turn that leads from one rotation to the other.

    By atan2 of sine and cosine, because the arc cosine of the trace loses half the digits near 0.
    Differentiable but at 0 and pi.
    """
    turn = first @ second.mT
    axis = torch.stack(
        [turn[:, 2, 1] - turn[:, 1, 2], turn[:, 0, 2] - turn[:, 2, 0], turn[:, 1, 0] - turn[:, 0, 1]], -1
    )
    return torch.atan2(torch.linalg.vector_norm(axis, dim=-1), turn.diagonal(dim1=-2, dim2=-1).sum(-1) - 1)


def _matrix(*rows: Tensor) -> Tensor:
    return torch.stack(rows, -1).unflatten(-1, (3, 3))
