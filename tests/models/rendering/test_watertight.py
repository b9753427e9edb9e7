"""Neighbours share no pixel and leave none out."""

import math

import pytest
import torch
from scipy.spatial import Delaunay
from torch import Tensor

from models.geometry.primitives import quad_grid
from models.rendering.rasterize import rasterize


def plane(points: Tensor, faces: Tensor, depth: float = 2.0) -> tuple[Tensor, Tensor]:
    return torch.cat([points, torch.full((len(points), 1), depth)], 1)[None].float(), faces


def coverage_one_by_one(screen: Tensor, faces: Tensor, size: tuple[int, int], perspective: bool = True) -> Tensor:
    """How many triangles take each pixel when each is drawn alone."""
    alone = [rasterize(screen, face[None], size, perspective=perspective).face_index[0] >= 0 for face in faces]
    return torch.stack(alone).sum(0)


def on_an_edge(screen: Tensor, faces: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixels whose centre lies exactly on an edge of some triangle (vertices on a grid of 1/8 px: exact arithmetic)."""
    y, x = torch.meshgrid(torch.arange(size[0]).double() + 0.5, torch.arange(size[1]).double() + 0.5, indexing="ij")
    exact = torch.zeros(size, dtype=torch.bool)
    for corners in screen[0].double()[faces]:
        for i in range(3):
            (ax, ay, _), (bx, by, _) = corners[i].tolist(), corners[(i + 1) % 3].tolist()
            across = (x - ax) * (by - ay) - (y - ay) * (bx - ax)
            along = (x - ax) * (bx - ax) + (y - ay) * (by - ay)
            exact |= (across == 0) & (along >= 0) & (along <= (bx - ax) ** 2 + (by - ay) ** 2)
    return exact


@pytest.mark.parametrize("perspective", [True, False])
def test_a_quad_through_pixel_centres_has_no_hole(perspective: bool) -> None:
    corners = torch.tensor([[4.0, 4.0], [4.0, 12.0], [12.0, 12.0], [12.0, 4.0]])
    screen, faces = plane(corners, torch.tensor([[0, 1, 2], [0, 2, 3]]))
    for backend in ("native", "reference"):
        covered = rasterize(screen, faces, (16, 16), perspective=perspective, backend=backend).face_index[0] >= 0
        assert int(covered.sum()) == 64
        assert bool(covered[4:12, 4:12].all())
    twice = coverage_one_by_one(screen, faces, (16, 16), perspective) == 2
    assert torch.equal(twice, torch.eye(16).bool() & covered)  # the diagonal belongs to both, so to the lower index
    seen = rasterize(screen, faces, (16, 16)).face_index[0]
    assert (seen[twice] == 0).all()


def test_a_random_triangulation_covers_every_pixel_once() -> None:
    generator = torch.Generator().manual_seed(0)
    size = (40, 56)
    for _ in range(3):
        points = (torch.rand(60, 2, generator=generator) * torch.tensor([60.0, 44.0]) * 8).round() / 8 - 2
        frame = torch.tensor([[-3.0, -3.0], [-3.0, 43.0], [59.0, 43.0], [59.0, -3.0]])
        points = torch.cat([torch.unique(points, dim=0), frame])
        screen, faces = plane(points, torch.from_numpy(Delaunay(points.numpy()).simplices).long())
        assert (rasterize(screen, faces, size).face_index >= 0).all()
        count = coverage_one_by_one(screen, faces, size)
        shared = on_an_edge(screen, faces, size)
        assert (count[~shared] == 1).all()
        assert (count[shared] >= 1).all()


@pytest.mark.parametrize(
    ("n", "jitter", "turn"), [(17, 0.0, 0.0), (65, 0.0, math.pi / 4), (101, 0.5, 0.3), (40, 0.5, 0.1)]
)
def test_fine_turned_grids_leave_no_hole(n: int, jitter: float, turn: float) -> None:
    generator = torch.Generator().manual_seed(1)
    mesh = quad_grid(n, n)
    points = (mesh.vertices[:, :2] - mesh.vertices[:, :2].mean(0)) / mesh.vertices[:, 0].abs().max()
    points = points + (torch.rand(points.shape, generator=generator) - 0.5) * jitter * 2 / n
    rotation = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    for depth in (torch.full((len(points), 1), 2.0), 2 + torch.rand(len(points), 1, generator=generator)):
        screen = torch.cat([points @ rotation.T * 600 + 128, depth], 1)[None].float()
        for perspective in (True, False):
            assert (rasterize(screen, mesh.faces, (256, 256), perspective=perspective).face_index >= 0).all()


def test_long_thin_neighbours_leave_no_hole() -> None:
    """A fan of slivers from a far corner: the rows narrowed to the triangles must keep their margin for rounding."""
    generator = torch.Generator().manual_seed(2)
    size = (300, 300)
    for apex in ([-5.0, 150.3], [150.2, -4000.0], [9000.0, 8000.0], [-300.0, -0.25]):
        angle = torch.linspace(0, 2 * math.pi, 241)[:-1] + torch.rand(240, generator=generator) * 0.02
        rim = torch.tensor([150.0, 150.0]) + 30000 * torch.stack([angle.cos(), angle.sin()], 1)
        points = torch.cat([torch.tensor([apex]), rim])
        index = torch.arange(240)
        faces = torch.stack([torch.zeros_like(index), index + 1, (index + 1) % 240 + 1], 1)
        screen, _ = plane(points, faces)
        assert (rasterize(screen, faces, size).face_index >= 0).all()
