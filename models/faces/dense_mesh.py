"""The detailed face as a mesh of its own: one vertex for every texel of the UV map."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from models.geometry.mesh import Mesh


def dense_mesh(
    positions_mm: Float[Tensor, "3 h w"],
    valid: Bool[Tensor, "h w"],
    texture: Float[Tensor, "3 s t"] | None = None,
    *,
    longest_edge: float = 4.0,
) -> Mesh:
    """Every 2 x 2 block of valid texels becomes two triangles (Chen et al., TIP 2020); metres, with UV and texture.

    Blocks with an edge longer than `longest_edge` times the median are left out: they span the slit between the lips,
    whose two sides are neighbours in UV. Not differentiable.

    Raises:
        ValueError: when no block is valid.
    """
    height, width = valid.shape
    points = positions_mm.detach().flatten(1).T
    index = torch.arange(height * width, device=valid.device).reshape(height, width)
    upper_left, upper_right = index[:-1, :-1], index[:-1, 1:]
    lower_left, lower_right = index[1:, :-1], index[1:, 1:]
    whole = valid[:-1, :-1] & valid[:-1, 1:] & valid[1:, :-1] & valid[1:, 1:]
    sides = (
        (upper_left, lower_left), (upper_right, lower_right), (upper_left, upper_right), (lower_left, lower_right)
    )  # fmt: skip
    lengths = torch.stack([(points[first] - points[second]).norm(dim=-1) for first, second in sides])
    if bool(whole.any()):
        whole = whole & (lengths < longest_edge * lengths[:, whole].median()).all(0)
    # rows run downwards: lower left, lower right, upper right is counter-clockwise seen from outside
    triangles = torch.cat(
        [
            torch.stack([lower_left, lower_right, upper_right], -1)[whole],
            torch.stack([lower_left, upper_right, upper_left], -1)[whole],
        ]
    )
    if not len(triangles):
        raise ValueError("The UV layout has no block of four valid texels: use a larger UV size.")
    used = torch.zeros(height * width, dtype=torch.bool, device=valid.device)
    used[triangles.flatten()] = True
    renumbered = used.cumsum(0) - 1
    rows, columns = torch.meshgrid(
        torch.arange(height, device=valid.device), torch.arange(width, device=valid.device), indexing="ij"
    )
    uv = torch.stack([(columns + 0.5) / width, 1 - (rows + 0.5) / height], -1).reshape(-1, 2)
    faces = renumbered[triangles]
    return Mesh(points[used] / 1000, faces, uv[used].to(points), faces, None if texture is None else texture.detach())
