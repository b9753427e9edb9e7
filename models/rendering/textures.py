"""Pictures on surfaces: reading a texture at interpolated UV, and carrying attributes into the UV picture.

u runs right, v UP; row 0 of a texture is v = 1. The centre of the texel in row i and column j of an h x w texture
lies at u = (j + 1/2) / w, v = 1 - (i + 1/2) / h: reading there gives exactly that texel."""

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.rendering.rasterize import rasterize


class UvGrid(NamedTuple):
    """Which point of the mesh lies under each texel centre: the rasterization of a UV layout."""

    face_index: Int[Tensor, "h w"]
    """int64; -1 where no triangle lies."""
    barycentrics: Float[Tensor, "h w 3"]
    """Weights of the triangle's corners, sum 1; 0 where no triangle lies."""
    valid: Bool[Tensor, "h w"]
    """Where a triangle lies."""


def sample_texture(texture: Float[Tensor, "b c t1 t2"], uv: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b c h w"]:
    """Bilinear reading of a texture at UV positions; beyond the outermost texel centres the border repeats.

    Differentiable to both. Within half a texel of an island's rim some of the four texels read lie outside the
    island: fill those first with `dilate`, else the background shows at seams."""
    u, v = uv.unbind(1)
    grid = torch.stack((2 * u - 1, 1 - 2 * v), dim=-1)
    return F.grid_sample(texture, grid, mode="bilinear", padding_mode="border", align_corners=False)


def uv_rasterization(uv: Float[Tensor, "t 2"], face_uv: Int[Tensor, "f 3"], size: tuple[int, int]) -> UvGrid:
    """Which triangle of a UV layout lies under each texel centre of an (h, w) texture, and where in it.

    Where triangles overlap in UV the one with the lowest index wins. Not differentiable: the layout is fixed.
    """
    h, w = size
    texels = torch.stack((uv[:, 0] * w, (1 - uv[:, 1]) * h, torch.ones_like(uv[:, 0])), dim=-1)
    with torch.no_grad():
        fragments = rasterize(texels[None], face_uv, size, perspective=False)
    face_index = fragments.face_index[0]
    return UvGrid(face_index, fragments.barycentrics[0], face_index >= 0)


def to_uv(attributes: Float[Tensor, "b v c"], faces: Int[Tensor, "f 3"], grid: UvGrid) -> Float[Tensor, "b c h w"]:
    """Per-vertex attributes as a picture in UV, 0 where no triangle lies. Differentiable to the attributes.

    ``faces`` are the triangles of the *mesh*, in the order of the ``face_uv`` that made the grid: at a seam two
    corners of one vertex lie apart in UV and read the same attribute."""
    b, _, c = attributes.shape
    h, w = grid.valid.shape
    texel = grid.valid.reshape(-1).nonzero().squeeze(1)
    corners = faces.index_select(0, grid.face_index.reshape(-1).index_select(0, texel))
    weights = grid.barycentrics.reshape(-1, 3).index_select(0, texel).to(attributes.dtype)
    read = _WeightedCorners.apply(attributes, corners, weights)
    picture = attributes.new_zeros(b * c, h * w)
    return picture.index_copy(1, texel, read).view(b, c, h, w)  # type: ignore[arg-type]


def dilate(picture: Float[Tensor, "b c h w"], valid: Bool[Tensor, "h w"], steps: int = 4) -> Float[Tensor, "b c h w"]:
    """Texels around the islands filled with the mean of their known neighbours (3 x 3), one ring a step.

    Known texels keep their value; what is farther than ``steps`` from an island becomes 0. Bilinear reading needs one
    step; smaller versions of the picture and viewers that blur need more. Differentiable.
    """
    known = valid.to(picture.dtype)[None, None]
    filled = picture * known
    for _ in range(steps):
        around = F.avg_pool2d(known, 3, stride=1, padding=1)
        mean = F.avg_pool2d(filled, 3, stride=1, padding=1) / around.clamp(min=1e-6)
        new = (around > 0) & (known == 0)
        filled, known = torch.where(new, mean, filled), torch.where(new, 1.0, known)
    return filled


class _WeightedCorners(torch.autograd.Function):
    """(attributes [b v c], corners [p 3], weights [p 3]) -> [b*c p]; the gradient is one product with a sparse matrix,
    three times cheaper than adding gathers up."""

    @staticmethod
    def forward(ctx, attributes, corners, weights):
        b, v, c = attributes.shape
        ctx.shape = (b, v, c)
        ctx.save_for_backward(corners, weights)
        planes = attributes.transpose(1, 2).reshape(b * c, v)
        read = planes.index_select(1, corners[:, 0]) * weights[:, 0]
        for k in (1, 2):
            read.addcmul_(planes.index_select(1, corners[:, k]), weights[:, k])
        return read

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        corners, weights = ctx.saved_tensors
        b, v, c = ctx.shape
        vertex, order = corners.reshape(-1).sort(stable=True)
        vertex_from_texel = torch.sparse_coo_tensor(
            torch.stack((vertex, order // 3)),
            weights.reshape(-1).index_select(0, order),
            (v, len(corners)),
            is_coalesced=True,  # sorted by vertex, and no texel names one corner twice
            check_invariants=False,
        )
        summed = vertex_from_texel @ gradient.t().contiguous()
        return summed.view(v, b, c).permute(1, 0, 2), None, None
