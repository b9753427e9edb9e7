"""Errors of predicted cameras, where the truth is known: angles in degrees, distances in percent.

A method without 3D truth may call any side the front, and learns size and distance only as their quotient. So every
figure is given as it stands and after the best choice of one number for the whole test: never one for each picture.
A guess that knows nothing has a mean azimuth error of 90 degrees.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

ROWS_PER_CHUNK = 512


class AzimuthGauge(NamedTuple):
    """true ≈ sign * predicted + offset, for all pictures of a test."""

    offset: float
    """Radians, in [−π, π)."""
    sign: int
    """−1: the method turns the other way round, and its shapes are mirror images."""
    mean_error: float
    """Radians, what is left."""


def angle_difference(first: Float[Tensor, " p"], second: Float[Tensor, " p"]) -> Float[Tensor, " p"]:
    """first − second in [−π, π): 350 degrees against 10 degrees are −20."""
    return (first - second + math.pi).remainder(2 * math.pi) - math.pi


def fit_azimuth_gauge(
    predicted: Float[Tensor, " p"], truth: Float[Tensor, " p"], *, mirror: bool = False
) -> AzimuthGauge:
    """The offset with the least mean absolute error, exactly; `mirror` also tries the other sense of rotation.

    The mean absolute error is piecewise linear in the offset and lowest at one of the differences, so all are tried.
    Raises ValueError without pictures.
    """
    if not len(predicted):
        raise ValueError("A gauge of no cameras was asked for: give at least one.")
    best = AzimuthGauge(0.0, 1, math.inf)
    for sign in (1, -1) if mirror else (1,):
        differences = angle_difference(truth.double(), sign * predicted.double())
        for offsets in differences.split(ROWS_PER_CHUNK):
            left = differences - offsets[:, None]
            errors = ((left + math.pi).remainder(2 * math.pi) - math.pi).abs().mean(1)
            error, where = errors.min(0)
            if float(error) < best.mean_error - 1e-12:
                best = AzimuthGauge(float(offsets[where]), sign, float(error))
    return best


def camera_errors(
    predicted_azimuth: Float[Tensor, " p"],
    truth_azimuth: Float[Tensor, " p"],
    predicted_elevation: Float[Tensor, " p"],
    truth_elevation: Float[Tensor, " p"],
    predicted_distance: Float[Tensor, " p"],
    truth_distance: Float[Tensor, " p"],
) -> dict[str, float]:
    """The table over the pictures of a whole test; angles in radians in, degrees out. Lower is better.

    azimuth_error_degrees, azimuth_median_error_degrees: as they stand. azimuth_error_offset_degrees: after the best
    offset. azimuth_error_gauge_degrees: after the best offset and sense of rotation; gauge_offset_degrees and
    gauge_mirrored say which. azimuth_spread_degrees: of the predictions, 0 for a camera that never moves and 104 for
    even ones; a collapsed camera shows here. elevation_error_degrees and elevation_error_offset_degrees: without and
    with the best tilt. distance_error_percent: of the true distance, after the best factor (their median quotient).
    All NaN without pictures.
    """
    if not len(predicted_azimuth):
        return dict.fromkeys(CAMERA_FIGURES, math.nan)
    error = angle_difference(predicted_azimuth.double(), truth_azimuth.double()).abs()
    plain = fit_azimuth_gauge(predicted_azimuth, truth_azimuth)
    gauge = fit_azimuth_gauge(predicted_azimuth, truth_azimuth, mirror=True)
    tilt = truth_elevation.double() - predicted_elevation.double()
    quotient = truth_distance.double() / predicted_distance.double()
    known = quotient[quotient.isfinite()]  # a distance of 0 is what no number was taken for: wrong by all of it
    factor = _median(known) if len(known) else 1.0
    figures = {
        "azimuth_error_degrees": math.degrees(error.mean()),
        "azimuth_median_error_degrees": math.degrees(_median(error)),
        "azimuth_error_offset_degrees": math.degrees(plain.mean_error),
        "azimuth_error_gauge_degrees": math.degrees(gauge.mean_error),
        "gauge_offset_degrees": math.degrees(gauge.offset),
        "gauge_mirrored": float(gauge.sign < 0),
        "azimuth_spread_degrees": azimuth_spread_degrees(predicted_azimuth),
        "elevation_error_degrees": math.degrees(tilt.abs().mean()),
        "elevation_error_offset_degrees": math.degrees((tilt - _median(tilt)).abs().mean()),
        "distance_error_percent": float(100 * (factor / quotient - 1).abs().mean()),
    }
    assert tuple(figures) == CAMERA_FIGURES
    return figures


CAMERA_FIGURES = (
    "azimuth_error_degrees",
    "azimuth_median_error_degrees",
    "azimuth_error_offset_degrees",
    "azimuth_error_gauge_degrees",
    "gauge_offset_degrees",
    "gauge_mirrored",
    "azimuth_spread_degrees",
    "elevation_error_degrees",
    "elevation_error_offset_degrees",
    "distance_error_percent",
)
"""What `camera_errors` gives, in this order."""


def azimuth_spread_degrees(azimuth: Float[Tensor, " p"]) -> float:
    """Root mean square distance from the predictions' own best centre: 0 for one direction, 180 / √3 = 104 for even
    ones."""
    centre = fit_azimuth_gauge(torch.zeros_like(azimuth), azimuth).offset
    away = angle_difference(azimuth.double(), torch.full_like(azimuth, centre, dtype=torch.float64))
    return math.degrees(away.square().mean().sqrt())


def _median(values: Tensor) -> float:
    """The mean of the two in the middle where they are an even number."""
    return float(values.quantile(0.5))
