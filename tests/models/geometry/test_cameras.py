"""The worked numbers of the docstrings, and projections that agree with matrices."""

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from models.geometry.cameras import (
    OrthographicCamera,
    PerspectiveCamera,
    look_at,
    look_towards,
    points_from_pose,
    project_scaled_orthographic,
    transform_points,
)
from models.geometry.rotations import rotation_from_face_angles


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


AHEAD = look_at(numbers(0), numbers(0), numbers(0))
CENTRE = numbers(64, 32)[None]


@pytest.mark.parametrize(
    ("azimuth", "elevation", "place"),
    [(0, 0, (0, 0, 5)), (math.pi / 2, 0, (5, 0, 0)), (0, math.pi / 2, (0, 5, 0)), (math.pi, 0, (0, 0, -5))],
)
def test_look_at_stands_where_the_convention_says(azimuth: float, elevation: float, place: tuple) -> None:
    camera_from_world = look_at(numbers(azimuth), numbers(elevation), numbers(5))
    world_from_camera = torch.linalg.inv(camera_from_world)
    torch.testing.assert_close(world_from_camera[0, :3, 3], numbers(*place), rtol=0, atol=1e-12)
    origin = transform_points(camera_from_world, torch.zeros(1, 1, 3, dtype=torch.float64))
    torch.testing.assert_close(origin[0, 0], numbers(0, 0, -5), rtol=0, atol=1e-12)
    rotation = camera_from_world[0, :3, :3]
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-12)
    assert float(torch.linalg.det(rotation)) == pytest.approx(1)


def test_up_is_up_and_the_target_is_in_the_middle() -> None:
    target = numbers(1, 2, 3)[None]
    camera_from_world = look_at(numbers(0.7), numbers(0.4), numbers(3), target)
    camera = PerspectiveCamera.from_field_of_view(camera_from_world, numbers(math.pi / 3), (64, 128))
    screen = camera.to_screen(torch.stack([target, target + numbers(0, 0.1, 0)], 1))
    torch.testing.assert_close(screen[0, 0], numbers(64, 32, 3), rtol=0, atol=1e-9)
    assert float(screen[0, 1, 1]) < 32
    assert float(screen[0, 1, 0]) == pytest.approx(64)


def test_looking_towards_the_origin_is_looking_at_it() -> None:
    azimuth, elevation, distance = torch.tensor([0.4, -2.5]), torch.tensor([0.3, -1.1]), torch.tensor([2.0, 3.5])
    expected = look_at(azimuth, elevation, distance)
    centre = -(expected[:, :3, :3].mT @ expected[:, :3, 3:])[..., 0]
    torch.testing.assert_close(look_towards(centre, torch.zeros(2, 3)), expected, atol=1e-6, rtol=0)


def test_another_target_turns_the_camera_where_it_stands() -> None:
    centre, target = torch.tensor([[0.5, 1, 3]]), torch.tensor([[0.2, -0.3, 0.1]])
    camera_from_world = look_towards(centre, target)
    points = transform_points(camera_from_world, torch.stack([centre, target, target + torch.tensor([0, 1.0, 0])], 1))
    torch.testing.assert_close(points[0, 0], torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(points[0, 1], torch.tensor([0, 0, -(centre - target).norm()]), atol=1e-6, rtol=0)
    assert points[0, 2, 0].abs() < 1e-6  # up is up
    assert points[0, 2, 1] > 0.5


def test_worked_numbers_of_the_docstrings() -> None:
    point = numbers(1, 1, -2)[None, None]
    perspective = PerspectiveCamera(AHEAD, numbers(100), CENTRE).to_screen(point)
    torch.testing.assert_close(perspective[0, 0], numbers(114, -18, 2))
    orthographic = OrthographicCamera(AHEAD, numbers(10), CENTRE).to_screen(point)
    torch.testing.assert_close(orthographic[0, 0], numbers(74, 22, 2))
    face = project_scaled_orthographic(numbers(10, 20, 30)[None, None], torch.zeros(1, 6, dtype=torch.float64), 200)
    torch.testing.assert_close(face[0, 0], numbers(110, 80, 770))


def test_the_field_of_view_reaches_the_rim() -> None:
    camera = PerspectiveCamera.from_field_of_view(AHEAD, numbers(math.pi / 2), (64, 128))
    torch.testing.assert_close(camera.to_screen(numbers(0, 1, -1)[None, None])[0, 0, 1], torch.tensor(0.0).double())


def test_points_in_and_behind_the_camera_plane_stay_finite() -> None:
    points = torch.tensor([[[0.3, 0.2, 0.0], [0.3, 0.2, 1.0]]], requires_grad=True)
    screen = PerspectiveCamera(AHEAD.float(), torch.ones(1), torch.zeros(1, 2)).to_screen(points)
    (gradient,) = torch.autograd.grad(screen.sum(), points)
    assert bool(torch.isfinite(screen).all())
    assert bool(torch.isfinite(gradient).all())
    torch.testing.assert_close(screen[0, 1].detach(), torch.tensor([-0.3, 0.2, -1.0]))


def test_a_posed_face_is_the_formula_of_the_paper() -> None:
    generator = torch.manual_seed(0)
    vertices = 50 * torch.randn(2, 7, 3, generator=generator, dtype=torch.float64)
    pose = 0.3 * torch.randn(2, 6, generator=generator, dtype=torch.float64)
    side = 300
    for face in range(2):
        scale = 1.5 * float(pose[face, 5].exp())  # 1.5 px/mm at 300 px
        camera = scale * vertices[face] @ rotation_from_face_angles(pose[:, :3])[face].T
        camera = camera + torch.cat([pose[face, 3:5] * side, numbers(0)])
        torch.testing.assert_close(points_from_pose(vertices, pose, side)[face], camera)
        x, y, z = camera.T
        expected = torch.stack([side / 2 + x, side / 2 - y, 4 * side - z], 1)
        torch.testing.assert_close(project_scaled_orthographic(vertices, pose, side)[face], expected)


def test_yaw_moves_the_nose_to_the_left_and_ty_moves_it_up() -> None:
    nose = numbers(0, 0, 60)[None, None]
    turned = project_scaled_orthographic(nose, numbers(0, 0.5, 0, 0, 0, 0)[None], 128)
    assert float(turned[0, 0, 0]) < 64
    raised = project_scaled_orthographic(nose, numbers(0, 0, 0, 0, 0.25, 0)[None], 128)
    assert float(raised[0, 0, 1]) == pytest.approx(32)


def test_gradients() -> None:
    vertices = torch.randn(2, 4, 3, generator=torch.manual_seed(0), dtype=torch.float64, requires_grad=True)
    pose = 0.3 * torch.randn(2, 6, generator=torch.manual_seed(1), dtype=torch.float64)
    assert gradcheck(lambda v, p: project_scaled_orthographic(v, p, 16), (vertices, pose.requires_grad_()))
    angles = numbers(0.3, 0.2).requires_grad_()

    def seen(azimuth: Tensor) -> Tensor:
        camera_from_world = look_at(azimuth, azimuth / 2, azimuth + 5)
        return PerspectiveCamera.from_field_of_view(camera_from_world, azimuth + 1, (8, 8)).to_screen(vertices.detach())

    assert gradcheck(seen, angles)
    centre = vertices.detach()[0, :2] + 3
    assert gradcheck(look_towards, (centre.requires_grad_(), vertices.detach()[1, :2].requires_grad_()))
