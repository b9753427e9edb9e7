"""The simplest composition of the stages: rasterize, interpolate, read the texture, shade.

Families that need more compose the stages themselves; this function is also how to learn them.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.rendering.edge_gradients import edge_gradients
from models.rendering.fragments import Fragments
from models.rendering.interpolate import interpolate, interpolate_corners
from models.rendering.lighting import shade_chen2020, unit_normals
from models.rendering.rasterize import rasterize
from models.rendering.textures import sample_texture


class TexturedSurface(NamedTuple):
    """Albedo from a texture."""

    texture: Float[Tensor, "b c t1 t2"]
    uv: Float[Tensor, "t 2"]
    face_uv: Int[Tensor, "f 3"]
    """Row of ``uv`` for each corner of each face; a seam is where neighbours name different rows for one vertex."""


class ShLight(NamedTuple):
    """Spherical-harmonic light in the convention of Chen et al. 2020, and the normals that it shines on."""

    coefficients: Float[Tensor, "b 9 3"]
    normals: Float[Tensor, "b v 3"]
    """Of the vertices, unit length, in the frame of the light (x right, y up, z to the camera)."""


class Rendering(NamedTuple):
    """A picture of a mesh; empty pixels are 0."""

    image: Float[Tensor, "b c h w"]
    mask: Float[Tensor, "b 1 h w"]
    """1 where the mesh is seen, 0 elsewhere."""
    fragments: Fragments


def render(
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    size: tuple[int, int],
    albedo: Float[Tensor, "b v c"] | TexturedSurface,
    light: ShLight | None = None,
    *,
    perspective: bool = True,
) -> Rendering:
    """A picture of ``size`` (h, w) of a mesh whose colours stand at the vertices or in a texture.

    Without ``light`` the albedo itself is shown. The hard picture is differentiable to everything: inside the surface
    through the barycentrics, at outlines through `edge_gradients`; image and mask carry both.
    """
    fragments = rasterize(vertices_screen, faces, size, perspective=perspective)
    covered = (fragments.face_index >= 0)[:, None].to(vertices_screen.dtype)
    if isinstance(albedo, TexturedSurface):
        uv = interpolate_corners(albedo.uv[albedo.face_uv], fragments)
        color = sample_texture(albedo.texture, uv) * covered
    else:
        color = interpolate(albedo, faces, fragments)
    if light is not None:
        normals = unit_normals(interpolate(light.normals, faces, fragments))
        color = shade_chen2020(color, normals, light.coefficients)
    both = torch.cat((color, covered), dim=1)
    both = edge_gradients(both, vertices_screen, faces, fragments, perspective=perspective)
    return Rendering(both[:, :-1], both[:, -1:], fragments)
