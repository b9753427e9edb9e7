"""Angles that wrap, gauges that are found exactly, and cameras that never move."""

import math

import pytest
import torch
from torch import Tensor

from metrics.clothing_cameras import (
    CAMERA_FIGURES,
    angle_difference,
    azimuth_spread_degrees,
    camera_errors,
    fit_azimuth_gauge,
)
from metrics.clothing_views import SETS, TWELVE_VIEWS, evaluation_azimuths, random_azimuths


def degrees(*values: float) -> Tensor:
    return torch.tensor(values).deg2rad()


def even_azimuths(count: int = 200) -> Tensor:
    return (2 * torch.rand(count, generator=torch.Generator().manual_seed(0)) - 1) * math.pi


def errors_of(predicted: Tensor, truth: Tensor, **others: Tensor) -> dict[str, float]:
    zero, one = torch.zeros_like(truth), torch.ones_like(truth)
    elevations = (others.get("predicted_elevation", zero), others.get("true_elevation", zero))
    distances = (others.get("predicted_distance", one), others.get("true_distance", one))
    return camera_errors(predicted, truth, *elevations, *distances)


def test_differences_go_the_short_way() -> None:
    found = angle_difference(degrees(350, 10, 180, 90), degrees(10, 350, -180, 0)).rad2deg()
    torch.testing.assert_close(found, torch.tensor([-20.0, 20.0, 0.0, 90.0]), atol=1e-3, rtol=0)


def test_perfect_cameras() -> None:
    found = errors_of(even_azimuths(), even_azimuths())
    assert tuple(found) == CAMERA_FIGURES
    for name in CAMERA_FIGURES:
        if name not in ("azimuth_spread_degrees", "gauge_mirrored"):
            assert found[name] == pytest.approx(0, abs=1e-3), name
    assert found["gauge_mirrored"] == 0


@pytest.mark.parametrize("offset", [0.4, 2.9, -3.0])
def test_another_front_is_one_offset_for_the_whole_test(offset: float) -> None:
    truth = even_azimuths()
    noise = 0.05 * torch.randn(len(truth), generator=torch.Generator().manual_seed(1))
    found = errors_of(truth - offset + noise, truth)
    assert found["azimuth_error_degrees"] == pytest.approx(math.degrees(abs(offset)), abs=3)
    assert found["azimuth_error_offset_degrees"] == pytest.approx(math.degrees(0.05 * math.sqrt(2 / math.pi)), abs=0.5)
    assert angle_difference(
        torch.tensor([math.radians(found["gauge_offset_degrees"])]), torch.tensor([offset])
    ).abs() < math.radians(1.5)


def test_the_other_sense_of_rotation_needs_the_mirror() -> None:
    truth = even_azimuths()
    found = errors_of(1.0 - truth, truth)
    assert found["azimuth_error_offset_degrees"] > 60
    assert found["azimuth_error_gauge_degrees"] == pytest.approx(0, abs=1e-3)
    assert found["gauge_mirrored"] == 1
    assert found["gauge_offset_degrees"] == pytest.approx(math.degrees(1.0), abs=1e-3)


def test_no_gauge_repairs_a_guess() -> None:
    guess = even_azimuths()[torch.randperm(200, generator=torch.Generator().manual_seed(7))]
    found = errors_of(guess, even_azimuths())
    assert 75 < found["azimuth_error_gauge_degrees"] <= found["azimuth_error_degrees"] < 105


def test_the_gauge_is_the_best_of_a_fine_search() -> None:
    truth, predicted = even_azimuths(31), even_azimuths(62)[31:]
    found = fit_azimuth_gauge(predicted, truth, mirror=True)
    offsets = torch.linspace(-math.pi, math.pi, 7201).double()
    searched = min(
        angle_difference(truth.double(), sign * predicted.double() + offset).abs().mean().item()
        for sign in (1, -1)
        for offset in offsets
    )
    assert found.mean_error <= searched + 1e-9
    assert found.mean_error == pytest.approx(searched, abs=1e-3)


def test_a_camera_that_never_moves_is_seen() -> None:
    assert azimuth_spread_degrees(torch.full((50,), 3.1)) == pytest.approx(0, abs=1e-3)
    assert azimuth_spread_degrees(even_azimuths(4000)) == pytest.approx(180 / math.sqrt(3), abs=4)
    around_the_seam = math.pi + 0.1 * torch.randn(500, generator=torch.Generator().manual_seed(0))
    assert azimuth_spread_degrees(around_the_seam) == pytest.approx(math.degrees(0.1), rel=0.1)


def test_elevation_and_distance_with_their_gauges() -> None:
    truth = degrees(*range(-10, 11))
    turn = torch.zeros(21)
    distance = torch.linspace(3, 5, 21)
    found = errors_of(
        turn,
        turn,
        predicted_elevation=truth + 0.1,
        true_elevation=truth,
        predicted_distance=2 * distance,
        true_distance=distance,
    )
    assert found["elevation_error_degrees"] == pytest.approx(math.degrees(0.1), abs=1e-3)
    assert found["elevation_error_offset_degrees"] == pytest.approx(0, abs=1e-3)
    assert found["distance_error_percent"] == pytest.approx(0, abs=1e-3)
    constant = errors_of(turn, turn, predicted_distance=torch.ones(21), true_distance=distance)
    assert constant["distance_error_percent"] == pytest.approx(float((4 / distance - 1).abs().mean()) * 100, rel=1e-3)


def test_distances_that_are_none_are_wrong_by_all_and_leave_the_others_their_factor() -> None:
    turn, one = torch.zeros(5), torch.ones(5)
    for wrong in (1, 3, 5):
        predicted = torch.where(torch.arange(5) < wrong, 0.0, 2.0)
        found = errors_of(turn, turn, predicted_distance=predicted, true_distance=one)
        assert found["distance_error_percent"] == pytest.approx(20 * wrong)


def test_without_pictures_all_is_unknown() -> None:
    assert all(math.isnan(value) for value in errors_of(torch.zeros(0), torch.zeros(0)).values())
    with pytest.raises(ValueError, match="at least one"):
        fit_azimuth_gauge(torch.zeros(0), torch.zeros(0))


def test_views_of_the_protocol() -> None:
    azimuth, index = degrees(10, -170, 90), torch.tensor([4, 0, 9])
    views = evaluation_azimuths(azimuth, index)
    assert [name for name, _ in views] == ["rotation", "rotation", "quarter_turns", "quarter_turns", *TWELVE_VIEWS]
    assert {name for name, _ in views} | {"reconstruction"} == set(SETS)
    first, second = views[0][1], views[1][1]
    torch.testing.assert_close(second - first, torch.full((3,), math.pi / 2))
    torch.testing.assert_close(views[2][1] - views[3][1], torch.full((3,), math.pi))
    torch.testing.assert_close(views[2][1] - azimuth, torch.full((3,), math.pi / 2))
    torch.testing.assert_close(
        torch.stack([each for _, each in views[4:]]).rad2deg()[:, 0], torch.arange(-180.0, 180, 30), atol=1e-3, rtol=0
    )
    assert len(evaluation_azimuths(azimuth, index, twelve=False)) == 4


def test_random_azimuths_belong_to_the_picture_and_are_even() -> None:
    index = torch.arange(2000)
    whole = random_azimuths(index)
    torch.testing.assert_close(random_azimuths(index[[7, 3]]), whole[[7, 3]])
    assert float(whole.abs().max()) <= math.pi
    assert abs(float(torch.exp(1j * whole.double()).mean().abs())) < 0.08
