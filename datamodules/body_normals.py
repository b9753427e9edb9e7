"""Normal maps of a body for one of its pictures: resized from files, or rendered from its mesh."""

import torch
from torch import Tensor

from datamodules.body_records import BodyMesh, BodyNormals
from models.rendering.view_normals import view_normals

MESH_DEPTHS = 2
"""Near and far."""


def resized_normals(normals: Tensor, mask: Tensor, size: int) -> Tensor:
    """[3, size, size] from [3, h, w]: averaged over the pixels of the mask [1, h, w] by area, unit length again; 0
    where less than half of a pixel is covered."""
    if normals.shape[-1] == size and normals.shape[-2] == size:
        return normals
    both = torch.nn.functional.interpolate(torch.cat([normals * mask, mask])[None], (size, size), mode="area")[0]
    return torch.nn.functional.normalize(both[:3], dim=0) * (both[3:] >= 0.5)


def rendered_normals(mesh: BodyMesh, view_from_body: Tensor, size: int) -> BodyNormals:
    """Front and back maps of the mesh in a view [4, 4] of size x size pixels.

    The back of a perspective picture is the far surface along its own rays.
    """
    vertices, views = mesh.vertices_cm[None], view_from_body[None]
    front = view_normals(vertices, mesh.faces, views, (size, size)).normals[0]
    far_mesh = mesh.faces
    back = view_normals(vertices, far_mesh, views, (size, size), far=True).normals[0]
    return BodyNormals(front, back)
