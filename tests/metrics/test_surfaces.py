import math

import pytest
import torch
from torch import Tensor

from metrics.surfaces import (
    VertexErrorMm,
    VertexErrorReductionPercent,
    error_reduction_percent,
    point_to_plane_mm,
    point_to_surface_mm,
    vertex_error_mm,
)
from models.geometry.primitives import icosphere, quad_grid
from models.geometry.rotations import rotation_from_axis_angle


def shapes(batch: int = 2, vertices: int = 40) -> Tensor:
    return 50 * torch.randn(batch, vertices, 3, generator=torch.manual_seed(0))


def moved(points: Tensor, scale: float) -> Tensor:
    turn = rotation_from_axis_angle(torch.tensor([[0.3, -0.2, 0.5]]))
    return scale * points @ turn.mT + torch.tensor([5.0, -3.0, 8.0])


def test_each_alignment_forgives_its_motions_and_no_more() -> None:
    truth = shapes()
    rigid, similar = moved(truth, 1.0), moved(truth, 0.8)
    assert float(vertex_error_mm(rigid, truth, alignment="rigid").mean_mm.max()) < 1e-4
    assert float(vertex_error_mm(similar, truth, alignment="similarity").rmse_mm.max()) < 1e-4
    assert float(vertex_error_mm(rigid, truth, alignment="none").mean_mm.min()) > 5
    assert float(vertex_error_mm(similar, truth, alignment="rigid").mean_mm.min()) > 5
    for kind in ("none", "rigid", "similarity"):
        assert float(vertex_error_mm(truth, truth, alignment=kind).mean_mm.max()) < 1e-4


def test_mean_and_rmse_are_kept_apart() -> None:
    truth = shapes(1, 100)
    predicted = truth.clone()
    predicted[0, :25, 0] += 8
    errors = vertex_error_mm(predicted, truth, alignment="none")
    assert float(errors.mean_mm) == pytest.approx(2, rel=1e-5)
    assert float(errors.rmse_mm) == pytest.approx(4, rel=1e-5)


def test_a_shrunken_prediction_gains_nothing_from_the_similarity() -> None:
    truth = shapes()
    predicted = truth + torch.randn(truth.shape, generator=torch.manual_seed(1))
    error = vertex_error_mm(predicted, truth, alignment="similarity").mean_mm
    shrunken = vertex_error_mm(predicted / 1000, truth, alignment="similarity").mean_mm
    torch.testing.assert_close(error, shrunken, rtol=1e-3, atol=0)
    assert float(error.min()) > 1


def test_a_region_is_aligned_and_judged_alone() -> None:
    truth = shapes()
    predicted = moved(truth, 0.9)
    predicted[:, 30:] += 40 * torch.randn(2, 10, 3, generator=torch.manual_seed(2))
    region = torch.ones(40)
    region[30:] = 0
    assert float(vertex_error_mm(predicted, truth, alignment="similarity", weights=region).mean_mm.max()) < 1e-4
    assert float(vertex_error_mm(predicted, truth, alignment="similarity").mean_mm.min()) > 1


def test_reduction_against_the_baseline() -> None:
    assert float(error_reduction_percent(torch.tensor([2.0, 4.0]), torch.tensor([4.0, 4.0]))) == pytest.approx(25)
    truth, baseline = shapes(), shapes(1)[0] * 0
    baseline = truth.mean(0)
    halfway = (truth + baseline) / 2
    metric = VertexErrorReductionPercent("none")
    metric.update(halfway[:1], truth[:1], baseline)
    metric.update(halfway[1:], truth[1:], baseline)
    assert float(metric.compute()) == pytest.approx(50, rel=1e-5)
    for kind in ("rigid", "similarity"):
        at_baseline, at_truth = VertexErrorReductionPercent(kind), VertexErrorReductionPercent(kind)
        at_baseline.update(moved(baseline.expand_as(truth), 1.0), truth, baseline)
        at_truth.update(moved(truth, 1.0), truth, baseline)
        assert float(at_baseline.compute()) == pytest.approx(0, abs=1e-3)
        assert float(at_truth.compute()) == pytest.approx(100, abs=1e-3)


def test_the_metric_is_the_mean_over_shapes() -> None:
    truth = shapes(5)
    predicted = truth + torch.randn(truth.shape, generator=torch.manual_seed(1))
    metric = VertexErrorMm("similarity")
    metric.update(predicted[:1], truth[:1])
    metric.update(predicted[1:], truth[1:])
    errors = vertex_error_mm(predicted, truth, alignment="similarity")
    torch.testing.assert_close(metric.compute()["mean_mm"], errors.mean_mm.mean())
    torch.testing.assert_close(metric.compute()["rmse_mm"], errors.rmse_mm.mean())


def test_scan_to_mesh_distance_of_an_inflated_sphere() -> None:
    sphere = icosphere(4)
    scan = 105 * icosphere(3).vertices
    errors = point_to_surface_mm(scan, 100 * sphere.vertices, sphere.faces)
    assert errors.mean_mm == pytest.approx(5, rel=0.02)
    assert errors.rmse_mm == pytest.approx(5, rel=0.02)
    assert errors.median_mm == pytest.approx(5, rel=0.02)
    assert errors.number_of_points == 642
    assert point_to_surface_mm(100 * sphere.vertices, 100 * sphere.vertices, sphere.faces).mean_mm < 1e-9


def test_point_to_plane_forgives_what_lies_beside_the_border() -> None:
    grid = quad_grid(3, 3)
    points = torch.tensor([[0.0, 0.0, 2.0], [4.0, 0.0, 4.0]])
    assert point_to_plane_mm(points, grid.vertices, grid.faces).mean_mm == pytest.approx(3)
    assert point_to_surface_mm(points, grid.vertices, grid.faces).mean_mm == pytest.approx((2 + 5) / 2)


def test_no_points_are_an_error_and_no_shapes_are_nan() -> None:
    sphere = icosphere(0)
    with pytest.raises(ValueError, match="no points"):
        point_to_surface_mm(torch.zeros(0, 3), sphere.vertices, sphere.faces)
    metric = VertexErrorMm("rigid")
    metric.update(shapes()[:0], shapes()[:0], torch.ones(40))
    assert math.isnan(float(metric.compute()["mean_mm"]))
