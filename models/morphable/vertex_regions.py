"""Soft weights that say which part of the face a vertex belongs to."""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.sparse import coo_matrix

from models.morphable.procedural_albedo import brow_band, eye_opening, lips
from models.morphable.procedural_surface import SurfacePoints
from models.morphable.smooth_fields import smooth_abs, smooth_step


def region_weights(points: SurfacePoints, faces: Int[ndarray, "f 3"]) -> dict[str, Float[ndarray, " v"]]:
    """Weights in 0..1 of face, eyes, brows, nose and mouth; brows and nose are softened by neighbour averaging."""
    x, y = points.x, points.y
    azimuth = np.rad2deg(np.abs(points.azimuth))
    nose_width = np.clip(20.0 - 0.33 * (y + 6.0), 5.0, 21.0)
    nose = np.where((np.abs(x) < nose_width) & (y > -17.0) & (y < 34.0) & (azimuth < 70.0), 1.0, 0.0)
    on_front = np.where(azimuth < 80.0, 1.0, 0.0)
    return {
        "face": smooth_step(88.0, 78.0, azimuth) * smooth_step(-86.0, -78.0, y) * smooth_step(84.0, 76.0, y),
        "eyes": np.maximum(eye_opening(x, y), eye_opening(x, y - 0.8)) * on_front,
        "brows": soften(brow_band(x, y, 3.2) * on_front, faces),
        "nose": soften(nose, faces),
        "mouth": np.where(np.abs(smooth_abs(x)) < 28.0, lips(x, y), 0.0) * on_front,
    }


def soften(weights: Float[ndarray, " v"], faces: Int[ndarray, "f 3"], *, passes: int = 10) -> Float[ndarray, " v"]:
    """Each pass replaces a weight by the mean over the vertex and its neighbours (Chen et al. 2020, released code)."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    neighbours = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(weights), len(weights))).tocsr()
    neighbours.data[:] = 1.0
    neighbours.setdiag(1.0)
    degree = np.asarray(neighbours.sum(1)).ravel()
    for _ in range(passes):
        weights = np.asarray(neighbours @ weights).ravel() / degree
    return weights
