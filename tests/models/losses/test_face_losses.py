"""Each loss: zero (or its floor) at the truth, positive off it, and its gradient reaches the input."""

import pytest
import torch
from torch import nn

from datamodules.landmarks import FLIP_PERMUTATION
from models.losses.landmarks import (
    landmark_loss,
    landmark_weights,
    outline_loss,
    robust_landmark_loss,
    silhouette_vertices,
)
from models.losses.perceptual import PerceptualLoss
from models.losses.photometric import photometric_loss
from models.losses.smoothness import (
    masked_mean,
    neighbour_difference_loss,
    thresholded_bend_loss,
    thresholded_laplacian_loss,
)


def test_photometric_is_the_mean_length_of_the_difference_in_grey_levels() -> None:
    image, mask = torch.zeros(2, 3, 8, 8), torch.zeros(2, 1, 8, 8)
    mask[:, :, 2:6, 2:6] = 1
    rendering = torch.zeros(2, 3, 8, 8, requires_grad=True)
    assert float(photometric_loss(image, rendering, mask)) < 0.11
    shifted = torch.zeros(2, 3, 8, 8)
    shifted[:, 0], shifted[:, 1] = 30 / 255, 40 / 255
    loss = photometric_loss(image, shifted.requires_grad_(), mask)
    assert float(loss) == pytest.approx(50 * 16 / 17, rel=1e-3)
    loss.backward()
    assert shifted.grad is not None
    assert float(shifted.grad[0, :, 0, 0].abs().sum()) == 0
    assert float(shifted.grad[0, 0, 3, 3]) > 0


def test_an_empty_mask_gives_zero_and_no_infinite_gradient() -> None:
    rendering = torch.rand(1, 3, 4, 4, requires_grad=True)
    loss = photometric_loss(torch.rand(1, 3, 4, 4), rendering, torch.zeros(1, 1, 4, 4))
    loss.backward()
    assert float(loss) == 0
    assert rendering.grad is not None
    assert bool(rendering.grad.isfinite().all())


@pytest.mark.parametrize("loss", [landmark_loss, robust_landmark_loss])
def test_landmark_losses(loss) -> None:
    target, weights = torch.rand(2, 68, 2) * 100, torch.ones(2, 68)
    predicted = target.clone().requires_grad_()
    assert float(loss(predicted, target, weights, 128)) == pytest.approx(0, abs=1e-5)
    moved = (target + 3).requires_grad_()
    value = loss(moved, target, weights, 128)
    assert float(value) > 1
    value.backward()
    assert moved.grad is not None
    assert bool((moved.grad > 0).all())
    # the same picture at twice the size is the same loss
    twice = loss(2 * moved, 2 * target, weights, 256)
    assert float(twice) == pytest.approx(float(value), rel=1e-4)
    # unknown points take no part
    half = weights.clone()
    half[:, :34] = 0
    far = moved.detach().clone()
    far[:, :34] = 1e4
    assert float(loss(far, target, half, 128)) == pytest.approx(float(value), rel=1e-4)


def test_a_landmark_three_pixels_off_costs_nine_squared_pixels_of_a_300_px_picture() -> None:
    target = torch.zeros(1, 68, 2)
    assert float(landmark_loss(target + 3, target, torch.ones(1, 68), 300)) == pytest.approx(9)


def test_landmark_weights_are_mirror_symmetric_and_heavy_on_the_lips() -> None:
    weights = landmark_weights()
    assert torch.equal(weights, weights[list(FLIP_PERMUTATION)])
    assert weights[[62, 37, 36, 1, 0]].tolist() == [10, 7.5, 5, 2, 1]


def test_the_silhouette_is_where_facing_and_turned_away_triangles_meet() -> None:
    faces = torch.tensor([[0, 1, 2], [1, 3, 2], [3, 4, 2]])
    facing = torch.tensor([[True, True, False]])
    assert silhouette_vertices(facing, faces, 5).tolist() == [[False, False, True, True, False]]


def test_the_outline_term_reaches_hidden_jaw_points_through_the_silhouette() -> None:
    vertices = torch.rand(1, 30, 2) * 10 + 40
    target = torch.full((1, 17, 2), 46.0)
    on_silhouette = torch.zeros(1, 30, dtype=torch.bool)
    on_silhouette[:, 5] = True
    jaw, known = torch.arange(17), torch.ones(1, 17)
    hidden = torch.zeros(1, 17, dtype=torch.bool)
    with torch.no_grad():
        vertices[0, 5] = torch.tensor([47.0, 46.0])
    vertices.requires_grad_()
    outline_loss(vertices, on_silhouette, jaw, hidden, target, known, 300).backward()
    assert vertices.grad is not None
    assert vertices.grad[0, :, 0].nonzero().flatten().tolist() == [5]
    at_truth = outline_loss(
        target[:, :1].expand(1, 30, 2).contiguous(), on_silhouette, jaw, ~hidden, target, known, 300
    )
    assert float(at_truth) == pytest.approx(0, abs=1e-6)


def test_no_silhouette_is_a_constant_not_a_nan() -> None:
    vertices = torch.rand(1, 20, 2, requires_grad=True)
    none = torch.zeros(1, 20, dtype=torch.bool)
    arguments = (torch.arange(17), torch.zeros(1, 17, dtype=torch.bool), torch.rand(1, 17, 2), torch.ones(1, 17), 300)
    loss = outline_loss(vertices, none, *arguments)
    loss.backward()
    assert float(loss) == pytest.approx(9.375)
    assert vertices.grad is not None
    assert bool(vertices.grad.isfinite().all())


@pytest.mark.parametrize("distance", ["squared", "cosine"])
def test_the_perceptual_network_stays_frozen_and_its_gradient_reaches_the_rendering(distance: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 6))
    loss = PerceptualLoss(network, distance).train()
    assert not network[1].training
    image = torch.rand(2, 3, 8, 8)
    assert float(loss(image, image)) == pytest.approx(0, abs=1e-6)
    rendering = torch.rand(2, 3, 8, 8, requires_grad=True)
    value = loss(image, rendering)
    value.backward()
    assert float(value) > 0
    assert rendering.grad is not None
    assert float(rendering.grad.abs().sum()) > 0
    assert all(parameter.grad is None for parameter in network.parameters())


def test_an_unknown_perceptual_distance_is_refused() -> None:
    with pytest.raises(ValueError, match="squared"):
        PerceptualLoss(nn.Identity(), "manhattan")


def test_masked_mean_shares_the_mask_between_channels() -> None:
    values = torch.ones(2, 3, 4, 4)
    values[:, :, 0] = 100
    mask = torch.ones(1, 4, 4)
    mask[:, 0] = 0
    assert float(masked_mean(values, mask)) == 1


def test_neighbour_differences_see_a_step_but_not_across_the_rim() -> None:
    valid = torch.ones(6, 6, dtype=torch.bool)
    flat = torch.full((1, 1, 6, 6), 0.7, requires_grad=True)
    assert float(neighbour_difference_loss(flat, valid)) == 0
    stepped = torch.zeros(1, 1, 6, 6)
    stepped[..., 3:] = 1
    assert float(neighbour_difference_loss(stepped, valid)) > 0
    valid[:, 3:] = False
    assert float(neighbour_difference_loss(stepped, valid)) == 0


def test_the_laplacian_threshold_frees_small_roughness_and_holds_spikes() -> None:
    valid = torch.ones(7, 7, dtype=torch.bool)
    values = torch.zeros(1, 3, 7, 7)
    values[0, 0, 3, 3] = 0.3
    values.requires_grad_()
    loose = thresholded_laplacian_loss(values, valid, 0.2)
    loose.backward()
    assert float(loose) == pytest.approx(0.2)
    assert values.grad is not None
    assert float(values.grad.abs().sum()) == 0
    values.grad = None
    tight = thresholded_laplacian_loss(values, valid, 1e-4)
    tight.backward()
    gradient = values.grad
    assert gradient is not None
    # the neighbours' mean is a fixed target: only the texel itself is pulled
    assert float(gradient[0, 0, 3, 3]) > 0


def test_the_bend_term_has_its_threshold_as_floor() -> None:
    normals = torch.zeros(1, 3, 5, 5)
    normals[:, 2] = 1
    valid = torch.ones(5, 5, dtype=torch.bool)
    assert float(thresholded_bend_loss(normals, valid, 1e-4)) == pytest.approx(1e-4)
    normals[0, :, 2, 2] = torch.tensor([0.6, 0.0, 0.8])
    bent = normals.requires_grad_()
    value = thresholded_bend_loss(bent, valid, 1e-4)
    value.backward()
    assert float(value) > 1e-4
    assert bent.grad is not None
    assert float(bent.grad.abs().sum()) > 0
