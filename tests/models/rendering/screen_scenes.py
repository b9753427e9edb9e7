"""Vertices on the screen for the rasterizer's tests."""

import torch
from torch import Tensor

from models.geometry.primitives import icosphere, torus


def triangle_soup(
    generator: torch.Generator, *, batch: int = 2, vertices: int = 40, faces: int = 60, behind: bool = False
) -> tuple[Tensor, Tensor]:
    """Random triangles around a picture of 33 x 44 pixels, no two with the same three corners."""
    screen = torch.rand(batch, vertices, 3, generator=generator) * torch.tensor([70.0, 55.0, 2.0])
    screen += torch.tensor([-13.0, -11.0, -0.7 if behind else 0.5])
    chosen = torch.stack([torch.randperm(vertices, generator=generator)[:3].sort().values for _ in range(faces)])
    corners = torch.unique(chosen, dim=0)
    mirrored = torch.rand(len(corners), generator=generator) < 0.5
    corners[mirrored] = corners[mirrored][:, [0, 2, 1]]
    return screen, corners


def pinhole(points_camera: Tensor, focal_px: float, size: tuple[int, int]) -> Tensor:
    """Camera space (x right, y down, z forward) to the screen, with the signed division behind the camera."""
    x, y, z = points_camera.unbind(-1)
    return torch.stack([focal_px * x / z + size[1] / 2, focal_px * y / z + size[0] / 2, z], -1)


def sphere_on_screen(size: tuple[int, int], subdivisions: int = 3, distance: float = 3.0) -> tuple[Tensor, Tensor]:
    """A unit sphere before the camera, [1 v 3] and faces that are counter-clockwise seen from outside."""
    return _on_screen(icosphere(subdivisions), size, distance)


def torus_on_screen(size: tuple[int, int], distance: float = 3.0) -> tuple[Tensor, Tensor]:
    return _on_screen(torus(24, 36), size, distance)


def _on_screen(mesh, size, distance):
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(3)))[0]
    turn = turn * torch.linalg.det(turn)
    points = mesh.vertices.float() @ turn.T
    points = points * torch.tensor([1.0, -1.0, -1.0]) + torch.tensor([0.0, 0.0, distance])  # y down, z forward
    return pinhole(points, min(size) * distance / 2.6, size)[None], mesh.faces
