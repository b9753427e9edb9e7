"""A small face-like mesh with random modes, from which the tests write model files in their formats."""

from typing import NamedTuple

import numpy as np
from numpy import ndarray

from models.morphable.procedural_grid import face_grid, landmark_uv
from models.morphable.procedural_surface import mean_surface


class FileFace(NamedTuple):
    mean_mm: ndarray
    faces: ndarray
    landmarks: ndarray
    """[68] vertex ids."""
    identity: ndarray
    """[k v 3] modes without their deviations."""
    identity_sigma: ndarray
    expression: ndarray
    expression_sigma: ndarray
    albedo_mean: ndarray
    """[v 3] in 0..255."""
    albedo: ndarray
    albedo_sigma: ndarray

    def columns(self, modes: ndarray) -> ndarray:
        """[3v, k], rows x0 y0 z0 x1 ..."""
        return modes.reshape(len(modes), -1).T


def file_face(seed: int = 0, modes: int = 4) -> FileFace:
    """The tiny procedural mean, moved off centre, with random modes."""
    generator = np.random.default_rng(seed)
    grid = face_grid("tiny")
    mean = mean_surface(grid.uv[:, 0], grid.uv[:, 1]).position_mm
    uv, _ = landmark_uv()
    landmarks = ((uv[:, None] - grid.uv[None]) ** 2).sum(-1).argmin(1)
    count = len(mean)
    return FileFace(
        mean_mm=mean + np.array([3.0, -40.0, 25.0]),
        faces=grid.faces,
        landmarks=landmarks,
        identity=generator.normal(size=(modes, count, 3)),
        identity_sigma=generator.uniform(0.5, 2.0, modes),
        expression=generator.normal(size=(3, count, 3)),
        expression_sigma=generator.uniform(0.5, 2.0, 3),
        albedo_mean=generator.uniform(20, 220, (count, 3)),
        albedo=generator.normal(size=(modes, count, 3)),
        albedo_sigma=generator.uniform(1.0, 5.0, modes),
    )
