"""The reconstructed head turning to both sides, grey shape beside texture."""

import math

import torch
from PIL import Image

from experiments.reconstruction.drawing import look, paint
from experiments.reconstruction.overlay import picture_of
from models.geometry.mesh import Mesh
from models.geometry.rotations import rotation_about_y

LARGEST_YAW_DEGREES = 60.0
FRAME_MILLISECONDS = 70
BACKGROUND = 0.12
MARGIN = 1.12


def turntable(mesh: Mesh, *, frames: int = 13, size: int = 256) -> list[Image.Image]:
    """Pictures of a mesh in metres from -60° to +60° of yaw and back: grey on the left, its colours on the right."""
    grey = Mesh(mesh.vertices, mesh.faces)
    centre = (mesh.vertices.amax(0) + mesh.vertices.amin(0)) / 2
    points = mesh.vertices - centre
    scale = size / (MARGIN * float(points.norm(dim=1).max()) * 2)
    there = []
    for step in range(frames):
        yaw = math.radians(LARGEST_YAW_DEGREES * (2 * step / max(frames - 1, 1) - 1))
        turned = points @ rotation_about_y(torch.tensor([yaw]).to(points))[0].T * scale
        x, y, z = turned.unbind(1)
        screen = torch.stack([size / 2 + x, size / 2 - y, 2 * size - z], 1)
        background = points.new_full((3, size, size), BACKGROUND)
        sight = look(mesh, screen, (size, size))
        views = [paint(shown, sight).over(background) for shown in (grey, mesh)]
        there.append(picture_of(torch.cat(views, dim=2)))
    return there + there[-2:0:-1]
