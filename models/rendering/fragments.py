"""What each pixel sees."""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor


class Fragments(NamedTuple):
    """The nearest triangle under each pixel centre.

    ``face_index[b, i, j] = f`` means that the centre of the pixel in row i and column j, the screen point
    (j + 1/2, i + 1/2), sees triangle f of picture b, at the point whose corner weights are ``barycentrics[b, i, j]``.
    """

    face_index: Int[Tensor, "b h w"]
    """int64, local to the mesh; -1 where the pixel is empty. Not differentiable."""
    barycentrics: Float[Tensor, "b h w 3"]
    """Perspective-correct weights of the triangle's corners, sum 1; 0 where empty. Differentiable to the vertices."""
    depth: Float[Tensor, "b h w"]
    """View depth; +inf where empty. Differentiable to the vertices."""
