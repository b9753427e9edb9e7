"""Encode, deform, render: a picture of a face explained by a morphable model (Chen et al., TIP 2020, coarse stage)."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.faces.encoder import FaceEncoder
from models.faces.landmark_encoder import LandmarkEncoder
from models.faces.parameters import FaceParameters
from models.geometry.cameras import project_scaled_orthographic
from models.geometry.normals import vertex_normals
from models.geometry.rotations import rotation_from_face_angles
from models.morphable.linear import MorphableModel
from models.rendering.fragments import Fragments
from models.rendering.interpolate import interpolate
from models.rendering.lighting import shade_chen2020, unit_normals
from models.rendering.rasterize import rasterize


class FaceGeometry(NamedTuple):
    """Where the face is, for one picture size. Differentiable in the parameters."""

    vertices_mm: Float[Tensor, "b v 3"]
    """In the model's own frame."""
    rotation: Float[Tensor, "b 3 3"]
    """Model to camera."""
    vertices_screen: Float[Tensor, "b v 3"]
    landmarks: Float[Tensor, "b 68 2"]
    """iBUG points in pixels; those of the jaw slide to the visible outline."""


class FaceRendering(NamedTuple):
    """What the face looks like, for one picture size."""

    image: Float[Tensor, "b 3 h w"]
    """The lit face in [0, 1], 0 outside it. Differentiable."""
    albedo: Float[Tensor, "b 3 h w"]
    normals: Float[Tensor, "b 3 h w"]
    """Unit normals in the camera frame, 0 outside."""
    skin: Float[Tensor, "b 1 h w"]
    """1 where the model shows skin, brows, nose or lips; 0 on eyes and outside. Not differentiable."""
    fragments: Fragments


class FaceReconstructor(nn.Module):
    """A face encoder, a morphable model and the renderer between them.

    Args:
        face_model: turns coefficients into vertices, colours and landmarks.
        encoder: turns pictures into parameters.
    """

    def __init__(self, face_model: MorphableModel, encoder: FaceEncoder | LandmarkEncoder) -> None:
        super().__init__()
        self.face_model = face_model
        self.encoder = encoder

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> FaceParameters:
        """Encode: the parameters of the faces in pictures in [0, 1]."""
        return self.encoder(images)

    def deform(self, parameters: FaceParameters, side: int) -> FaceGeometry:
        """Deform: the morphable model in the pose of the picture, whose side has `side` pixels."""
        vertices_mm = self.face_model.vertices_mm(parameters.identity, parameters.expression)
        rotation = rotation_from_face_angles(parameters.pose[:, :3])
        landmarks_mm = self.face_model.sliding_landmarks_mm(vertices_mm, rotation.detach())
        return FaceGeometry(
            vertices_mm,
            rotation,
            project_scaled_orthographic(vertices_mm, parameters.pose, side),
            project_scaled_orthographic(landmarks_mm, parameters.pose, side)[..., :2],
        )

    def render(self, parameters: FaceParameters, geometry: FaceGeometry, side: int) -> FaceRendering:
        """Render: the lit face. `geometry` must have been made for the same side."""
        faces = self.face_model.faces
        fragments = rasterize(geometry.vertices_screen, faces, (side, side), perspective=False)
        albedo = self.face_model.albedo(parameters.albedo)
        attributes = torch.cat([screen_normals(geometry.vertices_screen, faces), albedo], -1)
        planes = interpolate(attributes, faces, fragments)
        normals = unit_normals(planes[:, :3])
        image = shade_chen2020(planes[:, 3:], normals, parameters.light)
        with torch.no_grad():
            regions = self.face_model.regions
            weight = (regions.face * (1 - regions.eyes))[:, None]
            skin = (interpolate(weight, faces, fragments) > 0.5).to(image)
        return FaceRendering(image, planes[:, 3:], normals, skin, fragments)


def screen_normals(vertices_screen: Float[Tensor, "b v 3"], faces: Tensor) -> Float[Tensor, "b v 3"]:
    """Unit vertex normals in the camera frame (y up, z to the camera) of vertices whose depth is in pixels as well."""
    flip = vertices_screen.new_tensor([1, -1, -1])
    return vertex_normals(vertices_screen * flip, faces)


def paste(rendering: FaceRendering, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """The rendered face over the photograph."""
    return torch.where(rendering.fragments.face_index[:, None] >= 0, rendering.image, image)
