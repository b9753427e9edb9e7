import math

import numpy as np
import torch

from datamodules.synthetic.body_light import ENVIRONMENT, draw_light, irradiance, sky_share, turned_light
from models.geometry.primitives import icosphere
from models.rendering.lighting import spherical_harmonics


def directions(count: int) -> torch.Tensor:
    points = torch.from_numpy(np.random.default_rng(3).standard_normal((count, 3)))
    return points / points.norm(dim=1, keepdim=True)


def test_a_uniform_white_environment_shades_white_as_one() -> None:
    light = torch.zeros(9, 3)
    light[0] = math.sqrt(4 * math.pi)
    torch.testing.assert_close(irradiance(directions(50), light), torch.ones(50, 3), rtol=1e-5, atol=1e-5)


def test_turning_the_light_is_turning_the_normals_back() -> None:
    light, normals, angle = draw_light(np.random.default_rng(0)), directions(200), 0.7
    c, s = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]], dtype=torch.float64)
    expected = _unclipped(normals @ turn, light)  # rows times R = R transposed times columns
    torch.testing.assert_close(_unclipped(normals, turned_light(light, angle)), expected, rtol=1e-4, atol=1e-5)


def _unclipped(normals: torch.Tensor, light: torch.Tensor) -> torch.Tensor:
    basis = spherical_harmonics(normals.float().T[None, :, None], ENVIRONMENT)[0, :, 0]
    return basis.T @ light


def test_a_lamp_on_the_left_of_the_picture_lights_what_faces_left() -> None:
    random = np.random.default_rng(1)
    lights = torch.stack([draw_light(random) for _ in range(200)])
    left, right = torch.tensor([[-1.0, 0, 0]]), torch.tensor([[1.0, 0, 0]])
    leaning = lights[:, 3].sum(1)  # the coefficients of x
    difference = torch.stack([irradiance(right, one).sum() - irradiance(left, one).sum() for one in lights])
    strong = leaning.abs() > 0.3
    assert strong.sum() > 50
    assert bool((difference.sign() == leaning.sign())[strong].float().mean() > 0.95)


def test_random_lights_expose_well() -> None:
    random = np.random.default_rng(2)
    normals = directions(500)
    normals = normals[normals[:, 2] > 0]
    means = torch.stack([irradiance(normals, draw_light(random)).mean() for _ in range(50)])
    assert float(means.min()) > 0.4
    assert float(means.max()) < 1.1


def test_a_convex_body_sees_the_whole_sky_and_a_crevice_does_not() -> None:
    sphere = icosphere(3)
    radius = 40.0

    def ball(points: torch.Tensor) -> torch.Tensor:
        return points.norm(dim=1) - radius

    def two_balls(points: torch.Tensor) -> torch.Tensor:
        return torch.minimum(ball(points), (points - torch.tensor([2 * radius + 1, 0, 0])).norm(dim=1) - radius)

    points = sphere.vertices * radius
    assert float(sky_share(ball, points, sphere.vertices).min()) > 0.99
    share = sky_share(two_balls, points, sphere.vertices)
    facing = sphere.vertices[:, 0]
    assert float(share[facing < 0].min()) > 0.99
    assert float(share[facing.argmax()]) < 0.75
