"""Low-rank Gaussian processes on a mirror-symmetric surface, evaluated at any points."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial.distance import cdist

MIRROR = np.array([-1.0, 1.0, 1.0])


def symmetric_gaussian_fields(
    points_mm: Float[ndarray, "p 3"],
    inducing_mm: Float[ndarray, "n 3"],
    scales_mm: tuple[float, ...],
    sigmas: tuple[float, ...],
    *,
    parity: int,
    number: int,
) -> Float[ndarray, "p k"]:
    """Scalar fields f_k so that sum_k c_k f_k, c ~ N(0, 1), is a Gaussian process even (+1) or odd (-1) in x.

    Covariance: sum over scales of sigma^2 exp(-d^2 / 2 scale^2), symmetrised. Nystrom approximation: the leading
    eigenvectors at the inducing points, continued to all points. The same inducing points give the same fields
    whatever the mesh, so coefficients mean the same at every level. Source: Luthi et al. 2018 (Gaussian process
    morphable models).
    """

    def covariance(ahead: ndarray) -> ndarray:
        straight = cdist(ahead, inducing_mm, "sqeuclidean")
        mirrored = cdist(ahead, inducing_mm * MIRROR, "sqeuclidean")
        total = np.zeros_like(straight)
        for scale, sigma in zip(scales_mm, sigmas):
            weight = -0.5 / scale**2
            total += 0.5 * sigma**2 * (np.exp(weight * straight) + parity * np.exp(weight * mirrored))
        return total

    eigenvalues, eigenvectors = np.linalg.eigh(covariance(inducing_mm))
    leading = np.argsort(-eigenvalues)[:number]
    # The sign of an eigenvector is arbitrary: fix it, so that every machine builds the same fields
    eigenvectors = eigenvectors[:, leading]
    eigenvectors *= np.sign(eigenvectors[np.abs(eigenvectors).argmax(0), np.arange(number)])
    return covariance(points_mm) @ (eigenvectors / np.sqrt(np.maximum(eigenvalues[leading], 1e-9)))
