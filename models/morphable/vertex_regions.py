"""Soft weights that say which part of the face a vertex belongs to."""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.sparse import coo_matrix


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
