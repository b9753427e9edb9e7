"""Pictures of meshes by our own rasterizer, for data sets that come without any."""

import numpy as np
import torch
from torch import Tensor

from datamodules.body_records import BodyMesh, BodyView
from datamodules.synthetic.body_light import irradiance
from models.rendering.interpolate import interpolate, interpolate_corners
from models.rendering.render import TexturedSurface
from models.rendering.textures import sample_texture
from models.rendering.view_normals import view_normals

SUPERSAMPLING = 2
GAMMA = 2.2


def rendered_view(
    mesh: BodyMesh, albedo: Tensor | TexturedSurface, view_from_body: Tensor, size: int, light: Tensor
) -> BodyView:
    """A picture of size x size pixels, each the mean of 2 x 2; the mask is what covers half of a pixel.

    albedo: linear colours [v, 3] of the vertices, or a texture. view_from_body: [4, 4]. light: [9, 3] spherical
    harmonics in camera axes (`datamodules.synthetic.body_light`).
    """
    samples = (size * SUPERSAMPLING, size * SUPERSAMPLING)
    seen = view_normals(mesh.vertices_cm[None], mesh.faces, view_from_body.float()[None], samples)
    if isinstance(albedo, TexturedSurface):
        colour = sample_texture(albedo.texture, interpolate_corners(albedo.uv[albedo.face_uv], seen.fragments))
    else:
        colour = interpolate(albedo.float()[None], mesh.faces, seen.fragments)
    covered = seen.covered[0]
    shading = irradiance(seen.normals[0].permute(1, 2, 0)[covered], light)
    lit = torch.zeros(3, *samples)
    lit[:, covered] = ((colour[0].permute(1, 2, 0)[covered] * shading).clamp(0, 1) ** (1 / GAMMA)).T
    share = _pooled(covered[None].float())
    mask = share >= 0.5
    image = _pooled(lit) / share.clamp(min=1 / SUPERSAMPLING**2) * mask
    return BodyView((image * 255).round().byte(), mask.byte(), view_from_body.float())


def _pooled(values: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(values[None], SUPERSAMPLING)[0]


def linear_colour(red: float, green: float, blue: float) -> np.ndarray:
    """[3] of a colour as screens mean it, 0 to 1."""
    return np.array([red, green, blue]) ** GAMMA
