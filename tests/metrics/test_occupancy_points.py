import pytest
import torch

from metrics.occupancy_points import OccupancyPoints


def test_counts_over_all_bodies() -> None:
    metric = OccupancyPoints()
    metric.update(torch.tensor([[3.0, 1.0, -1.0, -2.0]]), torch.tensor([[1.0, 0.0, 1.0, 0.0]]))
    metric.update(torch.tensor([[0.1, 0.1, 0.1, 0.1]]), torch.tensor([[1.0, 1.0, 1.0, 0.0]]))
    scores = metric.compute()
    assert scores["iou_points"].item() == pytest.approx(4 / 7)  # not the mean of 1/3 and 3/4
    assert scores["precision_points"].item() == pytest.approx(4 / 6)
    assert scores["recall_points"].item() == pytest.approx(4 / 5)


def test_logit_zero_is_outside() -> None:
    metric = OccupancyPoints()
    metric.update(torch.zeros(1, 4), torch.ones(1, 4))
    assert metric.compute()["iou_points"] == 0
