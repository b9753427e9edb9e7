"""Which vertices a jaw landmark may slide over, for any face mesh."""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray


def contour_rows(
    mean_mm: Float[ndarray, "v 3"],
    jaw_landmarks_mm: Float[ndarray, "17 3"],
    *,
    number: int = 24,
    innermost_share: float = 0.35,
) -> Int[ndarray, "17 c"]:
    """Vertex ids `[17 number]` on the row of nearly equal height from each jaw landmark towards the cheek.

    The way from the landmark's place |x| to `innermost_share` of it is cut into steps; in each, the vertex in
    front of the ears nearest to the height is taken. Column 0 is the vertex nearest to the landmark; the chin
    (8) does not slide. Source: the "landmark marching" rows of Zhu et al. 2015, derived from the mesh instead
    of chosen by hand.
    """
    candidates = np.zeros((len(jaw_landmarks_mm), number), dtype=np.int64)
    for j, (x, y, z) in enumerate(jaw_landmarks_mm):
        own = int(((mean_mm - (x, y, z)) ** 2).sum(1).argmin())
        candidates[j] = own
        if j == 8:
            continue
        outer, side = abs(x), np.sign(x)
        places = np.linspace(outer, innermost_share * outer, number)
        off_row = np.abs(mean_mm[:, 1] - y)
        forward = (mean_mm[:, 2] >= z - 2.0) & (side * mean_mm[:, 0] <= outer + 6.0)
        for step, place in enumerate(places[1:], start=1):
            # a miss in height shifts the landmark, a miss along the row only makes the steps uneven
            cost = 2.0 * off_row + np.abs(side * mean_mm[:, 0] - place) + np.where(forward, 0.0, 1e6)
            candidates[j, step] = int(cost.argmin())
    return candidates
