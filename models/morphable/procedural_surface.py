"""The mean of the procedural face: a closed formula from (u, v) to millimetres, from general anthropometry alone."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from models.morphable.smooth_fields import bump, pair, smooth_abs, smooth_step, spot

AZIMUTH_REACH = np.deg2rad(104.0)
ELEVATION_START, ELEVATION_REACH = np.deg2rad(-64.0), np.deg2rad(120.0)
HALF_HEIGHT = 108.0
LIP_LINE_Y = -33.2
MOUTH_HALF_WIDTH = 26.0
EYE_X, EYE_Y, EYE_HALF_WIDTH = 31.5, 30.0, 14.5
FEATURE_TILT = 0.35
"""How far features on the side of the head are pushed sideways instead of forward."""


class SurfacePoints(NamedTuple):
    """Points of the mean face with the coordinates in which every further field is written."""

    position_mm: Float[ndarray, "p 3"]
    x: Float[ndarray, " p"]
    """Feature frame, mm: where on the face the point lies before features push it."""
    y: Float[ndarray, " p"]
    front: Float[ndarray, " p"]
    """1 on the front of the face, 0 behind the cheeks."""
    azimuth: Float[ndarray, " p"]


class LipLines(NamedTuple):
    fullness: ndarray
    """1 in the middle of the mouth, 0 at and beyond its corners."""
    upper: ndarray
    lower: ndarray


def lip_lines(x: ndarray) -> LipLines:
    """Outer edges of the two lips as heights in the feature frame, where the line between the lips is straight."""
    fullness = np.clip(1.0 - (x / MOUTH_HALF_WIDTH) ** 2, 0.0, None)
    upper = LIP_LINE_Y + 7.0 * fullness**0.6 - 1.6 * bump(x, 3.0)
    return LipLines(fullness, upper, LIP_LINE_Y - 8.5 * fullness**0.7)


def lid_lines(x: ndarray) -> tuple[ndarray, ndarray]:
    """Heights of the upper and the lower lid margin."""
    arch = np.clip(1.0 - ((smooth_abs(x) - EYE_X) / EYE_HALF_WIDTH) ** 2, 0.0, None)
    return EYE_Y + 5.2 * arch, EYE_Y - 4.2 * arch


def mean_surface(u: Float[ndarray, " p"], v: Float[ndarray, " p"]) -> SurfacePoints:
    """Points of the mean face for texture coordinates in 0..1. The row of constant v is a row of constant height,
    but for a gentle bow along the mouth."""
    azimuth = (2.0 * u - 1.0) * AZIMUTH_REACH
    elevation = ELEVATION_START + ELEVATION_REACH * v
    y = HALF_HEIGHT * np.sin(elevation)
    low, high = smooth_step(5.0, -85.0, y), smooth_step(10.0, 80.0, y)
    # an ellipsoid, squarer than a sphere: the forehead stands upright and the jaw is broad
    x = 74.0 * np.cos(elevation) ** (0.85 - 0.28 * high) * np.sin(azimuth) * (1.0 - 0.17 * low)
    z = 92.0 * np.cos(elevation) ** (0.9 - 0.5 * high) * np.cos(azimuth) + 17.0 * low * np.clip(
        np.cos(azimuth), 0.0, None
    )
    z = 86.0 - 10.0 * np.logaddexp(0.0, (86.0 - z) / 10.0)
    front = smooth_step(np.deg2rad(95.0), np.deg2rad(70.0), np.abs(azimuth))

    height = front * feature_height(x, y)
    sideways = FEATURE_TILT * np.sin(azimuth)
    mouth_bow = (1.2 * np.minimum((x / MOUTH_HALF_WIDTH) ** 2, 2.0) - lip_lines(x).fullness) * spot(
        x, y, 0, LIP_LINE_Y, 26, 9
    )
    position = np.stack([x + sideways * height, y + mouth_bow, z + height * np.sqrt(1.0 - sideways**2)], axis=-1)
    return SurfacePoints(position, x, y, front, azimuth)


def feature_height(x: ndarray, y: ndarray) -> ndarray:
    """How far brows, eyes, nose, lips, cheeks and chin stand out of the smooth head, mm."""
    forehead = 4.5 * smooth_step(40.0, 58.0, y) * bump(x, 42.0)
    return forehead + _eye_height(x, y) + _nose_height(x, y) + _mouth_height(x, y) + _cheek_height(x, y)


def _eye_height(x: ndarray, y: ndarray) -> ndarray:
    height = 4.0 * pair(x, y, 26, 46, 20, 7) - 11.0 * pair(x, y, 30, 31, 15, 9.5) - 4.0 * spot(x, y, 0, 37, 9, 9)
    height += 7.0 * pair(x, y, EYE_X, 30.5, 10.5, 6.5)
    upper, lower = lid_lines(x)
    window = smooth_step(17.5, 13.0, np.abs(smooth_abs(x) - EYE_X))
    creases = -1.3 * bump(y - upper - 4.0, 1.3) + 0.9 * bump(y - upper, 1.1) + 0.7 * bump(y - lower, 1.2)
    return height + creases * window


def _nose_height(x: ndarray, y: ndarray) -> ndarray:
    t = np.clip((37.0 - y) / 40.0, 0.0, 1.0)
    profile = (6.0 + 14.0 * t**1.2) * (1.0 - smooth_step(1.0, -17.0, y)) * smooth_step(56.0, 34.0, y)
    width = 6.0 + 3.2 * smooth_step(0.3, 1.0, t)
    height = (
        profile * np.exp(-0.5 * (x / width) ** 2) + 5.5 * spot(x, y, 0, -3.5, 8, 6.5) + 3.5 * spot(x, y, 0, -13, 3.5, 4)
    )
    height += 7.0 * pair(x, y, 12.6, -7.0, 4.6, 5.0) - 3.0 * pair(x, y, 6.5, -12.5, 3.0, 2.2)
    groove = bump(smooth_abs(x) - 19.5 + 0.18 * (y + 6.0), 2.0)
    return height - 2.0 * groove * smooth_step(-16.0, -4.0, y) * smooth_step(6.0, -2.0, y)


def _mouth_height(x: ndarray, y: ndarray) -> ndarray:
    height = 7.5 * spot(x, y, 0, -33, 24, 17) - 1.2 * spot(x, y, 0, -20, 2.6, 5.5) + 0.8 * pair(x, y, 5, -20, 2.2, 6)
    fullness, upper, _ = lip_lines(x)
    root = np.sqrt(fullness)
    height += 3.2 * bump(y - LIP_LINE_Y - 3.2 * fullness, 2.6) * root
    height += 4.2 * bump(y - LIP_LINE_Y + 4.4 * fullness, 3.2) * root
    height -= 3.4 * bump(y - LIP_LINE_Y, 1.35) * smooth_step(29.0, 23.0, np.abs(x))
    height += 0.8 * bump(y - upper, 0.9) * root
    return (
        height
        - 1.8 * pair(x, y, 28.5, -33, 3, 3)
        - 4.2 * spot(x, y, 0, -48.5, 19, 5)
        + 7.5 * spot(x, y, 0, -66, 16, 10)
    )


def _cheek_height(x: ndarray, y: ndarray) -> ndarray:
    height = 5.0 * pair(x, y, 44, 8, 16, 13) - 1.5 * pair(x, y, 46, -36, 15, 17) - 3.0 * pair(x, y, 62, 52, 12, 18)
    fold = bump(smooth_abs(x) - nasolabial_x(y), 2.6)
    return height - 1.0 * fold * smooth_step(-38.0, -28.0, y) * smooth_step(-2.0, -10.0, y)


def nasolabial_x(y: ndarray) -> ndarray:
    """How far from the mid-line the fold from nose to mouth corner runs at each height."""
    return np.clip(24.0 - 0.55 * (y + 8.0), 18.0, 60.0)


def inside_face(u: ndarray, v: ndarray) -> ndarray:
    """True where a texture coordinate belongs to the face (a rounded rectangle in azimuth and elevation)."""
    azimuth = np.rad2deg((2.0 * u - 1.0) * AZIMUTH_REACH)
    elevation = np.rad2deg(ELEVATION_START + ELEVATION_REACH * v)
    return (np.abs(azimuth) / 98.0) ** 3 + (np.abs(elevation + 2.0) / 54.0) ** 3 < 1.0


def row_of_height(y: ndarray) -> ndarray:
    """The v at which the surface has the feature height y."""
    return (np.arcsin(y / HALF_HEIGHT) - ELEVATION_START) / ELEVATION_REACH


def column_of(x: Float[ndarray, " p"], y: Float[ndarray, " p"]) -> Float[ndarray, " p"]:
    """The u on the front of the face where the feature frame has abscissa x at height y (bisection: x grows with u)."""
    v = row_of_height(y)
    low, high = np.full(x.shape, 0.5 - 85.0 / 208.0), np.full(x.shape, 0.5 + 85.0 / 208.0)
    for _ in range(50):
        middle = 0.5 * (low + high)
        beyond = mean_surface(middle, v).x > x
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return 0.5 * (low + high)
