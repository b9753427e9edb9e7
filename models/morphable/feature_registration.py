"""Lays the procedural face's feature frame over any other face, so that one recipe colours and divides them all."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.interpolate import RBFInterpolator

from models.morphable.procedural_albedo import albedo_model
from models.morphable.procedural_grid import face_grid, landmark_uv
from models.morphable.procedural_surface import SurfacePoints, mean_surface
from models.morphable.smooth_fields import smooth_step

INNER_LANDMARKS = slice(17, 68)


def reference_landmarks() -> SurfacePoints:
    """The 68 points on the mean of the procedural face."""
    uv, _ = landmark_uv()
    return mean_surface(uv[:, 0], uv[:, 1])


def recentring_shift(landmarks_mm: Float[ndarray, "68 3"]) -> Float[ndarray, " 3"]:
    """The shift that puts the 51 inner landmarks of a face where those of the procedural face are on average.

    All models then share one origin (y = 0 near the tip of the nose, z = 0 between the ears), so that poses can
    be compared.
    """
    return (reference_landmarks().position_mm - landmarks_mm)[INNER_LANDMARKS].mean(0)


def register_features(mean_mm: Float[ndarray, "v 3"], landmarks_mm: Float[ndarray, "68 3"]) -> SurfacePoints:
    """Feature-frame coordinates of a recentred face's vertices, by smooth interpolation between the 68 landmarks."""
    reference = reference_landmarks()
    warp = RBFInterpolator(
        landmarks_mm, np.stack([reference.x, reference.y], -1), kernel="linear", degree=1, smoothing=1e-3
    )
    x, y = warp(mean_mm).T
    azimuth = np.arctan2(mean_mm[:, 0], mean_mm[:, 2])
    front = smooth_step(np.deg2rad(95.0), np.deg2rad(70.0), np.abs(azimuth))
    return SurfacePoints(mean_mm, x, y, front, azimuth)


def painted_albedo(points: SurfacePoints, size: int) -> tuple[Float[ndarray, "v 3"], Float[ndarray, "k v 3"]]:
    """Skin, lips and brows of the procedural face, and their modes, on a model that has no colours of its own."""
    grid = face_grid("tiny")
    return albedo_model(points, mean_surface(grid.uv[:, 0], grid.uv[:, 1]), size)


class NamedLandmarks(NamedTuple):
    numbers: Int[ndarray, " n"]
    """Which of the 68 (0-based)."""
    positions_mm: Float[ndarray, "n 3"]


def complete_landmarks(mean_mm: Float[ndarray, "v 3"], known: NamedLandmarks) -> Int[ndarray, " 68"]:
    """Vertex ids of all 68 points when only some are known: the procedural face's points, warped onto the known ones.

    Coarse (a few millimetres) between the known points; enough to start from, not to measure by.

    Raises:
        ValueError: with fewer than five known points.
    """
    if len(known.numbers) < 5:
        raise ValueError(f"{len(known.numbers)} landmarks are known; give at least five, spread over the face.")
    reference = reference_landmarks().position_mm
    warp = RBFInterpolator(reference[known.numbers], known.positions_mm, kernel="linear", degree=1, smoothing=1e-6)
    wanted = warp(reference)
    wanted[known.numbers] = known.positions_mm
    return np.array([((mean_mm - point) ** 2).sum(1).argmin() for point in wanted])
