"""From any set of displacement fields to orthogonal modes in standard deviations."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray


def similarity_motions(points_mm: Float[ndarray, "v 3"]) -> Float[ndarray, "7 n"]:
    """Orthonormal fields of the seven similarity motions (three shifts, three turns, one scaling), flattened."""
    centred = points_mm - points_mm.mean(0)
    shifts = [np.broadcast_to(axis, centred.shape) for axis in np.eye(3)]
    turns = [np.cross(axis, centred) for axis in np.eye(3)]
    motions = np.stack([*shifts, *turns, centred]).reshape(7, -1)
    orthonormal, _ = np.linalg.qr(motions.T)
    return orthonormal.T


def without_similarity(
    fields_mm: Float[ndarray, "k v 3"], points_mm: Float[ndarray, "v 3"]
) -> tuple[Float[ndarray, "k v 3"], Float[ndarray, "k 3 4"]]:
    """Fields with their best similarity motion taken out, and that motion as an affine map `[k 3 4]` of the points.

    Identity must not hold what pose and scale already explain, or the two fight during fitting.
    """
    centre = points_mm.mean(0)
    flat = fields_mm.reshape(len(fields_mm), -1)
    motions = similarity_motions(points_mm)
    motion = ((flat @ motions.T) @ motions).reshape(fields_mm.shape)
    # a similarity motion is affine in the points: recover the map, so that it can be applied to other points too
    homogeneous = np.concatenate([points_mm - centre, np.ones((len(points_mm), 1))], 1)
    solution = np.linalg.pinv(homogeneous) @ motion
    linear, shift = solution[:, :3], solution[:, 3:]
    affine = np.concatenate([linear, shift - (centre @ linear)[:, None]], 1).transpose(0, 2, 1)
    return fields_mm - motion, affine


def principal_mixing(fields: Float[ndarray, "k v c"], number: int) -> Float[ndarray, "number k"]:
    """Rows that mix fields with independent N(0, 1) coefficients into orthogonal modes with N(0, 1) coefficients.

    With A the fields as columns and A^T A = V diag(s^2) V^T, the modes are A V: the same random surfaces, sorted by
    strength. The sign of each mode is fixed by its largest entry of V.
    """
    flat = fields.reshape(len(fields), -1)
    strengths, vectors = np.linalg.eigh(flat @ flat.T)
    vectors = vectors[:, np.argsort(-strengths)[:number]]
    vectors *= np.sign(vectors[np.abs(vectors).argmax(0), np.arange(vectors.shape[1])])
    return vectors.T


def combine(mixing: Float[ndarray, "n k"], fields: Float[ndarray, "k v c"]) -> Float[ndarray, "n v c"]:
    """Mixed fields."""
    return (mixing @ fields.reshape(len(fields), -1)).reshape(len(mixing), *fields.shape[1:])
