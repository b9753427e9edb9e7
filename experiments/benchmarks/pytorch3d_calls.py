"""PyTorch3D as its users call it: its own differentiable outputs, in its own frame. For the benchmark alone."""

import importlib
import math
from typing import Any

import torch
from torch import Tensor

from experiments.benchmarks.rasterizer_scenes import RasterizerScene

SIGMA = 1e-4
FACES_PER_PIXEL = 50


def pytorch3d_available() -> bool:
    try:
        importlib.import_module("pytorch3d.renderer.mesh.rasterize_meshes")
    except Exception:  # a build for another torch fails with other than ImportError
        return False
    return True


def pytorch3d_hard(vertices_screen: Tensor, scene: RasterizerScene) -> tuple[Tensor, Tensor]:
    """(Σ weights² + Σ depth of the covered pixels, face index local to its picture)."""
    index, depth, weights, _ = _rasterize(vertices_screen, scene, faces_per_pixel=1, perspective_correct=True)
    seen = index >= 0
    loss = torch.where(seen[..., None], weights, 0).square().sum() + torch.where(seen, depth, 0).sum()
    faces_before = torch.arange(len(index), device=index.device)[:, None, None] * len(scene.faces)
    return loss, torch.where(seen, index - faces_before[..., None], -1)[..., 0]


def pytorch3d_soft_silhouette(vertices_screen: Tensor, scene: RasterizerScene) -> Tensor:
    """Σ alpha² with SoftRas' alpha, the sigma and blur of PyTorch3D's tutorials."""
    index, _, _, distance = _rasterize(
        vertices_screen,
        scene,
        faces_per_pixel=FACES_PER_PIXEL,
        perspective_correct=False,
        blur_radius=math.log(1 / 1e-4 - 1) * SIGMA,
        clip_barycentric_coords=True,
    )
    alpha = 1 - torch.prod(1 - torch.sigmoid(-distance / SIGMA) * (index >= 0), -1)
    return alpha.square().sum()


def _rasterize(vertices_screen: Tensor, scene: RasterizerScene, blur_radius: float = 0.0, **options: Any) -> Any:
    structures = importlib.import_module("pytorch3d.structures")
    rasterizer = importlib.import_module("pytorch3d.renderer.mesh.rasterize_meshes")
    (h, w), (x, y, z) = scene.size, vertices_screen.unbind(-1)
    shorter = min(h, w)
    vertices = torch.stack([(w - 2 * x) / shorter, (h - 2 * y) / shorter, z], -1)
    meshes = structures.Meshes(vertices, scene.faces.expand(len(vertices), -1, -1))
    return rasterizer.rasterize_meshes(meshes, (h, w), blur_radius=blur_radius, **options)
