"""One face with the expression, or in the light, of another, or of one's own choice."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate as resize
from torch.nn.functional import normalize

from experiments.reconstruction.faces.explanation import ExplainedFace, with_parameters
from models.faces.parameters import FaceParameters
from models.faces.reconstructor import screen_normals
from models.geometry.rotations import rotation_about_y
from models.morphable.linear import MorphableModel
from models.rendering.lighting import shade_chen2020, spherical_harmonics_chen2020
from models.rendering.textures import to_uv, uv_rasterization

DARKEST = 0.05
LARGEST_CHANGE = 4.0
DIRECTIONS = 64
"""In which a light is looked at to turn it; nine would do if they lay well."""


def with_expression_of(face: ExplainedFace, other: ExplainedFace) -> ExplainedFace:
    """Identity, wrinkles, pose and light of one face, expression of the other."""
    return with_parameters(face, face.parameters._replace(expression=other.parameters.expression))


def with_weights(
    model: MorphableModel, expression: Float[Tensor, "1 k"], weights: Mapping[str, float]
) -> Float[Tensor, "1 k"]:
    """An expression with named blendshapes added to it, weights 0 to 1; the model must have those that are named."""
    if not weights:
        return expression
    all_weights = expression.new_tensor([[weights.get(name, 0.0) for name in model.blendshape_names]])
    return expression + model.expression_from_blendshapes(all_weights)


def posed(parameters: FaceParameters, yaw_degrees: float, pitch_degrees: float) -> FaceParameters:
    """The head turned farther than in its photograph."""
    turn = torch.tensor([[pitch_degrees, yaw_degrees, 0.0, 0.0, 0.0, 0.0]]).deg2rad()
    return parameters._replace(pose=parameters.pose + turn.to(parameters.pose))


def turned_light(light: Float[Tensor, "1 9 3"], degrees: float) -> Float[Tensor, "1 9 3"]:
    """The same lamps after a turn about the upright axis; a lamp in front comes from +x, the picture's right, at 90.

    Exact: the polynomials of second degree are closed under rotations, so that the coefficients that reproduce the
    turned light in enough directions reproduce it in all.
    """
    if degrees % 360 == 0:
        return light
    steps = torch.arange(DIRECTIONS, dtype=torch.float64) + 0.5
    height, around = 1 - 2 * steps / DIRECTIONS, math.pi * (1 + math.sqrt(5)) * steps
    flat = (1 - height.square()).sqrt()
    directions = torch.stack([flat * around.cos(), height, flat * around.sin()], 1)
    turn = rotation_about_y(torch.tensor([math.radians(degrees)], dtype=torch.float64))[0]
    before, after = (
        spherical_harmonics_chen2020(each.T[None, :, None])[0, :, 0].T for each in (directions, directions @ turn.T)
    )
    return torch.linalg.lstsq(after, before @ light[0].double()).solution[None].to(light)


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
