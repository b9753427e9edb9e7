"""From the coordinates of a mesh file to the body frame."""

import math

import numpy as np

HEIGHT_CM = 180.0
QUARTER_TURNS = {
    (0, 1): np.eye(3),
    (0, -1): np.diag([1.0, -1, -1]),
    (1, 1): np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    (1, -1): np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]),
    (2, 1): np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    (2, -1): np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
}
"""Rotations that turn an axis and sign to +y; the axes are numbered y, x, z."""


def upright(up: np.ndarray) -> np.ndarray:
    """[3, 3] the quarter turn that brings the axis nearest to the direction `up` [3] to +y."""
    order = np.array([1, 0, 2])
    axis = int(np.abs(up[order]).argmax())
    return QUARTER_TURNS[axis, 1 if up[order[axis]] > 0 else -1]


def facing_front(forward: np.ndarray) -> np.ndarray:
    """[3, 3] rotation about +y that turns the horizontal part of `forward` [3] to +z; none where it has none."""
    if math.hypot(forward[0], forward[2]) < 0.1 * float(np.linalg.norm(forward)):
        return np.eye(3)
    angle = math.atan2(-forward[0], forward[2])
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def body_from_vertices(vertices: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """[4, 4] from the unit and axes of a mesh [v, 3] to the body frame: turned by `rotation`, centred at the median in
    x and z and at half the height, 180 cm high."""
    turned = vertices @ rotation.T
    low, high = turned[:, 1].min(), turned[:, 1].max()
    center = np.array([np.median(turned[:, 0]), (low + high) / 2, np.median(turned[:, 2])])
    scale = HEIGHT_CM / max(float(high - low), 1e-30)
    matrix = np.eye(4)
    matrix[:3, :3] = scale * rotation
    matrix[:3, 3] = -scale * center
    return matrix


def moved_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """[p, 3] points through an affine [4, 4]."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]
