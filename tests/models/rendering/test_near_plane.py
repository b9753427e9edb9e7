"""Triangles through the camera's plane: the visible piece is drawn, whole and nothing else."""

import torch
from torch import Tensor

from models.rendering.barycentrics import barycentrics_and_depth
from models.rendering.near_plane import visible_bounds
from models.rendering.rasterize import rasterize
from tests.models.rendering.screen_scenes import pinhole

SIZE = (48, 64)
FOCAL = 40.0


def ray_cast(points_camera: Tensor, faces: Tensor, near: float) -> tuple[Tensor, Tensor]:
    """Nearest triangle and depth by intersecting the pixels' rays in camera space (Möller and Trumbore), float64."""
    h, w = SIZE
    y, x = torch.meshgrid(torch.arange(h).double() + 0.5, torch.arange(w).double() + 0.5, indexing="ij")
    rays = torch.stack([(x - w / 2) / FOCAL, (y - h / 2) / FOCAL, torch.ones_like(x)], -1)
    nearest, seen = torch.full((h, w), torch.inf, dtype=torch.float64), torch.full((h, w), -1)
    for index, (a, b, c) in enumerate(points_camera.double()[faces]):
        p = torch.linalg.cross(rays, (c - a).expand_as(rays))
        determinant = p @ (b - a)
        u = -(p @ a) / determinant
        q = torch.linalg.cross(-a, b - a)
        v = (rays @ q) / determinant
        depth = (c - a) @ q / determinant
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (depth >= near) & (depth < nearest)
        nearest, seen = torch.where(hit, depth, nearest), torch.where(hit, index, seen)
    return seen, nearest


def test_a_floor_under_the_camera_reaches_the_horizon_and_stays() -> None:
    floor = torch.tensor([[-50.0, 1.0, -20.0], [50.0, 1.0, -20.0], [0.0, 1.0, 300.0]])
    screen = pinhole(floor, FOCAL, SIZE)[None]
    faces = torch.tensor([[0, 1, 2]])
    seen, depth = ray_cast(floor, faces, 0.01)
    assert 0.3 < float((seen >= 0).float().mean()) < 0.5
    for backend in ("native", "reference"):
        fragments = rasterize(screen, faces, SIZE, backend=backend)
        assert torch.equal(fragments.face_index[0], seen)
        covered = seen >= 0
        torch.testing.assert_close(fragments.depth[0][covered].double(), depth[covered], rtol=1e-4, atol=1e-4)
        assert (fragments.face_index[0][: SIZE[0] // 2] == -1).all()  # nothing above the horizon


def test_random_triangles_around_the_camera_equal_ray_casting() -> None:
    differing = total = crossing = 0
    for seed in range(12):
        generator = torch.Generator().manual_seed(seed)
        points = torch.randn(30, 3, generator=generator) * torch.tensor([1.0, 1.0, 0.8])
        faces = torch.randint(0, 30, (16, 3), generator=generator)
        faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])]
        behind = points[faces][..., 2] < 0
        crossing += int((behind.any(1) & ~behind.all(1)).sum())
        for near in (0.01, 0.3):
            seen, depth = ray_cast(points, faces, near)
            native = rasterize(pinhole(points, FOCAL, SIZE)[None], faces, SIZE, near=near)
            different = native.face_index[0] != seen
            same = ~different & (seen >= 0)
            torch.testing.assert_close(native.depth[0][same].double(), depth[same], rtol=2e-3, atol=1e-4)
            differing, total = differing + int(different.sum()), total + int((seen >= 0).sum())
    assert crossing > 60
    assert total > 20000
    assert differing <= 2e-4 * total


def test_neighbours_through_the_camera_plane_leave_no_hole() -> None:
    """A tunnel around the camera: every ray meets it."""
    generator = torch.Generator().manual_seed(3)
    rings, around = 14, 9
    z = torch.linspace(-3, 40, rings)[:, None].expand(-1, around) + 0.1 * torch.rand(rings, around, generator=generator)
    angle = torch.arange(around) * (2 * torch.pi / around) + 0.2 * torch.rand(rings, around, generator=generator)
    tunnel = torch.stack([angle.cos(), angle.sin(), z], -1).reshape(-1, 3)
    tunnel = torch.cat([tunnel, torch.tensor([[0.0, 0.0, 41.0]])])
    ring, spoke = torch.meshgrid(torch.arange(rings - 1), torch.arange(around), indexing="ij")
    a, b = ring * around + spoke, ring * around + (spoke + 1) % around
    quads = torch.stack([a, b, a + around, b, b + around, a + around], -1).reshape(-1, 3)
    last = (rings - 1) * around
    lid = torch.tensor([[last + k, last + (k + 1) % around, len(tunnel) - 1] for k in range(around)])
    fragments = rasterize(pinhole(tunnel, FOCAL, SIZE)[None], torch.cat([quads, lid]), SIZE)
    assert (fragments.face_index >= 0).all()
    assert fragments.depth.isfinite().all()
    assert fragments.barycentrics.min() > -1e-6


def test_what_is_behind_or_too_near_is_not_seen() -> None:
    corners = torch.tensor([[-1.0, -1.0, 1.0], [-1.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    faces = torch.tensor([[0, 1, 2]])
    for z, near, visible in ((1.0, 0.5, True), (-1.0, 0.5, False), (0.4, 0.5, False), (0.4, 0.1, True)):
        points = corners * torch.tensor([1.0, 1.0, z])
        for perspective in (True, False):
            screen = pinhole(points, FOCAL, SIZE) if perspective else points * torch.tensor([20.0, 20, 1]) + 24
            screen[:, 2] = z
            for backend in ("native", "reference"):
                seen = rasterize(screen[None], faces, SIZE, near=near, perspective=perspective, backend=backend)
                assert bool((seen.face_index >= 0).any()) == visible


def test_gradients_reach_vertices_behind_the_camera() -> None:
    floor = torch.tensor([[-5.0, 1.0, -2.0], [6.0, 1.1, -2.5], [0.3, 0.9, 30.0]], dtype=torch.float64)
    screen = pinhole(floor, FOCAL, SIZE)[None].requires_grad_()
    faces = torch.tensor([[0, 1, 2]])
    upstream = torch.rand(1, *SIZE, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    face_index = rasterize(screen.detach(), faces, SIZE).face_index
    assert 0.2 < float((face_index >= 0).float().mean()) < 0.8

    def loss(vertices: Tensor) -> Tensor:
        weights, _ = barycentrics_and_depth(vertices, faces, face_index)
        return (weights * upstream).sum()

    loss(screen).backward()
    assert screen.grad is not None
    for k in range(9):
        step = torch.zeros(9, dtype=torch.float64)
        step[k] = 1e-6
        step = step.view(1, 3, 3)
        difference = (loss(screen.detach() + step) - loss(screen.detach() - step)) / 2e-6
        torch.testing.assert_close(screen.grad.view(-1)[k], difference, rtol=1e-5, atol=1e-5)


def test_bounds_hold_the_visible_piece() -> None:
    generator = torch.Generator().manual_seed(4)
    points = torch.randn(200, 3, 3, generator=generator)
    points = points[(points[..., 2].amin(1) < 0.05) & (points[..., 2].amax(1) > 0.05)]
    screen = pinhole(points, FOCAL, SIZE)
    x, y, z = screen.permute(2, 1, 0).contiguous()
    left, right, top, bottom = visible_bounds(x, y, z, 0.05)
    weights = torch.distributions.Dirichlet(torch.ones(3)).sample((len(points), 300))
    inside = weights @ points
    seen = inside[..., 2] >= 0.05
    x, y, _ = pinhole(inside, FOCAL, SIZE).unbind(-1)
    assert seen.any(1).float().mean() > 0.9
    for low, value, high in ((left, x, right), (top, y, bottom)):
        assert ((value >= low[:, None]) & (value <= high[:, None]))[seen].all()
