"""The paper's picture, pixel by pixel and triangle by triangle in float64: what the renderer is held to.

Everything is in normalised coordinates (x right, y UP, -1 to 1 on both axes), as the paper states it; written from its
formulas, with nothing of ours but the tuples."""

import math

import torch
from torch import Tensor

from models.clothing.attributes import ClothingAttributes, ClothingCamera
from models.clothing.template import ClothingTemplate


def axes_and_centre(camera: ClothingCamera, b: int) -> tuple[Tensor, Tensor]:
    a, e, d = camera.azimuth[b], camera.elevation[b], camera.distance[b]
    centre = d * torch.stack([e.cos() * a.sin(), e.sin(), e.cos() * a.cos()])
    z = centre - torch.cat([camera.offset[b], torch.zeros(1).double()])
    z = z / z.norm()
    x = torch.linalg.cross(torch.tensor([0.0, 1, 0]).double(), z)
    x = x / x.norm()
    return torch.stack([x, torch.linalg.cross(z, x), z]), centre


def pixel_centres(size: tuple[int, int]) -> Tensor:
    h, w = size
    x = (2 * torch.arange(w).double() + 1 - w) / w
    y = (h - 1 - 2 * torch.arange(h).double()) / h
    return torch.stack([x.expand(h, w), y[:, None].expand(h, w)], -1)


def irradiance(n: Tensor, light: Tensor) -> Tensor:
    x, y, z = n.unbind(-1)
    return (
        0.28209479 * light[0]
        + 0.48860251 * (x * light[1] + z * light[2] + y * light[3])
        + 1.09254843 * (x * y * light[4] + y * z * light[5])
        + (0.94617470 * z * z - 0.31539157) * light[6]
        + 0.77254840 * x * z * light[7]
        + 0.38627420 * (x * x - y * y) * light[8]
    )


def read_texture(texture: Tensor, uv: Tensor) -> Tensor:
    """[3 t1 t2] at [p 2] -> [p 3]: bilinear, texel centres at half-integers, row 0 is v = 1, the border repeats."""
    rows, columns = texture.shape[1:]
    i = ((1 - uv[:, 1]) * rows - 0.5).clamp(0, rows - 1)
    j = (uv[:, 0] * columns - 0.5).clamp(0, columns - 1)
    i0, j0 = i.detach().floor().long().clamp(max=rows - 2), j.detach().floor().long().clamp(max=columns - 2)
    s, t = i - i0, j - j0
    top = texture[:, i0, j0] * (1 - t) + texture[:, i0, j0 + 1] * t
    bottom = texture[:, i0 + 1, j0] * (1 - t) + texture[:, i0 + 1, j0 + 1] * t
    return (top * (1 - s) + bottom * s).T


def barycentrics(points: Tensor, triangles: Tensor) -> Tensor:
    """[h w 2], [f 3 2] -> [h w f 3]: linear on the screen."""
    a, b, c = triangles.unbind(1)
    p = points[:, :, None]

    def area(one: Tensor, two: Tensor, three: Tensor) -> Tensor:
        return (two - one)[..., 0] * (three - one)[..., 1] - (two - one)[..., 1] * (three - one)[..., 0]

    return torch.stack([area(p, b, c), area(a, p, c), area(a, b, p)], -1) / area(a, b, c)[..., None]


def squared_distance(points: Tensor, triangles: Tensor) -> Tensor:
    """[h w 2] to the nearest edge of [f 3 2] -> [h w f]."""
    p, found = points[:, :, None], []
    for k in range(3):
        start, end = triangles[:, k], triangles[:, (k + 1) % 3]
        share = (((p - start) * (end - start)).sum(-1) / ((end - start) ** 2).sum(-1)).clamp(0, 1)
        found.append(((p - start - share[..., None] * (end - start)) ** 2).sum(-1))
    return torch.stack(found).amin(0)


def slow_picture(
    attributes: ClothingAttributes, template: ClothingTemplate, size: tuple[int, int], background: bool
) -> tuple[Tensor, Tensor]:
    """Image [b 3 h w] and soft mask [b 1 h w] of float64 attributes."""
    images, masks = [], []
    points, (h, w) = pixel_centres(size), size
    for b in range(len(attributes.vertices)):
        axes, centre = axes_and_centre(attributes.camera, b)
        camera = (attributes.vertices[b] - centre) @ axes.T
        ndc = 2.5 * camera[:, :2] / -camera[:, 2:] * torch.tensor([h / w, 1]).double()
        ndc = ndc + attributes.camera.principal[b]
        triangles, corners = ndc[template.faces], camera[template.faces]
        normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal = normal / normal.norm(dim=1, keepdim=True)

        weights = barycentrics(points, triangles)
        inside = (weights >= 0).all(-1) & (normal[:, 2] >= 0)
        depth = (weights * corners[..., 2]).sum(-1)  # the largest z is the nearest
        covered, face = inside.any(-1), torch.where(inside, depth, -math.inf).argmax(-1)
        seen = weights.gather(2, face[..., None, None].expand(-1, -1, -1, 3))[:, :, 0]
        uv = (seen[..., None] * template.uv.double()[template.face_uv][face]).sum(2)
        texture = read_texture(attributes.texture[b], uv.view(-1, 2).clamp(0, 1)).view(h, w, 3)
        n = normal[face] * covered[..., None]
        light = irradiance(n, attributes.light[b])[..., None]
        behind = attributes.background[b].permute(1, 2, 0)
        if background:
            image = torch.where(covered[..., None], texture, behind) * light
        else:
            image = torch.where(covered[..., None], texture * light, 1.0)

        low, high = triangles.detach().amin(1) - 0.02, triangles.detach().amax(1) + 0.02
        felt = ((points[:, :, None] >= low) & (points[:, :, None] <= high)).all(-1)
        felt &= felt.cumsum(-1) <= 30
        share = torch.where(felt, torch.exp(-7000 * squared_distance(points, triangles)), 0.0)
        masks.append(torch.where(covered, 1.0, 1 - (1 - share).prod(-1))[None])
        images.append(image.clamp(0, 1).permute(2, 0, 1))
    return torch.stack(images), torch.stack(masks)
