"""Pictures and meshes of reconstructed faces for people to look at."""

import torch
from jaxtyping import Float
from torch import Tensor

from models.faces.detail import DetailedRendering
from models.faces.reconstructor import FaceGeometry, FaceRendering, paste
from models.geometry.mesh import Mesh
from models.morphable.linear import MorphableModel
from models.rendering.lighting import shade_chen2020

GREY = 0.75


def studio_light(count: int, like: Tensor) -> Float[Tensor, "b 9 3"]:
    """White light from the upper right, so that relief shows; for `shade_chen2020`."""
    light = like.new_zeros(count, 9, 3)
    light[:, 0], light[:, 1], light[:, 2], light[:, 3] = 1.3, 0.75, 0.55, 0.5
    return light


def grey_shape(normals: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """The shape in grey plaster under the studio light, black outside."""
    covered = (normals.square().sum(1, keepdim=True) > 0).to(normals)
    return shade_chen2020(GREY * torch.ones_like(normals), normals, studio_light(len(normals), normals)) * covered


def with_points(
    images: Float[Tensor, "b 3 h w"], points: Float[Tensor, "b p 2"], color: tuple[float, float, float]
) -> Float[Tensor, "b 3 h w"]:
    """Pictures with one coloured pixel at each point; points outside are left out."""
    drawn = images.clone()
    height, width = images.shape[-2:]
    columns, rows = points.detach().floor().long().unbind(-1)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    picture = torch.arange(len(images), device=images.device)[:, None].expand_as(columns)[inside]
    drawn[picture, :, rows[inside], columns[inside]] = drawn.new_tensor(color)
    return drawn


def coarse_panel(
    images: Float[Tensor, "b 3 h w"],
    landmarks: Float[Tensor, "b 68 2"],
    geometry: FaceGeometry,
    rendering: FaceRendering,
) -> Float[Tensor, "b 3 h w4"]:
    """Picture | given (red) and found (green) points | rendering over the picture | grey shape."""
    points = with_points(with_points(images, landmarks, (1.0, 0.0, 0.0)), geometry.landmarks, (0.0, 1.0, 0.0))
    return torch.cat([images, points, paste(rendering, images), grey_shape(rendering.normals)], -1)


def normal_colors(normals: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Normals as colours, x red, y green, z blue, -1..1 to 0..1; black outside."""
    covered = (normals.square().sum(1, keepdim=True) > 0).to(normals)
    return (normals + 1) / 2 * covered


def face_mesh(
    face_model: MorphableModel,
    vertices_mm: Float[Tensor, "v 3"],
    albedo: Float[Tensor, "v 3"] | None = None,
    texture: Float[Tensor, "3 s t"] | None = None,
) -> Mesh:
    """A face in metres with the model's UV, and vertex colours or a texture."""
    return Mesh(
        (vertices_mm / 1000).detach().cpu(),
        face_model.faces.cpu(),
        face_model.uv.cpu(),
        face_model.face_uv.cpu(),
        None if texture is None else texture.detach().cpu(),
        None if albedo is None else albedo.clamp(0, 1).detach().cpu(),
    )


def detail_panel(
    images: Float[Tensor, "b 3 h w"], coarse: FaceRendering, detailed: DetailedRendering
) -> Float[Tensor, "b 3 h w4"]:
    """Picture | coarse grey shape | detailed grey shape | detailed rendering over the picture."""
    covered = coarse.fragments.face_index[:, None] >= 0
    pasted = torch.where(covered, detailed.image, images)
    return torch.cat([images, grey_shape(coarse.normals), grey_shape(detailed.normals), pasted], -1)
