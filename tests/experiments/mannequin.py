"""A person of ellipsoids who looks different from every side, and pictures of them with exact calibrations.

Front red, back blue, the left arm (the viewer's right) green and raised, the right one yellow and hanging.
"""

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from experiments.reconstruction.bodies.pictures import drawn
from models.geometry.mesh import Mesh
from models.geometry.primitives import icosphere
from models.geometry.view_cameras import orthographic_views

FRONT, BACK, LEFT_ARM, RIGHT_ARM = (0.8, 0.15, 0.1), (0.1, 0.2, 0.8), (0.1, 0.6, 0.15), (0.8, 0.7, 0.1)
PARTS = (  # centre and radii in centimetres, colour (None: by side)
    ((0, 78, 0), (9, 12, 10), None),
    ((0, 34, 0), (19, 38, 11), None),
    ((9, -42, 0), (9, 48, 9), None),
    ((-9, -42, 0), (9, 48, 9), None),
    ((36, 56, 0), (28, 7, 7), LEFT_ARM),
    ((-24, 28, 0), (7, 32, 7), RIGHT_ARM),
)


def mannequin() -> Mesh:
    """In the body frame, 180 cm tall; the parts overlap."""
    ball = icosphere(3)
    vertices, faces, colours = [], [], []
    for centre, radii, colour in PARTS:
        faces.append(ball.faces + sum(len(each) for each in vertices))
        vertices.append(ball.vertices * torch.tensor(radii).float() + torch.tensor(centre).float())
        front = ball.vertices[:, 2:] > 0
        by_side = torch.where(front, torch.tensor(FRONT), torch.tensor(BACK))
        colours.append(by_side if colour is None else torch.tensor(colour).expand(len(ball.vertices), 3))
    return Mesh(torch.cat(vertices), torch.cat(faces), vertex_colors=torch.cat(colours))


def photograph(view_from_body: Tensor, size: tuple[int, int], background: np.ndarray | None = None) -> Image.Image:
    """[h, w] picture of the mannequin; without a background it is transparent there."""
    drawing = drawn(mannequin(), view_from_body, size)
    coverage = drawing.coverage
    if background is None:
        layers = torch.cat([drawing.image / coverage.clamp_min(1e-3), coverage])
    else:
        layers = drawing.over(torch.from_numpy(background).permute(2, 0, 1).float())
    return Image.fromarray((layers.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy())


def turned_photographs(folder: Path, yaws: tuple[int, ...] = (0, 90, 180, 270), side: int = 200) -> list[Path]:
    """Transparent pictures of the mannequin turned by degrees, as folder/YAW.png."""
    paths = []
    for yaw in yaws:
        view = orthographic_views(torch.tensor([math.radians(yaw)]))[0]
        paths.append(folder / f"{yaw}.png")
        photograph(view, (side, side)).save(paths[-1])
    return paths


def pinhole(yaw: float, *, distance: float = 4.0, size: tuple[int, int] = (300, 400), roll_sign: float = 1.0) -> Tensor:
    """[3, 4] camera at a distance in metres around a person who stands on the ground of a z-up world at (1, 2), and is
    1.8 m tall; at yaw 0 it looks at their front, which is the world's −y."""
    height, width = size
    c, s = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    # the camera walks to the person's right as they seem to turn to the picture's right
    away = torch.tensor([-s, -c, 0.0], dtype=torch.float64)
    centre = torch.tensor([1.0, 2.0, 0.9], dtype=torch.float64) + distance * away
    right = torch.tensor([c, -s, 0.0], dtype=torch.float64)
    down = torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64)
    rotation = torch.stack([right, down, -away])
    focal = 0.8 * height * distance / 1.8
    intrinsics = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=torch.float64)
    return roll_sign * intrinsics @ torch.cat([rotation, (-rotation @ centre)[:, None]], 1)


def world_from_mannequin() -> Tensor:
    """[4, 4] the person's place in the world of `pinhole`: metres, z up, front along −y."""
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[:3, :3] = 0.01 * torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=torch.float64)
    matrix[:3, 3] = torch.tensor([1.0, 2.0, 0.9])
    return matrix
