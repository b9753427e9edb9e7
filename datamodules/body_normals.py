"""Normal maps of a body for one of its pictures: resized from files, or rendered from its mesh."""

import torch
from torch import Tensor

from datamodules.body_records import BodyMesh, BodyNormals
from models.geometry.normals import vertex_normals
from models.geometry.view_cameras import camera_axes, vertices_on_screen
from models.rendering.interpolate import interpolate
from models.rendering.lighting import unit_normals
from models.rendering.rasterize import rasterize
from models.rendering.view_normals import view_normals


def resized_normals(normals: Tensor, mask: Tensor, size: int) -> Tensor:
    """[3, size, size] from [3, h, w]: averaged over the pixels of the mask [1, h, w] by area, unit length again; 0
    where less than half of a pixel is covered."""
    if normals.shape[-1] == size and normals.shape[-2] == size:
        return normals
    both = torch.nn.functional.interpolate(torch.cat([normals * mask, mask])[None], (size, size), mode="area")[0]
    return torch.nn.functional.normalize(both[:3], dim=0) * (both[3:] >= 0.5)


def rendered_normals(mesh: BodyMesh, view_from_body: Tensor, size: int) -> BodyNormals:
    """Front and back maps of the mesh in a view [4, 4] of size x size pixels, parallel or perspective."""
    vertices, views = mesh.vertices_cm[None], view_from_body[None]
    front = view_normals(vertices, mesh.faces, views, (size, size)).normals[0]
    screen = vertices_on_screen(views, vertices, (size, size))
    # the farthest surface is the nearest one when depths are turned round; faces of a body are too small for the
    # difference between affine and perspective interpolation
    turned = torch.cat([screen[..., :2], 2 * screen[..., 2:].amax() - screen[..., 2:]], -1)
    fragments = rasterize(turned, mesh.faces, (size, size))
    normals = vertex_normals(vertices, mesh.faces) @ camera_axes(views).mT
    back = unit_normals(interpolate(normals, mesh.faces, fragments))[0]
    return BodyNormals(front, back)
