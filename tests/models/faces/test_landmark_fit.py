"""The fit finds what exact landmarks determine, and falls back to the prior where they say nothing."""

import copy

import pytest
import torch

from models.faces.landmark_fit import UNKNOWN, LandmarkFit, closed_form_pose
from models.faces.parameters import FaceParameters
from models.faces.reconstructor import FaceReconstructor
from models.geometry.cameras import FACE_PIXELS_PER_MM_AT_UNIT_SIDE
from models.geometry.rotations import rotation_difference, rotation_from_face_angles


def test_the_closed_form_pose_is_exact_without_noise() -> None:
    points = 60 * torch.randn(4, 20, 3, generator=torch.Generator().manual_seed(0))
    pose = torch.tensor([[0.2, -0.5, 0.1, 0.04, -0.02, 0.1]]).repeat(4, 1)
    rotation = rotation_from_face_angles(pose[:, :3])
    scale = FACE_PIXELS_PER_MM_AT_UNIT_SIDE * pose[:, 5].exp()
    target = scale[:, None, None] * (points @ rotation.mT)[..., :2] + pose[:, None, 3:5]
    found, log_scale, shift = closed_form_pose(points, target, torch.ones(4, 20))
    assert float(rotation_difference(found, rotation).max()) < 0.01
    torch.testing.assert_close(log_scale, pose[:, 5], atol=0.01, rtol=0)
    torch.testing.assert_close(shift, pose[:, 3:5], atol=0.005, rtol=0)


def test_the_fit_reproduces_landmarks_and_beats_the_mean_face(
    reconstructor: FaceReconstructor, truth: FaceParameters
) -> None:
    model = reconstructor.face_model
    landmarks = reconstructor.deform(truth, 128).landmarks
    identity, expression, pose = LandmarkFit(model)(landmarks / 128, torch.full((3, 68), 0.002))
    fitted = truth._replace(identity=identity, expression=expression, pose=pose)
    again = reconstructor.deform(fitted, 128).landmarks
    assert float((again - landmarks).norm(dim=-1).mean()) < 0.5
    assert float((pose[:, :3] - truth.pose[:, :3]).abs().max()) < 0.15
    zero = torch.zeros_like(truth.expression)
    neutral = model.vertices_mm(truth.identity, zero)
    error = (model.vertices_mm(identity, zero) - neutral).norm(dim=-1).mean()
    mean_error = (model.mean_mm - neutral).norm(dim=-1).mean()
    assert float(error) < 0.85 * float(mean_error)


def test_unknown_points_take_no_part(reconstructor: FaceReconstructor, truth: FaceParameters) -> None:
    points = reconstructor.deform(truth, 128).landmarks / 128
    deviation = torch.full((3, 68), 0.004)
    deviation[:, :17] = UNKNOWN
    spoiled = points.clone()
    spoiled[:, :17] = 0.1
    fit = LandmarkFit(reconstructor.face_model)
    for first, second in zip(fit(points, deviation), fit(spoiled, deviation), strict=True):
        torch.testing.assert_close(first, second, atol=2e-3, rtol=0)


def test_without_any_point_the_answer_is_the_mean_face_and_finite(reconstructor: FaceReconstructor) -> None:
    deviation = torch.full((1, 68), UNKNOWN)
    identity, expression, pose = LandmarkFit(reconstructor.face_model)(torch.full((1, 68, 2), 0.5), deviation)
    assert float(identity.abs().max()) < 1e-3
    assert float(expression.abs().max()) < 1e-3
    assert bool(pose.isfinite().all())


def test_more_noise_draws_the_answer_towards_the_mean(reconstructor: FaceReconstructor, truth: FaceParameters) -> None:
    points = reconstructor.deform(truth, 128).landmarks / 128
    fit = LandmarkFit(reconstructor.face_model)
    strict, lenient = (fit(points, torch.full((3, 68), noise))[0] for noise in (0.002, 0.05))
    assert float(lenient.norm()) < 0.6 * float(strict.norm())


def test_the_gradient_through_the_last_step_is_that_of_the_optimum(
    reconstructor: FaceReconstructor, truth: FaceParameters
) -> None:
    model = copy.deepcopy(reconstructor.face_model).double()
    fit = LandmarkFit(model, iterations=25)
    points = (reconstructor.deform(truth, 128).landmarks / 128).double()
    points = points + 0.004 * torch.randn(points.shape, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    deviation = torch.full((3, 68), 0.006, dtype=torch.double)
    direction = torch.randn(points.shape, generator=torch.Generator().manual_seed(1), dtype=torch.double)

    def value(at: torch.Tensor, widths: torch.Tensor) -> torch.Tensor:
        identity, expression, pose = fit(at, widths)
        return identity.square().sum() + expression.sum() + 10 * pose.sum()

    free, widths = points.clone().requires_grad_(), deviation.clone().requires_grad_()
    value(free, widths).backward()
    assert free.grad is not None
    assert widths.grad is not None
    step = 1e-5
    numeric = (value(points + step * direction, deviation) - value(points - step * direction, deviation)) / (2 * step)
    # Gauss-Newton leaves out the curvature of the projection, so the derivative is that of a nearby problem
    assert float((free.grad * direction).sum()) == pytest.approx(float(numeric), rel=0.1)
    wider = torch.zeros_like(deviation)
    wider[:, 30] = 1e-5
    numeric = (value(points, deviation + wider) - value(points, deviation - wider)) / 2e-5
    assert float(widths.grad[:, 30].sum()) == pytest.approx(float(numeric), rel=0.1)
