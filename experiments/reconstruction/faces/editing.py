"""One face with the expression, or in the light, of another."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate as resize
from torch.nn.functional import normalize

from experiments.reconstruction.faces.explanation import ExplainedFace, with_parameters
from models.faces.reconstructor import screen_normals
from models.rendering.lighting import shade_chen2020
from models.rendering.textures import to_uv, uv_rasterization

DARKEST = 0.05
LARGEST_CHANGE = 4.0


def with_expression_of(face: ExplainedFace, other: ExplainedFace) -> ExplainedFace:
    """Identity, wrinkles, pose and light of one face, expression of the other."""
    return with_parameters(face, face.parameters._replace(expression=other.parameters.expression))


@torch.no_grad()
def relit_texture(
    face: ExplainedFace, texture: Float[Tensor, "3 t t"], light: Float[Tensor, "1 9 3"]
) -> Float[Tensor, "3 t t"]:
    """A texture that was photographed in the face's own light, as it would look in another light.

    Each texel is multiplied by the ratio of the two shadings of its detailed normal (ratio images, Shashua and
    Riklin-Raviv 2001), so that wrinkles and pores of the photograph stay.
    """
    size = texture.shape[1]
    normals = detailed_normals_camera(face, size)
    white = torch.ones_like(normals)
    before = shade_chen2020(white, normals, face.parameters.light).clamp_min(DARKEST)
    after = shade_chen2020(white, normals, light).clamp_min(DARKEST)
    return (texture * (after / before)[0].clamp(1 / LARGEST_CHANGE, LARGEST_CHANGE)).clamp(0, 1)


def detailed_normals_camera(face: ExplainedFace, size: int) -> Float[Tensor, "1 3 t t"]:
    """Normals of the detailed surface where there is one, else of the coarse one, in UV and in the camera's frame."""
    model = face.face_model
    if face.surface is not None:
        turned = torch.einsum("bij,bjhw->bihw", face.geometry.rotation, face.surface.normals)
        return normalize(resize(turned, (size, size), mode="bilinear", align_corners=False), dim=1)
    grid = uv_rasterization(model.uv, model.face_uv, (size, size))
    return normalize(to_uv(screen_normals(face.geometry.vertices_screen, model.faces), model.faces, grid), dim=1)
