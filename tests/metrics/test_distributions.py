"""Fréchet distances of Gaussians in closed form, the accumulator against the whole, and names that tell features
apart."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from metrics.distributions import (
    FeatureStatistics,
    FrechetDistances,
    GaussianStatistics,
    covariance_root,
    frechet_distance,
    gaussian_statistics,
)
from models.networks.stand_in_features import StandInFeatures, orthonormal


def gaussian(mean: list[float], covariance: Tensor, count: int = 100) -> GaussianStatistics:
    return GaussianStatistics(torch.tensor(mean, dtype=torch.float64), covariance.double(), count)


def random_features(count: int, size: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(size, size, generator=generator)
    return torch.randn(count, size, generator=generator) @ mixing + torch.randn(size, generator=generator)


def test_one_feature() -> None:
    first, second = gaussian([1.0], torch.tensor([[4.0]])), gaussian([4.0], torch.tensor([[9.0]]))
    assert frechet_distance(first, second) == pytest.approx((1 - 4) ** 2 + (2 - 3) ** 2)


def test_independent_features_add_up() -> None:
    first = gaussian([0.0, 0.0, 1.0], torch.diag(torch.tensor([1.0, 4.0, 0.0])))
    second = gaussian([0.0, 2.0, 0.0], torch.diag(torch.tensor([9.0, 4.0, 16.0])))
    assert frechet_distance(first, second) == pytest.approx(4 + 1 + (1 - 3) ** 2 + 0 + 16)


def test_covariances_that_do_not_commute() -> None:
    angle = 0.7
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]).double()
    a = torch.diag(torch.tensor([4.0, 1.0])).double()
    b = turn @ torch.diag(torch.tensor([9.0, 0.25])).double() @ turn.T
    # of two 2 x 2 matrices: tr (AB)^1/2 = (tr AB + 2 (det A det B)^1/2)^1/2
    cross = math.sqrt((a @ b).trace().item() + 2 * math.sqrt(4.0 * 9.0 * 0.25))
    expected = 5 + 9.25 - 2 * cross
    assert frechet_distance(gaussian([0.0, 0.0], a), gaussian([0.0, 0.0], b)) == pytest.approx(expected)


def test_identity_and_symmetry() -> None:
    first, second = (gaussian_statistics(random_features(50, 12, seed)) for seed in (0, 1))
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), rel=1e-9)
    assert frechet_distance(first, second) > 1


def test_the_matrix_root_agrees_with_scipy() -> None:
    first, second = (gaussian_statistics(random_features(60, 20, seed)) for seed in (0, 1))
    root = scipy.linalg.sqrtm((first.covariance @ second.covariance).numpy())
    expected = (first.mean - second.mean).square().sum() + (first.covariance + second.covariance).trace()
    assert frechet_distance(first, second) == pytest.approx(float(expected) - 2 * np.trace(np.real(root)), rel=1e-9)


def test_fewer_pictures_than_features_is_exact_too() -> None:
    # ranks 4 and 4 in 30 dimensions: the distance equals that within the span of both
    a, b = random_features(5, 30, 0), random_features(5, 30, 1)
    basis = torch.linalg.qr(torch.cat([a, b]).double().T).Q
    whole = frechet_distance(gaussian_statistics(a), gaussian_statistics(b))
    within = frechet_distance(gaussian_statistics(a.double() @ basis), gaussian_statistics(b.double() @ basis))
    assert whole == pytest.approx(within, rel=1e-6)


def test_a_root_squares_to_its_covariance() -> None:
    covariance = gaussian_statistics(random_features(40, 8)).covariance
    root = covariance_root(covariance)
    torch.testing.assert_close(root @ root, covariance)


def test_one_picture_has_no_spread() -> None:
    lonely = gaussian_statistics(random_features(1, 3))
    assert math.isnan(frechet_distance(lonely, gaussian_statistics(random_features(9, 3))))


def feed(features: Tensor, index: Tensor, batch: int) -> FeatureStatistics:
    metric = FeatureStatistics(features.shape[1])
    for rows, names in zip(features.split(batch), index.split(batch)):
        metric.update(rows, names)
    return metric


@pytest.mark.parametrize("batch", [1, 4, 23])
def test_batches_add_up_to_the_whole(batch: int) -> None:
    features = random_features(23, 6)
    found = feed(features, torch.arange(23), batch).compute()
    expected = gaussian_statistics(features)
    assert found.count == 23
    torch.testing.assert_close(found.mean, expected.mean)
    torch.testing.assert_close(found.covariance, expected.covariance)


def together(*metrics: FeatureStatistics) -> GaussianStatistics:
    """As torchmetrics gathers the states of several processes."""
    first = metrics[0]

    def gather(state: Tensor, group: Any = None) -> list[Tensor]:
        for name in ("count", "total", "products"):
            if getattr(first, name) is state:
                return [getattr(metric, name) for metric in metrics]
        name = "indices" if len(first.indices) and torch.equal(state, torch.cat(list(first.indices))) else "held"
        return [
            torch.cat(list(getattr(metric, name))) if getattr(metric, name) else torch.zeros(0) for metric in metrics
        ]

    first.dist_sync_fn = gather
    first.distributed_available_fn = lambda: True
    return first.compute()


def test_processes_count_a_repeated_picture_once() -> None:
    features = random_features(7, 5)
    # as a sampler deals seven pictures to two processes: the second gets picture 0 again
    first, second = torch.tensor([0, 2, 4, 6]), torch.tensor([1, 3, 5, 0])
    found = together(feed(features[first], first, 2), feed(features[second], second, 2))
    expected = gaussian_statistics(features)
    assert found.count == 7
    torch.testing.assert_close(found.mean, expected.mean)
    torch.testing.assert_close(found.covariance, expected.covariance)


def test_several_renderings_of_a_picture_all_count() -> None:
    features = random_features(6, 4)
    metric = FeatureStatistics(4)
    for rows in (slice(0, 2), slice(2, 4)):  # two views of pictures 0 and 1
        metric.update(features[rows], torch.tensor([0, 1]))
    metric.update(features[4:], torch.tensor([2, 2]))
    torch.testing.assert_close(metric.compute().mean, features.double().mean(0))
    assert metric.compute().count == 6


def pictures(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, 20, 16, generator=torch.Generator().manual_seed(seed))


def test_distances_by_name_and_the_name_of_the_features() -> None:
    distances = FrechetDistances(StandInFeatures(), ("same", "darker", "never"))
    real, index = pictures(12), torch.arange(12)
    distances.update_real(real, index)
    distances.update("same", real, index)
    distances.update("darker", 0.5 * real, index)
    found = distances.compute()
    assert set(found) == {"fid_stand_in_same", "fid_stand_in_darker", "fid_stand_in_never"}
    assert found["fid_stand_in_same"] == pytest.approx(0, abs=1e-6)
    assert found["fid_stand_in_darker"] > 0.1
    assert math.isnan(found["fid_stand_in_never"])
    assert not distances.state_dict()  # neither the network's weights nor the sums belong to a checkpoint
    with pytest.raises(ValueError, match="same, darker, never"):
        distances.update("other", real, index)
    distances.reset()
    assert distances.real.compute().count == 0


def test_the_stand_in_tells_upside_down_and_left_from_right() -> None:
    distances = FrechetDistances(StandInFeatures(), ("noise", "upside_down", "mirrored"))
    ramp = torch.linspace(0, 1, 20)[:, None] * torch.linspace(0.2, 1, 16)
    real = 0.5 * pictures(12) + 0.5 * ramp
    index = torch.arange(12)
    distances.update_real(real, index)
    distances.update("noise", 0.5 * pictures(12, seed=1) + 0.5 * ramp, index)
    distances.update("upside_down", real.flip(2), index)
    distances.update("mirrored", real.flip(3), index)
    found = distances.compute()
    assert found["fid_stand_in_upside_down"] > 2 * found["fid_stand_in_noise"]
    assert found["fid_stand_in_mirrored"] > 2 * found["fid_stand_in_noise"]


def test_the_stand_in_is_the_same_everywhere() -> None:
    torch.manual_seed(1)
    first = StandInFeatures()
    torch.manual_seed(2)
    second = StandInFeatures()
    torch.testing.assert_close(first(pictures(2)), second(pictures(2)), rtol=0, atol=0)
    assert first(pictures(2)).shape == (2, first.features)
    assert first.features == 240
    assert not list(first.parameters())
    assert not first.state_dict()
    # a value written down once: another seed or another order of drawing is another measure
    described = first(torch.full((1, 3, 8, 8), 0.75))
    assert described[0].double().mean().item() == pytest.approx(STAND_IN_MEAN, rel=1e-4)


STAND_IN_MEAN = 0.43551972


def test_orthonormal_filters() -> None:
    generator = torch.Generator().manual_seed(3)
    tall, wide = orthonormal(9, 4, generator), orthonormal(4, 9, generator)
    torch.testing.assert_close(tall.T @ tall, torch.eye(4))
    torch.testing.assert_close(wide @ wide.T, torch.eye(4))
