"""The fit finds what exact landmarks determine, and falls back to the prior where they say nothing."""

import torch

from models.faces.landmark_fit import LandmarkFit, closed_form_pose
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
    identity, expression, pose = LandmarkFit(model, noise_share=0.002)(landmarks, torch.ones(3, 68), 128)
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
    landmarks = reconstructor.deform(truth, 128).landmarks
    known = torch.ones(3, 68)
    known[:, :17] = 0
    spoiled = landmarks.clone()
    spoiled[:, :17] = 0
    fit = LandmarkFit(reconstructor.face_model)
    for first, second in zip(fit(landmarks, known, 128), fit(spoiled, known, 128), strict=True):
        torch.testing.assert_close(first, second)


def test_without_any_point_the_answer_is_the_mean_face_and_finite(reconstructor: FaceReconstructor) -> None:
    identity, expression, pose = LandmarkFit(reconstructor.face_model)(torch.zeros(1, 68, 2), torch.zeros(1, 68), 128)
    assert float(identity.abs().max()) < 1e-4
    assert float(expression.abs().max()) < 1e-4
    assert bool(pose.isfinite().all())


def test_more_noise_draws_the_answer_towards_the_mean(reconstructor: FaceReconstructor, truth: FaceParameters) -> None:
    landmarks = reconstructor.deform(truth, 128).landmarks
    strict, lenient = (
        LandmarkFit(reconstructor.face_model, noise_share=noise)(landmarks, torch.ones(3, 68), 128)[0]
        for noise in (0.002, 0.05)
    )
    assert float(lenient.norm()) < 0.6 * float(strict.norm())
