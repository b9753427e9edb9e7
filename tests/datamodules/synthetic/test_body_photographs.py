import math

import numpy as np
import pytest
import torch
from torch import Tensor

from datamodules.synthetic.body_light import draw_light
from datamodules.synthetic.body_photographs import BodyPicture, photograph
from datamodules.synthetic.body_samples import near_and_far_samples
from models.geometry.view_cameras import body_points_from_view, orthographic_views, project_to_views
from tests.datamodules.synthetic.standin_body import RADII_CM, StandinBody

SIZE = 96


def front_view(yaw: float = 0.0) -> Tensor:
    return orthographic_views(torch.tensor([yaw]))[0]


@pytest.fixture(scope="module")
def body() -> StandinBody:
    return StandinBody()


@pytest.fixture(scope="module")
def picture(body: StandinBody) -> BodyPicture:
    return photograph(body, body.mesh(), front_view(), SIZE, draw_light(np.random.default_rng(0)))


def test_everything_is_zero_outside_one_mask(picture: BodyPicture) -> None:
    inside = picture.mask > 0.5
    assert 0.05 < float(inside.float().mean()) < 0.5
    for part in picture[2:4]:
        torch.testing.assert_close(part.norm(dim=0, keepdim=True), inside.float(), rtol=1e-4, atol=1e-4)
    for part in picture:
        assert float(part[~inside.expand_as(part)].abs().max()) == 0
    assert float(picture.image.min()) >= 0
    assert float(picture.image.max()) <= 1


def test_near_normals_face_the_camera_and_far_ones_look_away(picture: BodyPicture) -> None:
    inside = picture.mask[0] > 0.5
    assert float((picture.front_normals[2][inside] > 0).float().mean()) > 0.98
    assert float((picture.back_normals[2][inside] < 0).float().mean()) > 0.98
    assert bool((picture.front_depth > picture.back_depth)[picture.mask > 0.5].all())
    middle = slice(SIZE // 2 - 2, SIZE // 2 + 2)
    assert float(picture.front_depth[0, middle, middle].mean()) * 102.4 == pytest.approx(RADII_CM[2], rel=0.03)
    assert float(picture.back_depth[0, middle, middle].mean()) * 102.4 == pytest.approx(-RADII_CM[2], rel=0.03)


def test_the_left_side_of_the_body_is_on_the_right_of_its_front_picture(body: StandinBody) -> None:
    light = draw_light(np.random.default_rng(0))
    for yaw, side in ((0.0, "right"), (math.pi, "left")):
        image = photograph(body, body.mesh(4), front_view(yaw), SIZE, light).image
        red, green = (image[channel] > 0.05 for channel in (0, 1))
        columns = torch.arange(SIZE).float()
        red_column, green_column = ((seen.sum(0) * columns).sum() / seen.sum() for seen in (red, green))
        assert (float(red_column) > float(green_column)) == (side == "right")
        assert float(image[2].max()) == 0


def test_normals_to_the_right_grow_red_and_upward_ones_green(picture: BodyPicture) -> None:
    x, y, _ = picture.front_normals
    inside = picture.mask[0] > 0.5
    columns, rows = torch.arange(SIZE).float(), torch.arange(SIZE).float()[:, None]
    right, top = inside & (columns > 0.55 * SIZE), inside & (rows < 0.3 * SIZE)
    assert float(x[right].mean()) > 0.3
    assert float(y[top].mean()) > 0.05


def test_pixels_go_back_to_the_surface(body: StandinBody, picture: BodyPicture) -> None:
    row, column = (picture.mask[0] > 0.5).nonzero().unbind(1)
    position = torch.stack([(2 * column + 1) / SIZE - 1, (2 * row + 1) / SIZE - 1], 1)
    points = body_points_from_view(front_view(), position, picture.front_depth[0, row, column])
    assert float(body(points).abs().median()) < 0.05
    assert float(body(points).abs().quantile(0.95)) < 0.6  # steep at the outline, where a pixel spans centimetres


def test_surface_points_fall_into_the_mask_but_for_its_outline(body: StandinBody, picture: BodyPicture) -> None:
    points = project_to_views(front_view()[None, None], body.mesh().vertices[None]).position[0, 0]
    pixel = ((points + 1) / 2 * SIZE).long()
    wider = torch.nn.functional.max_pool2d(
        picture.mask, 3, 1, 1
    )  # the mask drops pixels that are covered by less than half
    assert float(picture.mask[0, pixel[:, 1], pixel[:, 0]].mean()) > 0.9
    assert float(wider[0, pixel[:, 1], pixel[:, 0]].mean()) > 0.999


def test_the_mask_is_the_majority_of_the_samples(body: StandinBody, picture: BodyPicture) -> None:
    near, _ = near_and_far_samples(body, body.mesh(), front_view(), (2 * SIZE, 2 * SIZE), far=False)
    covered = torch.zeros(4 * SIZE * SIZE)
    covered[near.at] = 1
    share = torch.nn.functional.avg_pool2d(covered.reshape(1, 2 * SIZE, 2 * SIZE), 2)
    assert bool(((share >= 0.5).float() == picture.mask).all())


def test_a_turned_body_is_seen_at_the_edge(body: StandinBody) -> None:
    """At yaw 90 degrees the front (+z) shows on the right: depth of the picture's middle is the body's left side."""
    picture = photograph(body, body.mesh(4), front_view(math.pi / 2), SIZE, draw_light(np.random.default_rng(0)))
    widths = (picture.mask[0] > 0.5).any(0).sum() / SIZE * 204.8
    assert float(widths) == pytest.approx(2 * RADII_CM[2], rel=0.08)
