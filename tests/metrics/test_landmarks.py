import math

import pytest
import torch
from torch import Tensor

from metrics.landmarks import LandmarkNmeByYawPercent, LandmarkNmePercent, landmark_nme_percent


def face(batch: int = 3) -> Tensor:
    """Landmarks with the outer eye corners 100 px apart, in a box of 200 x 50 px."""
    points = torch.rand(batch, 68, 2, generator=torch.manual_seed(0)) * torch.tensor([200.0, 50.0])
    points[:, 0], points[:, 1] = torch.tensor([0.0, 0.0]), torch.tensor([200.0, 50.0])
    points[:, 36], points[:, 45] = torch.tensor([50.0, 25.0]), torch.tensor([150.0, 25.0])
    return points


def test_the_worked_number() -> None:
    truth = face()
    predicted = truth + torch.tensor([0.0, 3.0])
    torch.testing.assert_close(landmark_nme_percent(predicted, truth), torch.full((3,), 3.0))
    torch.testing.assert_close(landmark_nme_percent(predicted, truth, normalisation="box"), torch.full((3,), 3.0))
    assert not landmark_nme_percent(truth, truth).any()


def test_neither_size_nor_place_matters() -> None:
    truth = face()
    predicted = truth + torch.randn(truth.shape, generator=torch.manual_seed(1))
    for normalisation in ("outer_eyes", "box"):
        error = landmark_nme_percent(predicted, truth, normalisation=normalisation)
        scaled = landmark_nme_percent(7 * predicted + 100, 7 * truth + 100, normalisation=normalisation)
        torch.testing.assert_close(error, scaled, rtol=1e-4, atol=0)
        assert bool((error > 0).all())


def test_unknown_points_count_nowhere() -> None:
    truth = face()
    weights = torch.ones(3, 68)
    weights[:, 5] = 0
    broken = truth.clone()
    broken[:, 5] = float("nan")
    predicted = truth + torch.tensor([3.0, 0.0])
    torch.testing.assert_close(landmark_nme_percent(predicted, broken, weights), torch.full((3,), 3.0))
    torch.testing.assert_close(
        landmark_nme_percent(predicted, broken, weights, normalisation="box"), torch.full((3,), 3.0)
    )


def test_a_picture_that_cannot_be_measured_is_nan_and_left_out_of_the_mean() -> None:
    truth = face()
    predicted = truth + torch.tensor([0.0, 3.0])
    weights = torch.ones(3, 68)
    weights[0, 36] = 0
    weights[1] = 0
    assert landmark_nme_percent(predicted, truth, weights).isnan().tolist() == [True, True, False]
    assert landmark_nme_percent(predicted, truth, weights, normalisation="box").isnan().tolist() == [False, True, False]
    metric = LandmarkNmePercent()
    metric.update(predicted, truth, weights)
    assert float(metric.compute()) == pytest.approx(3)
    assert int(metric.pictures) == 1
    assert bool(landmark_nme_percent(truth, truth * 0).isnan().all())


def test_a_prediction_that_is_no_number_is_not_forgotten() -> None:
    truth = face()
    predicted = truth + torch.tensor([0.0, 3.0])
    predicted[1, 40, 0] = torch.nan
    metric = LandmarkNmePercent()
    metric.update(predicted, truth)
    assert int(metric.pictures) == 3
    assert math.isinf(float(metric.compute()))


def test_batches_of_any_size_give_the_same_mean() -> None:
    truth = face(7)
    predicted = truth + torch.randn(truth.shape, generator=torch.manual_seed(1))
    metric = LandmarkNmePercent(normalisation="box")
    for rows in (slice(0, 1), slice(1, 5), slice(5, 7)):
        metric.update(predicted[rows], truth[rows])
    expected = landmark_nme_percent(predicted, truth, normalisation="box").mean()
    torch.testing.assert_close(metric.compute(), expected)


@pytest.mark.filterwarnings("ignore:The ``compute`` method:UserWarning")
def test_nothing_measured_is_nan() -> None:
    assert bool(LandmarkNmePercent().compute().isnan())


def test_yaw_bins() -> None:
    truth = face(5)
    offsets = torch.tensor([1.0, 2.0, 4.0, 6.0, 8.0])
    predicted = truth + torch.stack([offsets, 0 * offsets], 1)[:, None]
    yaw = torch.tensor([0.0, -10.0, 45.0, -80.0, 95.0]) * (math.pi / 180)
    metric = LandmarkNmeByYawPercent()
    metric.update(predicted, truth, yaw)
    table = {name: float(value) for name, value in metric.compute().items()}
    assert table == pytest.approx({"yaw_0_30": 1.5, "yaw_30_60": 4, "yaw_60_90": 7, "balanced": 12.5 / 3, "all": 4.2})
