"""Normal maps of bodies: a sphere shows its own normals, from every side, near and far."""

import math

import pytest
import torch

from models.geometry.primitives import icosphere
from models.geometry.view_cameras import flip_views, orthographic_views
from models.rendering.view_normals import view_normals

SIZE = 64


def sphere(centre: tuple[float, float, float] = (20.0, 0.0, 0.0)) -> tuple[torch.Tensor, torch.Tensor]:
    mesh = icosphere(4)
    return 60 * mesh.vertices[None].float() + torch.tensor(centre), mesh.faces


def expected_normals(sign: float, centre_x: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Camera-frame normals of the sphere's near (sign 1) or far (-1) side and where it covers the picture."""
    axis = (2 * torch.arange(SIZE) + 1) / SIZE - 1
    x = (axis * 102.4 - centre_x) / 60
    y = -axis * 102.4 / 60
    y, x = torch.meshgrid(y, x, indexing="ij")
    square = x**2 + y**2
    return torch.stack([x, y, sign * (1 - square).clamp_min(0).sqrt()]), square < 0.8


@pytest.mark.parametrize(("yaw", "centre_x"), [(0.0, 20.0), (math.pi / 2, 0.0), (math.pi, -20.0)])
@pytest.mark.parametrize("far", [False, True])
def test_a_sphere_shows_its_normals_from_every_side(yaw: float, centre_x: float, far: bool) -> None:
    vertices, faces = sphere()
    seen = view_normals(vertices, faces, orthographic_views(torch.tensor([yaw])), (SIZE, SIZE), far=far)
    truth, clear = expected_normals(-1.0 if far else 1.0, centre_x)
    assert seen.covered[0][clear].all()
    assert (seen.normals[0] - truth).abs().amax(0)[clear].max() < 0.03
    assert (seen.normals[0][:, ~seen.covered[0]] == 0).all()


def test_a_mirrored_view_mirrors_the_map_and_negates_its_x() -> None:
    vertices, faces = sphere()
    plain = view_normals(vertices, faces, orthographic_views(torch.zeros(1)), (SIZE, SIZE)).normals
    mirrored = view_normals(vertices, faces, flip_views(orthographic_views(torch.zeros(1))), (SIZE, SIZE)).normals
    expected = plain.flip(-1) * torch.tensor([-1.0, 1, 1])[:, None, None]
    assert (mirrored - expected).abs().mean() < 1e-3
