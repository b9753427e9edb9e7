"""Views of bodies: worked numbers, inverses, crops and flips, pinhole matrices of any scale and sign."""

import math

import pytest
import torch

from models.geometry.view_cameras import (
    body_points_from_view,
    camera_axes,
    crop_views,
    flip_views,
    orthographic_views,
    project_to_views,
    turned_views,
    vertices_on_screen,
    view_from_projection,
)


def pinhole(scale: float = 1.0) -> torch.Tensor:
    """P of a camera at (30, 20, 400) cm that looks along -z, focal length 500 px, centre (64, 32)."""
    rotation = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    translation = -rotation @ torch.tensor([30.0, 20.0, 400.0])
    intrinsics = torch.tensor([[500.0, 0, 64], [0, 500, 32], [0, 0, 1]])
    return scale * intrinsics @ torch.cat([rotation, translation[:, None]], 1)


def test_the_head_top_lies_in_row_31_of_512() -> None:
    views = orthographic_views(torch.zeros(1))
    seen = project_to_views(views[None], torch.tensor([[[0.0, 90.0, 10.24]]]))
    assert seen.position[0, 0, 0, 1].item() == pytest.approx(-0.87890625)
    row = (seen.position[0, 0, 0, 1].item() + 1) / 2 * 512
    assert int(row) == 31
    assert seen.depth.item() == pytest.approx(0.1)


def test_yaw_90_degrees_turns_the_front_to_the_right_edge() -> None:
    views = orthographic_views(torch.tensor([math.pi / 2]))
    front, left_hand = torch.tensor([0.0, 0, 51.2]), torch.tensor([51.2, 0, 0])
    seen = project_to_views(views[None], torch.stack([front, left_hand])[None])
    torch.testing.assert_close(seen.position[0, 0], torch.tensor([[0.5, 0], [0, 0]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(seen.depth[0, 0], torch.tensor([0.0, -0.5]), atol=1e-6, rtol=0)


def test_pitch_comes_after_yaw() -> None:
    yaw, pitch = torch.tensor([0.7]), torch.tensor([0.4])
    point = torch.tensor([3.0, -20.0, 11.0])
    c, s = math.cos(0.7), math.sin(0.7)
    turned = torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ point
    c, s = math.cos(0.4), math.sin(0.4)
    nodded = torch.tensor([[1, 0, 0], [0, c, -s], [0, s, c]]) @ turned
    seen = project_to_views(orthographic_views(yaw, pitch)[None], point[None, None])
    expected = nodded / 102.4 * torch.tensor([1.0, -1.0, 1.0])
    torch.testing.assert_close(torch.cat([seen.position[0, 0, 0], seen.depth[0, 0]]), expected)


@pytest.mark.parametrize("scale", [1.0, -3.7, 1e-3])
def test_a_pinhole_matrix_of_any_scale_and_sign_gives_its_pixels(scale: float) -> None:
    points = torch.randn(1, 50, 3) * 40
    h = torch.cat([points[0], torch.ones(50, 1)], 1) @ pinhole().T
    pixels = h[:, :2] / h[:, 2:]
    view = view_from_projection(pinhole(scale), (64, 128))
    seen = project_to_views(view[None, None], points)
    torch.testing.assert_close(
        (seen.position[0, 0] + 1) / 2 * torch.tensor([128.0, 64.0]), pixels, atol=1e-3, rtol=1e-5
    )
    torch.testing.assert_close(seen.depth[0, 0], points[0, :, 2] / 102.4, atol=1e-5, rtol=1e-5)
    assert view[3, 3].item() == pytest.approx(1.0)


def test_a_body_behind_the_camera_is_refused() -> None:
    behind = pinhole()
    behind[:, 3] = pinhole() @ torch.tensor([0.0, 0.0, 800.0, 1.0])
    with pytest.raises(ValueError, match="behind the camera"):
        view_from_projection(behind, (64, 128))
    with pytest.raises(ValueError, match="singular"):
        view_from_projection(torch.zeros(3, 4), (64, 128))


@pytest.mark.parametrize("perspective", [False, True])
def test_points_come_back_from_position_and_depth(perspective: bool) -> None:
    view = view_from_projection(pinhole(), (64, 128)) if perspective else orthographic_views(torch.tensor([1.1]))[0]
    points = torch.randn(1, 40, 3) * 50
    seen = project_to_views(view[None, None], points)
    back = body_points_from_view(view, seen.position[0, 0], seen.depth[0, 0])
    torch.testing.assert_close(back, points[0], atol=2e-3, rtol=1e-4)


@pytest.mark.parametrize("perspective", [False, True])
def test_a_crop_sees_the_same_pixels(perspective: bool) -> None:
    view = view_from_projection(pinhole(), (64, 128)) if perspective else orthographic_views(torch.tensor([1.1]))[0]
    points = torch.randn(1, 40, 3) * 50
    whole = (project_to_views(view[None, None], points).position + 1) / 2 * torch.tensor([128.0, 64.0])
    cropped = crop_views(view, left=10, top=-4, width=50, height=40, size=(64, 128))
    part = (project_to_views(cropped[None, None], points).position + 1) / 2 * torch.tensor([50.0, 40.0])
    torch.testing.assert_close(part, whole - torch.tensor([10.0, -4.0]), atol=1e-3, rtol=1e-4)


def test_a_mirrored_picture_mirrors_x_alone() -> None:
    views = turned_views(4)
    points = torch.randn(1, 40, 3) * 50
    plain, mirrored = project_to_views(views[None], points), project_to_views(flip_views(views)[None], points)
    torch.testing.assert_close(mirrored.position, plain.position * torch.tensor([-1.0, 1.0]))
    torch.testing.assert_close(mirrored.depth, plain.depth)


def test_camera_axes_turn_normals_into_the_camera() -> None:
    axes = camera_axes(orthographic_views(torch.tensor([math.pi / 2])))[0]
    torch.testing.assert_close(axes @ torch.tensor([0.0, 0, 1]), torch.tensor([1.0, 0, 0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(axes @ torch.tensor([0.0, 1, 0]), torch.tensor([0.0, 1, 0]), atol=1e-6, rtol=0)
    pinhole_axes = camera_axes(crop_views(view_from_projection(pinhole(-2), (64, 128)), 5, 3, 40, 20, (64, 128)))
    torch.testing.assert_close(pinhole_axes, torch.eye(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(camera_axes(flip_views(turned_views(1))[0]), torch.diag(torch.tensor([-1.0, 1, 1])))


@pytest.mark.parametrize("perspective", [False, True])
def test_the_screen_has_the_pixels_of_the_view(perspective: bool) -> None:
    view = view_from_projection(pinhole(), (64, 128)) if perspective else orthographic_views(torch.tensor([1.1]))[0]
    points = torch.randn(1, 40, 3) * 50
    seen = project_to_views(view[None, None], points)
    screen = vertices_on_screen(view[None], points, (64, 128))
    expected = (seen.position[0, 0] + 1) / 2 * torch.tensor([128.0, 64.0])
    torch.testing.assert_close(screen[0, :, :2], expected, atol=1e-3, rtol=1e-4)
    nearest = seen.depth[0, 0].argmax()
    assert screen[0, :, 2].argmin() == nearest
    assert (screen[..., 2] > 0).all()


def test_half_precision_around_networks_does_not_move_points() -> None:
    views, points = turned_views(3), torch.randn(1, 200, 3) * 40
    seen, screen = project_to_views(views[None], points), vertices_on_screen(views[:1], points, (512, 512))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        again, screen_again = project_to_views(views[None], points), vertices_on_screen(views[:1], points, (512, 512))
    torch.testing.assert_close(again, seen, rtol=0, atol=0)
    torch.testing.assert_close(screen_again, screen, rtol=0, atol=0)
