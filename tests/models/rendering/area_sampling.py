"""Scenes with a few parameters, and the truth about their gradients: finite differences of an area-sampled picture."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from models.geometry.primitives import icosphere, uv_sphere
from models.geometry.rotations import rotation_about_x, rotation_about_y, rotation_about_z
from models.rendering.rasterize import rasterize

SAMPLES = 8
"""Per pixel and axis."""
PARAMETERS = 11
"""Two translations, log scale, roll, yaw, six smooth deformations."""


class Scene(NamedTuple):
    vertices: Tensor
    faces: Tensor
    colors: Tensor
    """[f c]: one constant colour a face, so that pictures change at outlines only."""
    size: tuple[int, int]
    perspective: bool

    def screen(self, parameters: Tensor) -> Tensor:
        """Vertices on the screen at a vector of 11 parameters: [1 v 3]. Differentiable."""
        moved = self.vertices + (parameters[5:, None, None] * _waves(self.vertices)).sum(0)
        rotation = rotation_about_z(parameters[3:4])[0] @ rotation_about_y(parameters[4:5])[0]
        moved = moved @ rotation.T * torch.exp(parameters[2])
        x, y, z = moved[:, 0] + parameters[0], moved[:, 1] + parameters[1], moved[:, 2]
        h, w = self.size
        unit = min(h, w) / 2
        depth = 2.7 - z if self.perspective else unit * (8 - 0.8 * z)
        scale = 2.2 * unit / depth if self.perspective else 0.8 * unit
        return torch.stack((w / 2 + scale * x, h / 2 - scale * y, depth), -1)[None]

    def paint(self, face_index: Tensor) -> Tensor:
        """[b c h w] from face indices, black where empty."""
        color = self.colors[face_index.clamp(min=0)] * (face_index >= 0)[..., None]
        return color.permute(0, 3, 1, 2).contiguous()

    def area_sampled(self, parameters: Tensor) -> Tensor:
        """The picture whose pixels are means over 8 x 8 samples."""
        h, w = self.size
        finer = self.screen(parameters) * torch.tensor([SAMPLES, SAMPLES, 1.0])
        face_index = rasterize(finer, self.faces, (h * SAMPLES, w * SAMPLES), perspective=self.perspective).face_index
        return torch.nn.functional.avg_pool2d(self.paint(face_index), SAMPLES)


def ellipsoid(size: tuple[int, int], perspective: bool) -> Scene:
    """One white part."""
    mesh = icosphere(3)
    vertices = mesh.vertices * torch.tensor([0.6, 0.9, 0.5]) @ _turned(0.5, 0.2).T
    return Scene(vertices, mesh.faces, torch.ones(len(mesh.faces), 1), size, perspective)


def figure(size: tuple[int, int], perspective: bool, yaw: float = 0.9) -> Scene:
    """A torso, a head and four limbs of six colours, which cover one another and do not touch."""
    part = uv_sphere(40, 40)
    places = [
        [0, 0.1, 0],
        [0, 0.68, 0],
        [-0.33, 0.15, 0.1],
        [0.33, 0.15, -0.1],
        [-0.11, -0.5, 0.28],
        [0.11, -0.5, -0.28],
    ]
    axes = [
        [0.22, 0.38, 0.14],
        [0.12, 0.15, 0.13],
        [0.07, 0.4, 0.07],
        [0.07, 0.4, 0.07],
        [0.1, 0.45, 0.1],
        [0.1, 0.45, 0.1],
    ]
    vertices = torch.cat([part.vertices * torch.tensor(a) + torch.tensor(p) for a, p in zip(axes, places)])
    faces = torch.cat([part.faces + i * len(part.vertices) for i in range(6)])
    colors = torch.rand(6, 3, generator=torch.Generator().manual_seed(3)).repeat_interleave(len(part.faces), 0)
    return Scene(vertices @ _turned(yaw, 0.2).T, faces, colors, size, perspective)


SCENES = {"ellipsoid": ellipsoid, "figure": figure}
TARGETS = (
    torch.tensor([0.03, -0.02, 0.03, 0.08, 0.1] + [0.02] * 6),
    torch.tensor([-0.04, 0.03, -0.05, -0.06, 0.05, 0.03, -0.02, 0.02, -0.03, 0.01, 0.02]),
    torch.tensor([0.0, 0.05, -0.08, -0.07, -0.04, 0.01, -0.01, 0.02, -0.02, 0.0, 0.01]),
    torch.tensor([-0.06, 0.06, -0.02, 0.05, 0.08, -0.02, 0.02, 0.02, 0.01, 0.02, -0.01]),
)


class TrueGradients(NamedTuple):
    scene: Scene
    targets: list[Tensor]
    """Area-sampled pictures at each of TARGETS."""
    gradients: Tensor
    """[targets, 11]: of the squared error of the area-sampled picture, at the zero vector."""


@cache
def true_gradients(name: str, size: tuple[int, int], perspective: bool) -> TrueGradients:
    """By central differences; the same for every test that asks."""
    scene = SCENES[name](size, perspective)
    targets = [scene.area_sampled(motion) for motion in TARGETS]
    steps = 0.5 / min(size) * torch.eye(PARAMETERS)
    gradients = torch.zeros(len(targets), PARAMETERS)
    for i, step in enumerate(steps):
        forward, backward = scene.area_sampled(step), scene.area_sampled(-step)
        for j, target in enumerate(targets):
            rise = squared_error(forward, target) - squared_error(backward, target)
            gradients[j, i] = rise / (2 * step.max())
    return TrueGradients(scene, targets, gradients)


def agreement(
    estimate: Callable[[Scene, Tensor], Tensor], name: str, size: tuple[int, int], perspective: bool
) -> tuple[float, float]:
    """Cosine and ratio of magnitudes of gradients [11] estimated for each target, all targets taken together: a single
    picture has only some hundred pixels on its outlines."""
    truth = true_gradients(name, size, perspective)
    estimates = torch.cat([estimate(truth.scene, target) for target in truth.targets])
    true = truth.gradients.reshape(-1)
    return float(torch.cosine_similarity(estimates, true, dim=0)), float(estimates.norm() / true.norm())


def squared_error(image: Tensor, target: Tensor) -> Tensor:
    return 0.5 * ((image - target) ** 2).sum()


def intersection_over_union(mask: Tensor, other: Tensor) -> float:
    mask, other = mask > 0.5, other > 0.5
    return float((mask & other).sum() / (mask | other).sum())


def _turned(yaw: float, pitch: float) -> Tensor:
    return rotation_about_x(torch.tensor([pitch]))[0] @ rotation_about_y(torch.tensor([yaw]))[0]


def _waves(vertices: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    waves = []
    for _ in range(PARAMETERS - 5):
        frequency, phase = torch.randn(3, generator=generator) * 3, torch.rand(1, generator=generator) * 6.28
        direction = torch.nn.functional.normalize(torch.randn(3, generator=generator), dim=0)
        waves.append(torch.sin(vertices @ frequency + phase)[:, None] * direction)
    return torch.stack(waves)
