"""Colours of the procedural face: a mean skin with crisp eyes, brows and lips, and how people differ from it."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from models.morphable.gaussian_fields import symmetric_gaussian_fields
from models.morphable.orthogonal_modes import combine, principal_mixing
from models.morphable.procedural_surface import (
    EYE_HALF_WIDTH,
    EYE_X,
    LIP_LINE_Y,
    SurfacePoints,
    lid_lines,
    lip_lines,
)
from models.morphable.smooth_fields import bump, pair, smooth_abs, smooth_step, spot

SKIN = np.array([194.0, 149.0, 126.0]) / 255.0
BROW = np.array([55.0, 42.0, 35.0]) / 255.0
SCLERA = np.array([228.0, 222.0, 218.0]) / 255.0
IRIS = np.array([98.0, 80.0, 66.0]) / 255.0
MELANIN_ABSORPTION = np.array([0.20, 0.26, 0.30])
HAEMOGLOBIN_ABSORPTION = np.array([-0.01, 0.08, 0.06])
FIELDS_PER_PARITY = 40


def albedo_model(
    points: SurfacePoints, reference: SurfacePoints, size: int
) -> tuple[Float[ndarray, "v 3"], Float[ndarray, "k v 3"]]:
    """Mean albedo in 0..1 and modes per standard deviation at any points; modes are orthogonal on the reference."""
    inducing = reference.position_mm[:: max(1, len(reference.x) // 400)]
    _, at_reference = _mean_and_fields(reference, inducing)
    mean, fields = _mean_and_fields(points, inducing)
    return mean, combine(principal_mixing(at_reference, size), fields)


def brow_band(x: ndarray, y: ndarray, half_height: float = 2.6) -> ndarray:
    """1 inside the eyebrows; flat-topped, with soft ends."""
    ax = smooth_abs(x)
    centre = 45.0 + 5.0 * (1.0 - ((ax - 28.0) / 22.0) ** 2)
    return np.exp(-0.5 * ((y - centre) / half_height) ** 4) * smooth_step(8.0, 14.0, ax) * smooth_step(52.0, 42.0, ax)


def eye_opening(x: ndarray, y: ndarray) -> ndarray:
    """1 between the lids."""
    upper, lower = lid_lines(x)
    within = np.abs(smooth_abs(x) - EYE_X) < EYE_HALF_WIDTH
    return smooth_step(-0.4, 0.4, upper - y) * smooth_step(-0.4, 0.4, y - lower) * within


def lips(x: ndarray, y: ndarray) -> ndarray:
    """1 on the red of the lips."""
    fullness, upper, lower = lip_lines(x)
    return smooth_step(-0.8, 0.8, upper - y) * smooth_step(-0.8, 0.8, y - lower) * (fullness > 0)


def _mean_and_fields(points: SurfacePoints, inducing: ndarray) -> tuple[ndarray, ndarray]:
    x, y, front = points.x, points.y, points.front
    ax = smooth_abs(x)
    flush = pair(x, y, 44, 5, 16, 13)[:, None] * np.array([8.0, -10.0, -8.0]) / 255.0
    flush += spot(x, y, 0, -4, 11, 8)[:, None] * np.array([5.0, -9.0, -8.0]) / 255.0
    skin = SKIN + flush
    lip = lips(x, y)[:, None]
    lip_line = (bump(y - LIP_LINE_Y, 0.9) * smooth_step(27.0, 24.0, ax))[:, None]
    lipped = skin + lip * np.array([-12.0, -52.0, -42.0]) / 255.0
    lipped -= lip_line * np.array([70.0, 60.0, 55.0]) / 255.0
    brow = brow_band(x, y)[:, None]
    browed = lipped + 0.75 * brow * (BROW - lipped)

    eye = eye_opening(x, y)[:, None]
    radius = np.sqrt((ax - EYE_X) ** 2 + (y - 30.6) ** 2)
    iris, pupil = smooth_step(6.2, 5.4, radius)[:, None], smooth_step(2.8, 2.2, radius)[:, None]
    eyeball = SCLERA + iris * (IRIS - SCLERA)
    eyeball = eyeball + pupil * (0.06 - eyeball)
    upper, lower = lid_lines(x)
    within = np.abs(ax - EYE_X) < EYE_HALF_WIDTH
    lashes = (within * (bump(y - upper, 0.8) + 0.35 * bump(y - lower, 0.6)))[:, None]
    nostrils = pair(x, y, 6.5, -13, 3.2, 2.0)[:, None]
    shadow = np.array([0.36, 0.34, 0.32]) * np.clip(lashes + 1.15 * nostrils, 0.0, 1.2)
    mean = np.clip(browed + eye * (eyeball - browed) - shadow, 0.02, 0.98)

    skin_only = (1.0 - eye) * (1.0 - np.clip(lashes + nostrils, 0, 1)) * (1.0 - 0.7 * brow)
    pigment = mean * skin_only
    thicker = (brow_band(x, y, 3.6) - brow_band(x, y))[:, None]
    # from under the nose past the corners of the mouth, then up along the jaw to the ears
    edge = -13.0 - 13.0 * smooth_step(6.0, 26.0, ax) + 34.0 * smooth_step(36.0, 72.0, ax)
    beard_place = smooth_step(7.0, -13.0, y - edge) * front
    beard = (beard_place * (1.0 - lip[:, 0]) * (1.0 - 0.5 * spot(x, y, 0, -42, 6, 4)))[:, None]
    tired = (pair(x, y, 29, 21.5, 12, 4.5) * front)[:, None]
    # the average face has a little of both, so that one standard deviation less is a clean face and not a pale mask
    shade = 0.05 * beard * np.array([1.0, 0.87, 0.73]) + 0.03 * tired * np.array([0.85, 1.0, 0.77])
    mean = np.clip(mean - shade, 0.02, 0.98)
    named = np.stack(
        [
            -0.75 * MELANIN_ABSORPTION * pigment,
            -0.80 * HAEMOGLOBIN_ABSORPTION * pigment,
            lip * np.array([0.01, -0.055, -0.045]),
            0.16 * brow * (1.0 - eye) * (skin - BROW),
            0.30 * thicker * (BROW - skin),
            eye * iris * (1.0 - pupil) * np.array([-0.035, 0.01, 0.06]),
            eye * iris * (1.0 - pupil) * np.array([0.08, 0.08, 0.07]),
            -0.07 * beard * np.array([1.0, 0.87, 0.73]),
            -0.06 * tired * np.array([0.85, 1.0, 0.77]),
            -0.025 * _freckles(x, y)[:, None] * np.array([0.6, 1.0, 1.0]) * skin_only,
        ]
    )
    return mean, np.concatenate([named, _mottling(points.position_mm, inducing) * skin_only])


def _mottling(points_mm: ndarray, inducing_mm: ndarray) -> ndarray:
    """[k v 3] smooth random variation, mostly of brightness, a little between red and green."""
    fields = []
    for parity, share in ((1, 0.8), (-1, 0.2)):
        smooth = symmetric_gaussian_fields(
            points_mm, inducing_mm, (40.0, 20.0, 10.0), (0.020, 0.012, 0.008), parity=parity, number=FIELDS_PER_PARITY
        ).T[:, :, None] * np.sqrt(share)
        fields += [smooth * np.array([1.0, 1.0, 0.95]), smooth * np.array([0.25, -0.25, -0.2])]
    return np.concatenate(fields)


def _freckles(x: ndarray, y: ndarray) -> ndarray:
    """Small spots over nose and cheeks, at places fixed once."""
    generator = np.random.default_rng(7)
    places = generator.normal(size=(160, 2)) * (24.0, 8.0) + (0.0, 4.0)
    total = np.zeros_like(x)
    for cx, cy in places:
        total += spot(x, y, cx, cy, 1.3, 1.3)
    return np.minimum(total, 1.5) * pair(x, y, 20, 4, 22, 13)
