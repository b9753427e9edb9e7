"""Which triangle does each pixel see, answered by PyTorch3D where it is installed."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def pytorch3d_face_index(
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    size: tuple[int, int],
    *,
    perspective: bool,
    cull: str,
    near: float,
) -> Int[Tensor, "b h w"]:
    """Index of the nearest triangle under each pixel centre, -1 where there is none."""
    raise NotImplementedError
