"""Everything that a reconstruction hands to its user, computed; `saving` writes it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from experiments.reconstruction.drawing import draw
from experiments.reconstruction.faces.camera import parameter_values
from experiments.reconstruction.faces.displacement import DisplacementMap, displacement_map, tangent_normals
from experiments.reconstruction.faces.explanation import ExplainedFace
from experiments.reconstruction.faces.overlay import draw_on_photo, with_landmarks
from experiments.reconstruction.faces.photos import FaceInPhoto
from experiments.reconstruction.faces.strip import strip
from experiments.reconstruction.faces.texture import FaceTexture, photo_texture
from experiments.reconstruction.overlay import normal_picture, picture_of
from experiments.reconstruction.turntable import turntable
from metrics.scans import NOW_LANDMARKS
from models.faces.dense_mesh import dense_mesh
from models.geometry.cameras import project_scaled_orthographic
from models.geometry.mesh import Mesh

MM = 1000.0


@dataclass(frozen=True)
class FaceOutputs:
    """One face's meshes, maps, pictures and numbers."""

    coarse: Mesh
    fine: Mesh | None
    """The displaced dense mesh of a detailed run."""
    neutral: Mesh
    """The coarse mesh without expression, which scans of neutral faces are compared with."""
    neutral_landmarks: Float[Tensor, "7 3"]
    """Of the neutral mesh, in the order that `metrics.scans` wants; metres."""
    texture: FaceTexture
    displacement: DisplacementMap | None
    pictures: dict[str, Image.Image]
    """File name without suffix -> picture."""
    turntable: list[Image.Image]
    landmarks: Float[Tensor, "68 2"]
    """Predicted points in pixels of the photograph."""
    values: dict[str, Any]
    """Parameters and camera."""

    @property
    def best(self) -> Mesh:
        return self.coarse if self.fine is None else self.fine


def coarse_mesh(face: ExplainedFace, texture: Float[Tensor, "3 t t"] | None) -> Mesh:
    """The morphable model's mesh in its own frame, metres."""
    model = face.face_model
    return Mesh(face.geometry.vertices_mm[0] / MM, model.faces, model.uv, model.face_uv, texture)


def fine_mesh(face: ExplainedFace, texture: Float[Tensor, "3 t t"] | None) -> Mesh | None:
    """The displaced UV-grid mesh in the same frame, metres; None for a coarse run."""
    if face.surface is None or face.networks.detail is None:
        return None
    detail = face.networks.detail
    return dense_mesh(face.surface.positions_mm[0], detail.valid, texture, detail.corner_ids(face.face_model))


def neutral_mesh(face: ExplainedFace) -> tuple[Mesh, Float[Tensor, "7 3"]]:
    """The person without expression, and the seven landmarks of the NoW evaluation on it; metres."""
    model, parameters = face.face_model, face.parameters.neutral()
    vertices_mm = model.vertices_mm(parameters.identity, parameters.expression)
    landmarks_mm = model.landmarks_mm(vertices_mm)[0, list(NOW_LANDMARKS)]
    return Mesh(vertices_mm[0] / MM, model.faces), landmarks_mm / MM


def on_screen(face: ExplainedFace, mesh: Mesh) -> Float[Tensor, "v 3"]:
    """A mesh's vertices on the crop's screen, in the pose of the photograph."""
    return project_scaled_orthographic(mesh.vertices[None] * MM, face.parameters.pose, face.size)[0]


@torch.no_grad()
def face_outputs(face: ExplainedFace, found: FaceInPhoto, *, texture_size: int = 512) -> FaceOutputs:
    """Composes meshes, texture, displacement, pictures and numbers of one explained face."""
    texture = photo_texture(face, found, texture_size)
    coarse, fine = coarse_mesh(face, texture.image), fine_mesh(face, texture.image)
    best = coarse if fine is None else fine
    landmarks = face.in_photo(face.geometry.landmarks[0])
    neutral, neutral_landmarks = neutral_mesh(face)
    pictures = reconstruction_pictures(face, found, coarse, fine, landmarks)
    turning = turntable(best)
    pictures["strip"] = strip(found.photo, found.crop, pictures, turning)
    return FaceOutputs(
        coarse,
        fine,
        neutral,
        neutral_landmarks,
        texture,
        displacement_map(face),
        pictures,
        turning,
        landmarks,
        parameter_values(face, found),
    )


def reconstruction_pictures(
    face: ExplainedFace, found: FaceInPhoto, coarse: Mesh, fine: Mesh | None, landmarks: Float[Tensor, "68 2"]
) -> dict[str, Image.Image]:
    """Pictures in the photograph's frame, and the maps in UV."""
    best = coarse if fine is None else fine
    albedo = face.face_model.albedo(face.parameters.albedo)[0].clamp(0, 1)
    painted = Mesh(coarse.vertices, coarse.faces, vertex_colors=albedo)
    screen, coarse_screen = on_screen(face, best), on_screen(face, coarse)
    photo = found.photo
    normals = draw(Mesh(best.vertices, best.faces), screen * (512 / face.size), (512, 512)).normals
    pictures = {
        "overlay": draw_on_photo(photo, face, painted, coarse_screen, light=face.parameters.light[0]),
        "overlay_shape": draw_on_photo(photo, face, Mesh(best.vertices, best.faces), screen),
        "overlay_coarse_shape": draw_on_photo(photo, face, Mesh(coarse.vertices, coarse.faces), coarse_screen),
        "landmarks": with_landmarks(photo, landmarks, found.landmarks),
        "normals_camera": picture_of(normal_picture(normals)),
    }
    tangent = tangent_normals(face)
    if tangent is not None:
        pictures["normal_map_tangent"] = picture_of((tangent + 1) / 2)
    return pictures


def landmark_rows(landmarks: Float[Tensor, "68 2"]) -> np.ndarray:
    return landmarks.double().cpu().numpy()
