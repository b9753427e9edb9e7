"""The procedural face as a dense mesh with one vertex a texel, displaced: the truth that is photographed."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.geometry.normals import grid_normals, vertex_normals
from models.morphable.linear import MorphableModel
from models.morphable.procedural_albedo import brow_band, eye_opening, lips
from models.morphable.procedural_grid import FaceGrid, Level, face_grid, locate
from models.morphable.procedural_surface import LIP_LINE_Y, SurfacePoints, mean_surface, row_of_height
from models.morphable.procedural_texture import procedural_albedo_texture
from models.rendering.textures import UvGrid, uv_rasterization

SKIN, NOSE, LEFT_EYE, RIGHT_EYE, LEFT_BROW, RIGHT_BROW, MOUTH, UPPER_LIP, LOWER_LIP = 1, 2, 4, 5, 6, 7, 10, 11, 12
MOUTH_ROWS = 6
_SLIT_V = float(row_of_height(np.array([LIP_LINE_Y]))[0])


class DenseFace(NamedTuple):
    """What all faces of one model and texture size share. Letters: v coarse vertices, d texels on the face, n mouth
    columns.

    The vertices of the photographed mesh are the texels in row-major order, then the rows of the mouth's inside.
    """

    model: MorphableModel
    grid: UvGrid
    corners: Tensor
    """[d, 3] coarse vertices around each texel, and"""
    weights: Tensor
    """[d, 3] their weights. Texels next to the slit between the lips are moved onto it, so that a closed mouth is
    shut."""
    free: Tensor
    """[d] 1, but 0 on the slit, where relief would open cracks between closed lips."""
    faces: Tensor
    """[f, 3] triangles of the photographed mesh."""
    albedo_mean: Tensor
    """[d, 3] the model's albedo, evaluated at every texel and so sharper than at its vertices; and"""
    albedo_basis: Tensor
    """[k, d, 3] its modes, which keep the meaning of their coefficients."""
    classes: Tensor
    """[d + 6 n] uint8 segmentation class of each vertex."""
    mouth_columns: Tensor
    """[2, n] coarse vertices along the upper and the lower lip, corner to corner."""


class FaceSurfaces(NamedTuple):
    """A batch of displaced faces in the model's frame; p = vertices of the photographed mesh."""

    coarse_mm: Tensor
    """[b, v, 3]"""
    points_mm: Tensor
    """[b, p, 3]"""
    normals: Tensor
    """[b, p, 3] unit, of the displaced surface."""
    albedo: Tensor
    """[b, p, 3]"""


def dense_face(model: MorphableModel, level: Level, uv_size: int) -> DenseFace:
    """Topology, albedo and classes at every texel. Takes seconds the first time, then the cache has it."""
    grid = uv_rasterization(model.uv, model.face_uv, (uv_size, uv_size))
    coarse = face_grid(level)
    rows, columns = grid.valid.nonzero().T
    u, v = (columns.numpy() + 0.5) / uv_size, 1 - (rows.numpy() + 0.5) / uv_size
    above_row, left_column, right_column = _slit(coarse, uv_size)
    corners = model.faces[grid.face_index[grid.valid]]
    weights = grid.barycentrics[grid.valid]
    free = torch.ones(len(corners))
    for row, upper in ((above_row, True), (above_row + 1, False)):
        beside = ((rows == row) & (columns >= left_column) & (columns <= right_column)).nonzero().squeeze(1)
        on_slit = np.stack([u[beside], np.full(len(beside), _SLIT_V)], -1)
        slit_corners, slit_weights = locate(coarse, on_slit, np.full(len(beside), upper))
        corners[beside] = torch.from_numpy(slit_corners)
        weights[beside] = torch.from_numpy(slit_weights).float()
        free[beside] = 0.0

    points = mean_surface(u, v)
    albedo_mean, albedo_basis = procedural_albedo_texture(uv_size, albedo_size=model.albedo_size)
    mouth_columns = _mouth_columns(coarse)
    triangles = _texel_triangles(grid.valid, above_row, left_column, right_column)
    inside_mouth = _strip_triangles(mouth_columns.shape[1], MOUTH_ROWS) + len(rows)
    classes = torch.cat(
        [_texel_classes(points), torch.full((MOUTH_ROWS * mouth_columns.shape[1],), MOUTH, dtype=torch.uint8)]
    )
    return DenseFace(
        model=model,
        grid=grid,
        corners=corners,
        weights=weights,
        free=free,
        faces=torch.cat([triangles, inside_mouth]),
        albedo_mean=albedo_mean[:, grid.valid].T.contiguous(),
        albedo_basis=albedo_basis[:, :, grid.valid].mT.contiguous(),
        classes=classes,
        mouth_columns=mouth_columns,
    )


def displaced_surfaces(
    face: DenseFace, identity: Tensor, expression: Tensor, albedo: Tensor, displacement_mm: Tensor
) -> FaceSurfaces:
    """Faces with [b, 1, u, u] displacement along the coarse normals.

    The coarse normals are the vertex normals, interpolated. The displaced ones add to them what the displacement
    changes in the normals of the dense mesh, so that the coarse triangles do not shine through: n + (N(P + d n) -
    N(P)).
    """
    coarse = face.model.vertices_mm(identity, expression)
    coarse_normals = vertex_normals(coarse, face.model.faces)
    texels = _at_texels(face, torch.cat([coarse, coarse_normals], -1))
    base, normals = texels[..., :3], _unit(texels[..., 3:])
    depth = (displacement_mm.flatten(1)[:, face.grid.valid.flatten()] * face.free)[..., None]
    moved = base + depth * normals
    bent = normals + _mesh_normals(face, moved) - _mesh_normals(face, base)
    colours = torch.addmm(face.albedo_mean.flatten(), albedo, face.albedo_basis.flatten(1)).unflatten(1, (-1, 3))
    inside, inside_normals, inside_colours = _mouth_inside(face, coarse)
    return FaceSurfaces(
        coarse_mm=coarse,
        points_mm=torch.cat([moved, inside], 1),
        normals=torch.cat([_unit(bent), inside_normals], 1),
        albedo=torch.cat([colours.clamp(0.01, 1), inside_colours], 1),
    )


def _unit(vectors: Tensor) -> Tensor:
    return vectors * (vectors * vectors).sum(-1, keepdim=True).clamp(min=1e-12).rsqrt()


def _at_texels(face: DenseFace, attributes: Tensor) -> Tensor:
    rows = attributes.permute(1, 0, 2).flatten(1)  # vertex-major: a gather copies whole rows
    total = rows.index_select(0, face.corners[:, 0]) * face.weights[:, :1]
    for corner in (1, 2):
        total.addcmul_(rows.index_select(0, face.corners[:, corner]), face.weights[:, corner : corner + 1])
    return total.unflatten(1, attributes.shape[::2]).permute(1, 0, 2)


def _mesh_normals(face: DenseFace, points: Tensor) -> Tensor:
    height, width = face.grid.valid.shape
    positions = points.new_zeros(len(points), 3, height * width)
    texel = face.grid.valid.flatten().nonzero().squeeze(1)
    positions.index_copy_(2, texel, points.mT.contiguous())
    normals = grid_normals(positions.unflatten(2, (height, width)), face.grid.valid)
    return normals.flatten(2).index_select(2, texel).mT


def _mouth_inside(face: DenseFace, coarse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A pocket behind the lips: teeth above, dark below. Shut with the mouth."""
    upper, lower = coarse[:, face.mouth_columns[0]], coarse[:, face.mouth_columns[1]]
    down = torch.linspace(0, 1, MOUTH_ROWS)[:, None, None]
    middle = torch.sin(torch.linspace(0, torch.pi, upper.shape[1]))[:, None]
    rows = torch.lerp(upper[:, None], lower[:, None], down).clone()
    rows[..., 2:] -= (1.0 + 7.0 * torch.sin(torch.pi * down)) * middle
    points = rows.flatten(1, 2)
    normals = torch.zeros_like(points)
    normals[..., 2] = 1
    teeth, dark = torch.tensor([0.78, 0.74, 0.66]), torch.tensor([0.22, 0.08, 0.08])
    colours = torch.where(down < 0.3, teeth, dark).expand(MOUTH_ROWS, upper.shape[1], 3).flatten(0, 1)
    return points, normals, colours.expand_as(points)


def _slit(coarse: FaceGrid, uv_size: int) -> tuple[int, int, int]:
    """The texel row above the slit and the first and last texel column between its corners."""
    row = int((coarse.vertex_of_cell != coarse.upper_vertex_of_cell).any(1).argmax())
    split = np.flatnonzero(coarse.vertex_of_cell[row] != coarse.upper_vertex_of_cell[row])
    corners = coarse.uv[coarse.vertex_of_cell[row, [split[0] - 1, split[-1] + 1]], 0]
    left, right = np.ceil(corners[0] * uv_size - 0.5), np.floor(corners[1] * uv_size - 0.5)
    return int(np.floor((1 - _SLIT_V) * uv_size - 0.5)), int(left), int(right)


def _mouth_columns(coarse: FaceGrid) -> Tensor:
    row = int((coarse.vertex_of_cell != coarse.upper_vertex_of_cell).any(1).argmax())
    split = np.flatnonzero(coarse.vertex_of_cell[row] != coarse.upper_vertex_of_cell[row])
    span = slice(split[0] - 1, split[-1] + 2)
    return torch.from_numpy(np.stack([coarse.upper_vertex_of_cell[row, span], coarse.vertex_of_cell[row, span]]))


def _texel_triangles(valid: Tensor, above_row: int, left_column: int, right_column: int) -> Tensor:
    whole = valid[:-1, :-1] & valid[1:, :-1] & valid[:-1, 1:] & valid[1:, 1:]
    whole[above_row, left_column:right_column] = False
    ids = (valid.flatten().cumsum(0) - 1).view_as(valid)
    top_left, top_right = ids[:-1, :-1][whole], ids[:-1, 1:][whole]
    bottom_left, bottom_right = ids[1:, :-1][whole], ids[1:, 1:][whole]
    lower = torch.stack([bottom_left, bottom_right, top_right], -1)
    return torch.cat([lower, torch.stack([bottom_left, top_right, top_left], -1)])


def _strip_triangles(columns: int, rows: int) -> Tensor:
    ids = torch.arange(rows * columns).view(rows, columns)
    top_left, top_right, bottom_left, bottom_right = (
        part.flatten() for part in (ids[:-1, :-1], ids[:-1, 1:], ids[1:, :-1], ids[1:, 1:])
    )
    lower = torch.stack([bottom_left, bottom_right, top_right], -1)
    return torch.cat([lower, torch.stack([bottom_left, top_right, top_left], -1)])


def _texel_classes(points: SurfacePoints) -> Tensor:
    x, y = points.x, points.y
    classes = np.full(len(x), SKIN, np.uint8)
    nose = (np.abs(x) < 19) & (y > -17) & (y < 34) & (np.abs(x) < 21 - 0.35 * (y + 6))
    classes[nose & (points.front > 0.5)] = NOSE
    on_lips = (lips(x, y) > 0.5) & (points.front > 0.5)
    classes[on_lips & (y >= LIP_LINE_Y)] = UPPER_LIP
    classes[on_lips & (y < LIP_LINE_Y)] = LOWER_LIP
    brows = brow_band(x, y) > 0.5
    classes[brows] = np.where(x < 0, LEFT_BROW, RIGHT_BROW)[brows]
    eyes = eye_opening(x, y) > 0.5
    classes[eyes] = np.where(x < 0, LEFT_EYE, RIGHT_EYE)[eyes]
    return torch.from_numpy(classes)
