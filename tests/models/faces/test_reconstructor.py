"""Encode, deform, render: sides, signs, units and gradients."""

import pytest
import torch

from models.faces.encoder import FaceEncoder
from models.faces.parameters import FaceParameters, mirrored_pose
from models.faces.reconstructor import FaceReconstructor, paste
from models.networks.convolutional import ConvolutionalEncoder


def test_training_starts_from_a_neutral_frontal_face_in_the_middle(reconstructor: FaceReconstructor) -> None:
    parameters = reconstructor(torch.rand(2, 3, 64, 64))
    assert float(parameters.pose.abs().max()) == 0
    assert float(parameters.expression.abs().max()) == 0
    assert float(parameters.identity.abs().max()) < 0.1
    landmarks = reconstructor.deform(parameters, 200).landmarks
    assert float((landmarks[:, 30, 0] - 100).abs().max()) < 1  # the tip of the nose on the middle column


def test_positive_yaw_takes_the_nose_to_the_left_of_the_picture(
    reconstructor: FaceReconstructor, truth: FaceParameters
) -> None:
    straight = truth._replace(pose=torch.zeros(3, 6), expression=torch.zeros_like(truth.expression))
    turned = straight._replace(pose=torch.tensor([[0.0, 0.5, 0, 0, 0, 0]]).expand(3, -1))
    before, after = (reconstructor.deform(faces, 128).landmarks[:, 30, 0] for faces in (straight, turned))
    assert bool((after < before - 5).all())


def test_landmarks_lie_on_the_rendered_surface(reconstructor: FaceReconstructor, truth: FaceParameters) -> None:
    model = reconstructor.face_model
    geometry = reconstructor.deform(truth, 128)
    corners = geometry.vertices_screen[:, model.landmark_faces[17:], :2]
    points = (corners * model.landmark_barycentrics[17:, :, None]).sum(2)
    torch.testing.assert_close(points, geometry.landmarks[:, 17:], atol=1e-3, rtol=1e-4)


def test_twice_the_side_is_twice_the_picture(reconstructor: FaceReconstructor, truth: FaceParameters) -> None:
    small, large = reconstructor.deform(truth, 64), reconstructor.deform(truth, 128)
    torch.testing.assert_close(2 * small.landmarks, large.landmarks, atol=1e-3, rtol=1e-4)


def test_light_from_the_right_brightens_the_right(reconstructor: FaceReconstructor, truth: FaceParameters) -> None:
    light = torch.zeros(3, 9, 3)
    light[:, 0], light[:, 2] = 2.0, 0.8  # the third coefficient multiplies x, to the right
    faces = truth._replace(pose=torch.zeros(3, 6), light=light, albedo=torch.zeros_like(truth.albedo))
    rendering = reconstructor.render(faces, reconstructor.deform(faces, 64), 64)
    left, right = rendering.image[..., :28].sum(), rendering.image[..., 36:].sum()
    assert float(right) > 1.3 * float(left)


def test_a_mirrored_pose_mirrors_the_picture_of_a_symmetric_face(reconstructor: FaceReconstructor) -> None:
    model = reconstructor.face_model
    pose = torch.tensor([[0.1, 0.4, 0.2, 0.03, 0.02, 0.1]])
    sizes = (model.identity_size, model.expression_size, model.albedo_size)
    identity, expression, albedo = (torch.zeros(1, size) for size in sizes)
    faces = FaceParameters(identity, expression, albedo, pose, torch.ones(1, 9, 3))
    landmarks = reconstructor.deform(faces, 100).landmarks
    mirrored = reconstructor.deform(faces._replace(pose=mirrored_pose(pose)), 100).landmarks
    assert float((mirrored[0, 45, 0] - (100 - landmarks[0, 36, 0])).abs()) < 0.5
    assert float((mirrored[0, 45, 1] - landmarks[0, 36, 1]).abs()) < 0.5


def test_gradients_reach_every_parameter(reconstructor: FaceReconstructor, truth: FaceParameters) -> None:
    free = FaceParameters(*(part.clone().requires_grad_() for part in truth))
    rendering = reconstructor.render(free, reconstructor.deform(free, 64), 64)
    weights = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    (rendering.image * weights).sum().backward()
    for name, part in free._asdict().items():
        assert part.grad is not None, name
        assert bool(part.grad.isfinite().all()), name
        assert float(part.grad.abs().sum()) > 0, name


def test_the_colour_gradient_matches_finite_differences(
    reconstructor: FaceReconstructor, truth: FaceParameters
) -> None:
    weights = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))

    def value(light: torch.Tensor) -> torch.Tensor:
        faces = truth._replace(light=light)
        return (reconstructor.render(faces, reconstructor.deform(faces, 64), 64).image * weights).sum()

    light = truth.light.clone().requires_grad_()
    value(light).backward()
    step = torch.zeros_like(truth.light)
    step[1, 4, 2] = 1e-2
    difference = (value(truth.light + step) - value(truth.light - step)) / 2e-2
    assert light.grad is not None
    assert float(light.grad[1, 4, 2]) == pytest.approx(float(difference), rel=1e-2, abs=1e-3)


def test_pasting_keeps_the_photograph_outside_the_face(reconstructor: FaceReconstructor, truth: FaceParameters) -> None:
    image = torch.full((3, 3, 64, 64), 0.123)
    rendering = reconstructor.render(truth, reconstructor.deform(truth, 64), 64)
    pasted = paste(rendering, image)
    outside = (rendering.fragments.face_index < 0)[:, None].expand_as(image)
    assert torch.equal(pasted[outside], image[outside])
    assert float((pasted[~outside] - 0.123).abs().mean()) > 0.01


def test_an_encoder_needs_a_backbone_that_says_its_features() -> None:
    with pytest.raises(ValueError, match="features"):
        FaceEncoder(torch.nn.Identity(), 3, 3, 3)


def test_the_published_encoder_has_bias_free_heads() -> None:
    encoder = FaceEncoder(ConvolutionalEncoder(64, 4, 32), 80, 29, 80, image_size=64, bias=False)
    assert sum(head.out_features for head in encoder.heads) == 222  # type: ignore[union-attr]
    assert all(head.bias is None for head in encoder.heads)
