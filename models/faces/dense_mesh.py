"""The detailed face as a mesh of its own: one vertex for every texel of the UV map."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.geometry.mesh import Mesh

LONG = 6.0
APART = 1.5


def dense_mesh(
    positions_mm: Float[Tensor, "3 h w"],
    valid: Bool[Tensor, "h w"],
    texture: Float[Tensor, "3 s t"] | None = None,
    corner_ids: Int[Tensor, "h w 3"] | None = None,
) -> Mesh:
    """Every 2 x 2 block of valid texels becomes two triangles (Chen et al., TIP 2020); metres, with UV and texture.

    Blocks across the slit between the lips, whose two sides are neighbours in UV, are left out where the mouth is open:
    blocks with an edge of LONG times the median length, and, where `corner_ids` says which coarse triangle each texel
    lies in (its three vertices), of APART times the median if the triangles at its ends share no vertex. Not
    differentiable.

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
        usual = lengths[:, whole].median()
        torn = lengths > LONG * usual
        if corner_ids is not None:
            torn |= (lengths > APART * usual) & torch.stack([_apart(corner_ids.flatten(0, 1), *side) for side in sides])
        whole = whole & ~torn.any(0)
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


def _apart(corner_ids: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Whether the coarse triangles at two texels share no vertex."""
    return (corner_ids[first][..., :, None] != corner_ids[second][..., None, :]).all(-1).all(-1)
