"""Ellipsoids as bodies: silhouettes, shading and labels that are known exactly."""

import torch

from datamodules.samples import BandTruth, BodySample, BodyTruthSample
from models.geometry.primitives import icosphere
from models.geometry.view_cameras import turned_views
from models.rendering.view_normals import view_normals

RADII_CM = torch.tensor([30.0, 88.0, 20.0])


def ellipsoid_sample(views: int = 4, size: int = 32, points: int = 400, seed: int = 0) -> BodySample:
    """A batch of one: an ellipsoid seen from `views` sides, coloured by its normals."""
    generator = torch.Generator().manual_seed(seed)
    mesh = icosphere(3)
    view_from_body = turned_views(views)
    seen = view_normals(
        (mesh.vertices.float() * RADII_CM).expand(views, -1, -1), mesh.faces, view_from_body, (size, size)
    )
    masks = seen.covered[:, None].float()
    near = torch.randn(points // 2, 3, generator=generator)
    near = torch.nn.functional.normalize(near, dim=1) * RADII_CM + 4 * torch.randn(points // 2, 3, generator=generator)
    anywhere = (torch.rand(points - len(near), 3, generator=generator) * 2 - 1) * 95
    points_cm = torch.cat([near, anywhere])
    occupancy = ((points_cm / RADII_CM).square().sum(1) < 1).float()
    members = ((seen.normals + 1) / 2 * masks, masks, view_from_body, points_cm, occupancy, torch.tensor(seed))
    return BodySample(*(member[None] for member in members))


def ellipsoid_truth(views: int = 4, size: int = 32) -> BodyTruthSample:
    """The same with its surface; no folds."""
    mesh = icosphere(4)
    none = BandTruth(
        torch.zeros(1, 0, 3), torch.zeros(1, 0, 3), torch.zeros(1, 2), torch.zeros(1, 0, 2), torch.zeros(1, 0, 3)
    )
    vertices = mesh.vertices.float() * RADII_CM
    return BodyTruthSample(ellipsoid_sample(views, size), vertices[None], mesh.faces[None], none)
