"""What a reconstructed body looks like: over its pictures, from all sides, as normals and as depth."""

import math

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from experiments.reconstruction.bodies.views import BodyView
from experiments.reconstruction.drawing import Drawing, Sight, look, paint
from experiments.reconstruction.overlay import LARGEST_DRAWING, draw_over, outlined, picture_of
from models.geometry.mesh import Mesh
from models.geometry.normals import vertex_normals
from models.geometry.view_cameras import HALF_EXTENT_CM, camera_axes, orthographic_views, vertices_on_screen
from models.rendering.view_normals import view_normals

SIDE = 512
TURNTABLE_SIDE = 256
TURNTABLE_FRAMES = 24
BACKGROUND = 0.12


def drawn(mesh_cm: Mesh, view_from_body: Float[Tensor, "4 4"], size: tuple[int, int]) -> Drawing:
    """A mesh of the body frame as a picture of `size` = (h, w) with this calibration shows it."""
    return paint(mesh_cm, sight_of(mesh_cm, view_from_body, size))


def sight_of(mesh_cm: Mesh, view_from_body: Float[Tensor, "4 4"], size: tuple[int, int]) -> Sight:
    screen = vertices_on_screen(view_from_body[None], mesh_cm.vertices[None], size)[0]
    normals = vertex_normals(mesh_cm.vertices[None], mesh_cm.faces)[0] @ camera_axes(view_from_body).T
    return look(mesh_cm, screen, size, normals_camera=normals)


def turned(mesh_cm: Mesh, yaw_degrees: float, side: int) -> Float[Tensor, "2 3 s s"]:
    """The mesh turned about its upright axis, before a dark background: its grey shape and its colours."""
    view = orthographic_views(torch.tensor([math.radians(yaw_degrees)]))[0]
    sight, background = sight_of(mesh_cm, view, (side, side)), torch.full((3, side, side), BACKGROUND)
    grey = Mesh(mesh_cm.vertices, mesh_cm.faces)
    return torch.stack([paint(shown, sight).over(background) for shown in (grey, mesh_cm)])


def turntable(mesh_cm: Mesh, *, frames: int = TURNTABLE_FRAMES, side: int = TURNTABLE_SIDE) -> list[Image.Image]:
    """A whole turn: grey shape on the left, colours on the right."""
    yaws = [360 * frame / frames for frame in range(frames)]
    return [picture_of(torch.cat(list(turned(mesh_cm, yaw, side)), 2)) for yaw in yaws]


def in_picture(mesh_cm: Mesh, view: BodyView) -> Float[Tensor, "v 3"]:
    """The vertices in pixels of the picture: x right, y down, and away from the camera the depth from the body's
    origin in the same scale. A right-handed frame."""
    height, width = view.person.mask.shape
    pixels = vertices_on_screen(view.view_from_body[None], mesh_cm.vertices[None], (height, width))[0]
    h = mesh_cm.vertices @ view.view_from_body[:, :3].T + view.view_from_body[:, 3]
    pixels_per_cm = float(view.view_from_body[0, :3].norm()) * width / 2
    return torch.cat([pixels[:, :2], -h[:, 2:3] * HALF_EXTENT_CM * pixels_per_cm], 1)


def silhouette(mesh_cm: Mesh, view: BodyView) -> Bool[np.ndarray, "h w"]:
    """The mesh's silhouette in the size of the picture, or of a picture reduced for drawing and enlarged."""
    height, width = view.person.mask.shape
    shrink = min(1.0, LARGEST_DRAWING / max(height, width))
    size = (max(1, round(height * shrink)), max(1, round(width * shrink)))
    covered = drawn(Mesh(mesh_cm.vertices, mesh_cm.faces), view.view_from_body, size).coverage[0] > 0.5
    return cv2.resize(covered.numpy().astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0


def overlay(view: BodyView, mesh_silhouette: Bool[np.ndarray, "h w"]) -> Image.Image:
    """The picture with the mesh's outline in green over the mask's in red, darker outside the mesh."""
    return outlined(view.person.picture, view.person.mask, mesh_silhouette)


def overlay_shape(view: BodyView, mesh_cm: Mesh) -> Image.Image:
    """The grey shape in its place in the picture."""
    points = in_picture(mesh_cm, view)
    points = torch.cat([points[:, :2], points[:, 2:] - points[:, 2].min() + 10], 1)
    return draw_over(view.person.picture, Mesh(mesh_cm.vertices, mesh_cm.faces), points)


def normal_pictures(mesh_cm: Mesh) -> dict[str, Float[Tensor, "3 s s"]]:
    """Unit normals in camera axes of the front, the back in the same picture (not mirrored), and both sides."""
    vertices, faces = mesh_cm.vertices[None], mesh_cm.faces
    front, left, right = orthographic_views(torch.tensor([0.0, -math.pi / 2, math.pi / 2]))
    size = (SIDE, SIDE)
    return {
        "front": view_normals(vertices, faces, front[None], size).normals[0],
        "back": view_normals(vertices, faces, front[None], size, far=True).normals[0],
        "left": view_normals(vertices, faces, left[None], size).normals[0],
        "right": view_normals(vertices, faces, right[None], size).normals[0],
    }


def depth_of_front(mesh_cm: Mesh) -> tuple[Float[Tensor, "1 s s"], Float[Tensor, "1 s s"]]:
    """Depth of the front towards the camera (1 = 102.4 cm before the origin) and where there is any."""
    view = orthographic_views(torch.zeros(1))
    fragments = view_normals(mesh_cm.vertices[None], mesh_cm.faces, view, (SIDE, SIDE)).fragments
    covered = (fragments.face_index >= 0).float()
    return torch.where(covered > 0, 10 - fragments.depth, 0.0), covered
