"""An atlas for any triangle mesh: every two triangles share a square of texels."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from models.geometry.mesh import Mesh

LEAST_TEXELS = 3
"""Along the side of a square."""


class UvAtlas(NamedTuple):
    """Texels by row and column, row 0 on top (v = 1)."""

    side: int
    """A power of two."""
    uv: Tensor
    """[3 f, 2]"""
    at: Tensor
    """[n] flattened positions of the covered texels."""
    face: Tensor
    """[n] the triangle under a texel's centre, and"""
    weights: Tensor
    """[n, 3] where in it."""

    def face_uv(self) -> Tensor:
        """[f, 3]"""
        return torch.arange(len(self.uv)).reshape(-1, 3)

    def texels(self, mesh: Mesh, of_vertices: Tensor) -> Tensor:
        """[c, side, side] of values [v, c] at the vertices; 0 where no triangle lies."""
        corners = mesh.faces[self.face]
        values = (of_vertices[corners] * self.weights[..., None]).sum(1)
        picture = values.new_zeros(self.side * self.side, values.shape[1])
        return picture.index_copy_(0, self.at, values).T.reshape(-1, self.side, self.side)


def uv_atlas(faces: int) -> UvAtlas:
    """Triangles 2 k and 2 k + 1 lie in square k, above and below its diagonal."""
    squares = math.ceil(math.sqrt((faces + 1) // 2))
    side = 2 ** math.ceil(math.log2(squares * LEAST_TEXELS))
    texels = side // squares
    row, column = torch.meshgrid(torch.arange(squares * texels), torch.arange(squares * texels), indexing="ij")
    square = row.div(texels, rounding_mode="floor") * squares + column.div(texels, rounding_mode="floor")
    down, right = (row % texels + 0.5) / texels, (column % texels + 0.5) / texels
    lower = down + right > 1
    face = 2 * square + lower
    first = torch.where(lower, 1 - down, right)
    second = torch.where(lower, 1 - right, down)
    covered = face < faces
    weights = torch.stack([1 - first - second, first, second], -1)[covered]
    at = (row * side + column)[covered]

    number = torch.arange(faces)
    base = torch.stack([(number // 2) % squares, (number // 2).div(squares, rounding_mode="floor")], 1) * texels
    upper = torch.tensor([[0.0, 0], [1, 0], [0, 1]])  # (right, down) of the corners that the weights belong to
    below = torch.tensor([[1.0, 1], [1, 0], [0, 1]])
    corners = torch.where((number % 2 == 0)[:, None, None], upper, below)
    place = (base[:, None] + corners * texels) / side
    uv = torch.stack([place[..., 0], 1 - place[..., 1]], -1).reshape(-1, 2)
    return UvAtlas(side, uv, at, face[covered], weights)
