"""Rotations by the axioms of the group."""

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from models.geometry.rotations import (
    axis_angle_from_rotation,
    face_angles_from_rotation,
    quaternion_from_rotation,
    rotation_about_x,
    rotation_about_y,
    rotation_about_z,
    rotation_difference,
    rotation_from_axis_angle,
    rotation_from_face_angles,
    rotation_from_quaternion,
)

IDENTITY = torch.eye(3, dtype=torch.float64)
QUARTER = torch.tensor([math.pi / 2], dtype=torch.float64)


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.manual_seed(0), dtype=torch.float64)


CONSTRUCTORS = {
    "axis angle": lambda: rotation_from_axis_angle(random(8, 3)),
    "quaternion": lambda: rotation_from_quaternion(random(8, 4)),
    "face angles": lambda: rotation_from_face_angles(random(8, 3)),
    "about x": lambda: rotation_about_x(random(8)),
}


@pytest.mark.parametrize("make", CONSTRUCTORS.values(), ids=CONSTRUCTORS)
def test_a_rotation_keeps_lengths_and_handedness(make) -> None:
    rotation = make()
    torch.testing.assert_close(rotation @ rotation.mT, IDENTITY.expand(8, 3, 3), rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(8, dtype=torch.float64), rtol=0, atol=1e-12)


def test_identity_inverse_and_composition() -> None:
    for zero in (rotation_from_axis_angle(random(1, 3) * 0), rotation_from_face_angles(random(1, 3) * 0)):
        torch.testing.assert_close(zero[0], IDENTITY, rtol=0, atol=1e-12)
    vector = random(8, 3)
    product = rotation_from_axis_angle(vector) @ rotation_from_axis_angle(-vector)
    torch.testing.assert_close(product, IDENTITY.expand(8, 3, 3), rtol=0, atol=1e-12)
    twice = rotation_from_axis_angle(vector) @ rotation_from_axis_angle(vector)
    torch.testing.assert_close(twice, rotation_from_axis_angle(2 * vector), rtol=0, atol=1e-12)


def test_round_trips() -> None:
    vector = random(8, 3)
    vector = vector / vector.norm(dim=1, keepdim=True) * torch.linspace(0.01, 3.1, 8, dtype=torch.float64)[:, None]
    torch.testing.assert_close(axis_angle_from_rotation(rotation_from_axis_angle(vector)), vector, rtol=0, atol=1e-6)
    rotation = rotation_from_axis_angle(vector)
    torch.testing.assert_close(
        rotation_from_quaternion(quaternion_from_rotation(rotation)), rotation, rtol=0, atol=1e-6
    )
    angles = (random(8, 3) * 0.5).clamp(-1.5, 1.5)
    back = face_angles_from_rotation(rotation_from_face_angles(angles))
    torch.testing.assert_close(back, angles, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("turn", "moved", "towards"),
    [(rotation_about_x, 1, 2), (rotation_about_y, 2, 0), (rotation_about_z, 0, 1)],
)
def test_right_handed_quarter_turns(turn, moved: int, towards: int) -> None:
    torch.testing.assert_close(turn(QUARTER)[0] @ IDENTITY[moved], IDENTITY[towards], rtol=0, atol=1e-12)


def test_face_angles_are_the_matrices_of_the_paper() -> None:
    a, b, c = 0.3, -0.7, 1.1
    rx = torch.tensor([[1, 0, 0], [0, math.cos(a), math.sin(a)], [0, -math.sin(a), math.cos(a)]], dtype=torch.float64)
    ry = torch.tensor([[math.cos(b), 0, -math.sin(b)], [0, 1, 0], [math.sin(b), 0, math.cos(b)]], dtype=torch.float64)
    rz = torch.tensor([[math.cos(c), math.sin(c), 0], [-math.sin(c), math.cos(c), 0], [0, 0, 1]], dtype=torch.float64)
    angles = torch.tensor([[a, b, c]], dtype=torch.float64)
    torch.testing.assert_close(rotation_from_face_angles(angles)[0], rx @ ry @ rz, rtol=0, atol=1e-12)
    nose = rotation_from_face_angles(torch.tensor([[0.0, math.pi / 2, 0.0]]))[0] @ torch.tensor([0.0, 0.0, 1.0])
    torch.testing.assert_close(nose, torch.tensor([-1.0, 0.0, 0.0]), rtol=0, atol=1e-6)


def test_difference_is_the_angle_even_when_it_is_tiny() -> None:
    base = rotation_from_axis_angle(random(4, 3))
    angles = torch.tensor([0.0, 1e-9, 0.5, 3.1], dtype=torch.float64)
    turned = rotation_about_y(angles) @ base
    torch.testing.assert_close(rotation_difference(base, turned), angles, rtol=1e-6, atol=1e-15)


def test_gradients() -> None:
    assert gradcheck(rotation_from_face_angles, random(2, 3).requires_grad_())
    assert gradcheck(rotation_from_axis_angle, random(2, 3).requires_grad_())
