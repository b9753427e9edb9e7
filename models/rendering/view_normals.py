"""Normal maps of a body's mesh as its pictures would show them."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.geometry.normals import vertex_normals
from models.geometry.view_cameras import camera_axes, is_perspective, vertices_on_screen
from models.rendering.fragments import Fragments
from models.rendering.interpolate import interpolate
from models.rendering.lighting import unit_normals
from models.rendering.rasterize import rasterize


class NormalView(NamedTuple):
    """What a camera sees of a mesh."""

    normals: Float[Tensor, "b 3 h w"]
    """Unit length, x right, y up, z towards the camera; 0 where nothing is seen."""
    covered: Bool[Tensor, "b h w"]
    fragments: Fragments


def view_normals(
    vertices_cm: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    view_from_body: Float[Tensor, "b 4 4"],
    size: tuple[int, int],
    *,
    far: bool = False,
) -> NormalView:
    """Smooth normals of the nearest surface, or with `far` of the farthest one in the same picture (PIFuHD's back map,
    whose z is negative on most pixels). Differentiable in the vertices, but not at outlines."""
    screen = vertices_on_screen(view_from_body, vertices_cm, size)
    perspective = is_perspective(view_from_body)
    if far:
        if perspective:
            raise ValueError("Far normals of a perspective view were asked for: use a parallel view.")
        screen = torch.cat([screen[..., :2], 20 - screen[..., 2:]], -1)
    fragments = rasterize(screen, faces, size, perspective=perspective)
    normals = vertex_normals(vertices_cm, faces) @ camera_axes(view_from_body).mT
    return NormalView(unit_normals(interpolate(normals, faces, fragments)), fragments.face_index >= 0, fragments)
