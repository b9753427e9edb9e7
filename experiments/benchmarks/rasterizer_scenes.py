"""Three scenes that stand for what the suite draws: a clothing template, a face and a body. Deterministic, no files."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.geometry.primitives import icosphere, uv_sphere


class RasterizerScene(NamedTuple):
    name: str
    vertices_screen: Float[Tensor, "b v 3"]
    faces: Int[Tensor, "f 3"]
    size: tuple[int, int]

    def describe(self) -> str:
        b, v, _ = self.vertices_screen.shape
        h, w = self.size
        return f"{self.name}: {v} vertices, {len(self.faces)} faces, {h}x{w}, batch {b}"


def rasterizer_scenes(device: str = "cpu") -> list[RasterizerScene]:
    return [
        _scene("clothing", *_ellipsoid(), 16, 128, device),
        _scene("face", *_bumpy_head(), 8, 224, device),
        _scene("body", *_limbs(), 1, 512, device),
    ]


def _ellipsoid() -> tuple[Tensor, Tensor]:
    mesh = icosphere(3)
    return mesh.vertices.float() * torch.tensor([0.6, 0.9, 0.5]), mesh.faces


def _bumpy_head() -> tuple[Tensor, Tensor]:
    """About 35 000 vertices: triangles smaller than a pixel, as in a scanned face model."""
    mesh = uv_sphere(187, 187)
    points = mesh.vertices.float()
    bumps = 1 + 0.03 * torch.sin(7 * torch.atan2(points[:, 0], points[:, 2])) * torch.sin(9 * points[:, 1].acos())
    return points * bumps[:, None] * torch.tensor([0.75, 1.0, 0.8]), mesh.faces


def _limbs() -> tuple[Tensor, Tensor]:
    """About 100 000 triangles on six ellipsoids that hide one another."""
    part = uv_sphere(92, 92)
    centres_and_radii = [
        ((0.0, 0.1, 0.0), (0.22, 0.38, 0.14)),
        ((0.0, 0.65, 0.0), (0.12, 0.15, 0.13)),
        ((-0.33, 0.15, 0.05), (0.07, 0.4, 0.07)),
        ((0.33, 0.15, -0.05), (0.07, 0.4, 0.07)),
        ((-0.11, -0.55, 0.0), (0.1, 0.45, 0.1)),
        ((0.11, -0.55, 0.03), (0.1, 0.45, 0.1)),
    ]
    vertices = [part.vertices.float() * torch.tensor(r) + torch.tensor(c) for c, r in centres_and_radii]
    faces = [part.faces + k * len(part.vertices) for k in range(len(vertices))]
    return torch.cat(vertices), torch.cat(faces)


def _scene(name: str, points: Tensor, faces: Tensor, batch: int, side: int, device: str) -> RasterizerScene:
    """A different view for each picture of the batch, through a pinhole of 2.2 half pictures at distance 2.7."""
    views = []
    for picture in range(batch):
        azimuth, elevation = 0.3 * picture + 0.137, 0.1 * picture - 0.053
        ca, sa, ce, se = math.cos(azimuth), math.sin(azimuth), math.cos(elevation), math.sin(elevation)
        turn = torch.tensor([[1, 0, 0], [0, ce, -se], [0, se, ce]]) @ torch.tensor(
            [[ca, 0, sa], [0, 1, 0], [-sa, 0, ca]]
        )
        x, y, z = (points @ turn.T).unbind(1)
        depth = 2.7 - z
        views.append(torch.stack([side / 2 * (1 + 2.2 * x / depth), side / 2 * (1 - 2.2 * y / depth), depth], 1))
    return RasterizerScene(name, torch.stack(views).to(device), faces.to(device), (side, side))
