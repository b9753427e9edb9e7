import math

import pytest
import torch
from torch import Tensor

from datamodules.synthetic.body_samples import near_and_far_samples, towards_camera
from models.geometry.view_cameras import body_points_from_view, orthographic_views, perspective_views
from tests.datamodules.synthetic.standin_body import StandinBody

SIZE = (72, 64)


def view(yaw: float, distance_cm: float | None) -> Tensor:
    views = orthographic_views(torch.tensor([yaw]))
    return (views if distance_cm is None else perspective_views(views, torch.tensor([distance_cm])))[0]


def traced(body: StandinBody, view_from_body: Tensor, size: tuple[int, int], *, far: bool) -> tuple[Tensor, Tensor]:
    """Truth: sphere tracing in float64 along every ray; hit [h w] and points [h w 3]."""
    height, width = size
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    position = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1).reshape(-1, 2)
    ends = [
        body_points_from_view(view_from_body.double(), position, torch.full((len(position),), depth).double())
        for depth in (1.2, -1.2)
    ]
    start, end = ends[::-1] if far else ends
    length = (end - start).norm(dim=1)
    ray = (end - start) / length[:, None]
    along, hit = torch.zeros_like(length), torch.zeros(len(length), dtype=torch.bool)
    for _ in range(600):
        value = body(start + along[:, None] * ray)
        hit |= value.abs() < 1e-7
        along = torch.where(hit | (along > length), along, along + 0.4 * value)
    return hit.reshape(size), (start + along[:, None] * ray).reshape(height, width, 3)


def gradient(body: StandinBody, points: Tensor) -> Tensor:
    points = points.detach().requires_grad_()
    (normals,) = torch.autograd.grad(body(points).sum(), points)
    return normals / normals.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("distance_cm", [None, 300.0])
@pytest.mark.parametrize("yaw", [0.0, 2.2])
def test_rays_meet_the_field_where_sphere_tracing_says(yaw: float, distance_cm: float | None) -> None:
    body = StandinBody()
    camera = view(yaw, distance_cm)
    for samples, far in zip(near_and_far_samples(body, body.mesh(), camera, SIZE), (False, True)):
        assert samples is not None
        hit, points = traced(body, camera, SIZE, far=far)
        covered = torch.zeros(SIZE, dtype=torch.bool).flatten()
        covered[samples.at] = True
        different = covered != hit.flatten()
        assert float(different.float().sum()) <= 0.01 * float(hit.sum())
        both = hit.flatten()[samples.at]
        truth = points.reshape(-1, 3)[samples.at][both]
        error_cm = (samples.points_cm[both] - truth).norm(dim=1)
        true_normals = gradient(body, truth)
        degrees = torch.rad2deg((samples.normals[both] * true_normals).sum(1).clamp(-1, 1).acos())
        rays = towards_camera(camera, SIZE, samples.at)[both]
        open_ = ((true_normals * rays).sum(1).abs() > 0.3).double()  # not the outline
        assert float(open_.mean()) > 0.85
        assert float((error_cm * open_).max()) < 0.02
        assert float((degrees * open_).quantile(0.99)) < 0.5
        assert float(degrees.quantile(0.95)) < 1.0
        assert float(body(samples.points_cm).abs().median()) < 1e-4


def test_both_sides_cover_the_same_samples() -> None:
    body = StandinBody()
    near, far = near_and_far_samples(body, body.mesh(), view(0.4, 350.0), SIZE)
    assert far is not None
    torch.testing.assert_close(near.at, far.at)


def test_the_far_surface_is_the_near_one_of_the_opposite_view() -> None:
    body = StandinBody()
    mesh = body.mesh()
    _, far = near_and_far_samples(body, mesh, view(0.4, None), SIZE)
    opposite, _ = near_and_far_samples(body, mesh, view(0.4 + math.pi, None), SIZE, far=False)
    turned = opposite.from_behind()
    assert far is not None
    common = torch.isin(far.at, turned.at)
    assert float(common.float().mean()) > 0.99
    other = turned.points_cm[torch.isin(turned.at, far.at)]
    assert float((far.points_cm[common] - other).norm(dim=1).quantile(0.99)) < 0.01
