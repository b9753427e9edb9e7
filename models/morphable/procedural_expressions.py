"""Twenty-four named expressions of the procedural face as smooth displacement fields."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from models.morphable.orthogonal_modes import combine, principal_mixing
from models.morphable.procedural_surface import (
    EYE_X,
    LIP_LINE_Y,
    SurfacePoints,
    lid_lines,
    mean_surface,
    row_of_height,
)
from models.morphable.smooth_fields import pair, right_side, smooth_abs, smooth_step, spot

BLENDSHAPE_NAMES = (
    "jawOpen", "jawLeft", "jawRight", "jawForward",
    "smileLeft", "smileRight", "frownLeft", "frownRight", "pucker", "funnel",
    "upperLipUpLeft", "upperLipUpRight", "lowerLipDownLeft", "lowerLipDownRight",
    "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "browDownLeft", "browDownRight",
    "blinkLeft", "blinkRight", "squintLeft", "squintRight", "cheekPuff",
)  # fmt: skip
"""Left and right are the person's own: left is x > 0, on the right of the picture."""
NOMINAL_WEIGHT = 0.25
"""The blendshape weight that counts as one standard deviation."""
JAW_OPENING_DEGREES = 20.0
SLIT_HALF_WIDTH = 25.0


def expression_basis(
    displacements_mm: Float[ndarray, "n v 3"], reference_mm: Float[ndarray, "n r 3"]
) -> tuple[Float[ndarray, "k v 3"], Float[ndarray, "n k"]]:
    """Orthogonal modes of the blendshapes, all kept, and the matrix from weights (0..1) to their coefficients.

    The mixture is found on the reference points, so that coefficients mean the same at every level.
    """
    mixing = principal_mixing(NOMINAL_WEIGHT * reference_mm, len(reference_mm))
    return combine(mixing, NOMINAL_WEIGHT * displacements_mm), mixing.T / NOMINAL_WEIGHT


def blendshape_displacements(
    uv: Float[ndarray, "v 2"], points: SurfacePoints, upper_lip: ndarray
) -> Float[ndarray, "24 v 3"]:
    """Displacements at weight 1, mm, in the order of BLENDSHAPE_NAMES.

    `upper_lip` marks the vertices on the slit between the lips that belong to the upper lip.
    """
    x, y = points.x, points.y
    front = smooth_step(10.0, 45.0, points.position_mm[:, 2])
    above = np.where(upper_lip | (y > LIP_LINE_Y + 1e-6), 1.0, 0.0)
    left, right = right_side(x), 1.0 - right_side(x)
    jaw = _jaw_weight(x, y, above > 0.5)
    inward = np.tanh(x / 10.0)

    corner = pair(x, y, 27, -32, 14, 11) * front
    cheek = pair(x, y, 42, 2, 16, 13) * front
    smile = _stack(x, 7.5 * inward * corner, 8.0 * corner + 3.5 * cheek, -5.0 * corner + 2.5 * cheek)
    smile -= _stack(x, 0, 0, 0.8 * spot(x, y, 0, -33, 16, 8) * front)
    low_corner = pair(x, y, 26, -34, 12, 10) * front
    frown = _stack(x, 1.0 * inward * low_corner, -7.0 * low_corner, -1.5 * low_corner)
    round_mouth = spot(x, y, 0, -33, 24, 15) * front
    pucker = _stack(x, -0.42 * x * round_mouth, 0, 8.5 * spot(x, y, 0, -33, 15, 12) * front)
    parting = np.where(above > 0.5, 3.5, -5.0) * _lip_opening(x, y)
    funnel = _stack(x, -0.22 * x * round_mouth, parting, 7.0 * spot(x, y, 0, -33, 18, 14) * front)
    lifted = above * pair(x, y, 11, -28, 12, 9) * _lip_opening(x, y) * front
    upper_lip_up = _stack(x, 0, 7.0 * lifted + 2.0 * pair(x, y, 15, -8, 8, 8) * front, 1.2 * lifted)
    lowered = (1.0 - above) * pair(x, y, 11, -38, 13, 10) * _lip_opening(x, y) * front
    lower_lip_down = _stack(x, 0, -7.0 * lowered, 0.8 * lowered)

    inner_brow = (spot(x, y, 0, 49, 19, 14) + 0.5 * pair(x, y, 20, 50, 10, 12)) * front
    brow_inner_up = _stack(x, 0, 6.0 * inner_brow, 0)
    brow_outer_up = _stack(x, 0, 8.5 * pair(x, y, 40, 50, 15, 13) * front, 0)
    brow = pair(x, y, 20, 46, 18, 10) * front
    brow_down = _stack(x, -2.5 * inward * pair(x, y, 16, 46, 12, 9) * front, -5.5 * brow, 1.2 * brow)
    blink, squint = _blink(uv, points), _squint(x, y, front)
    puffed = pair(x, y, 40, -27, 15, 15)
    cheek_puff = _stack(x, 8.0 * puffed * np.sin(points.azimuth), 0, 8.0 * puffed * np.cos(points.azimuth) * front)

    return np.stack(
        [
            _jaw_rotation(points.position_mm, jaw),
            _stack(x, 8.0 * jaw, 0, 0),
            _stack(x, -8.0 * jaw, 0, 0),
            _stack(x, 0, 0, 9.0 * jaw * smooth_step(-20.0, 30.0, points.position_mm[:, 2])),
            *_halves(smile, left, right),
            *_halves(frown, left, right),
            pucker,
            funnel,
            *_halves(upper_lip_up, left, right),
            *_halves(lower_lip_down, left, right),
            brow_inner_up,
            *_halves(brow_outer_up, left, right),
            *_halves(brow_down, left, right),
            *_halves(blink, left, right),
            *_halves(squint, left, right),
            cheek_puff,
        ]
    )


def _jaw_weight(x: ndarray, y: ndarray, above: ndarray) -> ndarray:
    """How much a point follows the jaw: cheeks partly, lower lip and chin wholly, the upper lip not at all.

    On the line between the lips both sides agree beyond the corners of the mouth, where the skin is one.
    """
    cheek = smooth_step(2.0, -75.0, y)
    depth = np.clip(LIP_LINE_Y - y, 0.0, None)
    reach = np.clip(1.0 - (x / (SLIT_HALF_WIDTH + 0.9 * depth)) ** 2, 0.0, None) ** (
        0.6 + 0.6 * np.minimum(depth / 15.0, 1.0)
    )
    lower = cheek + (1.0 - cheek) * reach
    # the nose and the upper lip hang on the skull; only the cheeks beside them follow
    upper = cheek * (1.0 - _lip_opening(x, y)) * smooth_step(10.0, SLIT_HALF_WIDTH, np.abs(x))
    return np.where(above, upper, lower) * smooth_step(82.0, 48.0, np.abs(x))


def _lip_opening(x: ndarray, y: ndarray) -> ndarray:
    """1 on the lips' line in the middle of the mouth, 0 at its corners, fading over the lips."""
    width = SLIT_HALF_WIDTH + 0.5 * np.abs(y - LIP_LINE_Y)
    return np.clip(1.0 - (x / width) ** 2, 0.0, None) ** 0.6 * np.exp(-0.5 * ((y - LIP_LINE_Y) / 13.0) ** 2)


def _jaw_rotation(position_mm: ndarray, weight: ndarray) -> ndarray:
    """Displacement of the jaw turning about the axis through the two jaw joints (y = 5, z = 5)."""
    angle = np.deg2rad(JAW_OPENING_DEGREES) * weight
    y, z = position_mm[:, 1] - 5.0, position_mm[:, 2] - 5.0
    turned_y = y * np.cos(angle) - z * np.sin(angle)
    turned_z = y * np.sin(angle) + z * np.cos(angle)
    return _stack(y, 0, turned_y - y, turned_z - z)


def _blink(uv: ndarray, points: SurfacePoints) -> ndarray:
    """The upper lid slides along the eyeball down to the lower lid; the skin under the brow stretches after it."""
    x, y = points.x, points.y
    upper, lower = lid_lines(x)
    opening = upper - lower
    over_eye = np.clip((y - lower) / np.maximum(opening, 1e-9), 0.0, 1.0)
    travel = 0.92 * opening * over_eye * (1.0 - smooth_step(0.0, 11.0, y - upper))
    slid = mean_surface(uv[:, 0], row_of_height(y - travel)).position_mm
    window = smooth_step(16.5, 13.0, np.abs(smooth_abs(x) - EYE_X))
    lid_thickness = 0.8 * smooth_step(0.3, 1.0, over_eye) * (1.0 - smooth_step(0.0, 9.0, y - upper)) * window
    displacement = slid - points.position_mm
    displacement[:, 2] += lid_thickness
    return displacement


def _squint(x: ndarray, y: ndarray, front: ndarray) -> ndarray:
    """The lower lid and the cheek rise, the upper lid comes down a little; opposite lids never cross."""
    upper, lower = lid_lines(x)
    opening = upper - lower
    from_lower = np.clip((y - lower) / np.maximum(opening, 1e-9), 0.0, 1.0)
    rising = 0.26 * opening * (1.0 - from_lower) * (1.0 - smooth_step(0.0, -9.0, y - lower))
    falling = 0.10 * opening * from_lower * (1.0 - smooth_step(0.0, 8.0, y - upper))
    cheek = pair(x, y, 36, 16, 15, 8) * front
    return _stack(x, 0, rising - falling + 2.2 * cheek, 1.6 * cheek)


def _halves(both: ndarray, left: ndarray, right: ndarray) -> tuple[ndarray, ndarray]:
    return both * left[:, None], both * right[:, None]


def _stack(like: ndarray, dx: ndarray | float | int, dy: ndarray | float | int, dz: ndarray | float | int) -> ndarray:
    return np.stack([np.broadcast_to(np.asarray(part, dtype=np.float64), like.shape) for part in (dx, dy, dz)], -1)
