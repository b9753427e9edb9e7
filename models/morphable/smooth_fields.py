"""Small smooth functions of which the procedural face is made. All broadcast over numpy arrays."""

import numpy as np
from numpy import ndarray


def smooth_step(start: float | int, end: float | int, t: ndarray) -> ndarray:
    """0 before start, 1 after end, the cubic 3r^2 - 2r^3 between; start > end reverses it."""
    r = np.clip((t - start) / (end - start), 0.0, 1.0)
    return r * r * (3.0 - 2.0 * r)


def bump(t: ndarray, sigma: float | int) -> ndarray:
    """Gaussian of one variable, 1 at zero."""
    return np.exp(-0.5 * (t / sigma) ** 2)


def spot(x: ndarray, y: ndarray, cx: float | int, cy: float | int, sx: float | int, sy: float | int) -> ndarray:
    """Gaussian window around one place."""
    return np.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2))


def pair(x: ndarray, y: ndarray, cx: float | int, cy: float | int, sx: float | int, sy: float | int) -> ndarray:
    """Gaussian windows around a place and its mirror image: even in x."""
    return spot(smooth_abs(x), y, cx, cy, sx, sy)


def odd_pair(x: ndarray, y: ndarray, cx: float | int, cy: float | int, sx: float | int, sy: float | int) -> ndarray:
    """The same with opposite signs on the two sides: odd in x, smooth on the mid-line."""
    return np.tanh(x / 10.0) * pair(x, y, cx, cy, sx, sy)


def smooth_abs(x: ndarray) -> ndarray:
    """|x| without the kink at zero, which would show as a crease on the mid-line."""
    return np.sqrt(x * x + 4.0)


def right_side(x: ndarray) -> ndarray:
    """1 on the side x > 0, 0 on the other, blended over 12 mm across the mid-line."""
    return smooth_step(-6.0, 6.0, x)
