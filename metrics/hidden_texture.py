"""Colours of a reconstruction on the side that its picture does not show, against the true colours of the surface.

A picture does not tell dark cloth from dim light, so one factor a picture is taken out first, fitted on the side that
it shows: it cannot mend the hidden side.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.geometry.distances import SurfaceTree
from models.geometry.mesh import Mesh
from models.geometry.sampling import sample_surface
from models.rendering.textures import sample_texture


class TextureErrors(NamedTuple):
    """Mean absolute differences of colours in grey levels, 0 to 255, averaged over channels. Lower is better.

    NaN where no point lies on that side.
    """

    hidden_error_grey: float
    """Where the surface is turned away from the true camera."""
    visible_error_grey: float
    """Where it faces the camera."""
    hidden_plain_error_grey: float
    """On the hidden side, of one colour everywhere, the median of the visible true ones: what texture must beat."""


def texture_errors(
    predicted: Mesh,
    truth: Mesh,
    camera_centre: Float[Tensor, " 3"],
    *,
    count: int = 4000,
    seed: int = 0,
) -> TextureErrors:
    """Colours at `count` even points of the true surface against those of the nearest points of the prediction.

    Args:
        predicted: with texture and uv, aligned with the truth (`metrics.clothing_shapes.align_shape`).
        truth: with colours of its vertices, without light.
        camera_centre: of the picture, in the truth's frame. A point is hidden where its triangle faces away; points
            that face the camera behind an arm count as visible.
    """
    if truth.vertex_colors is None:
        raise ValueError("A true shape has no colours: give vertex_colors.")
    generator = torch.Generator().manual_seed(seed)
    vertices = truth.vertices.detach().cpu().double()
    faces = truth.faces.cpu()
    samples = sample_surface(vertices, faces, count, generator)
    colours = truth.vertex_colors.detach().cpu().double()
    true = interpolated(colours, faces, samples.face_index, vertices, samples.points)
    found = surface_colours(predicted, samples.points)
    toward = camera_centre.detach().cpu().double() - samples.points
    visible = (samples.normals * toward).sum(1) > 0
    found = (brightness(found[visible], true[visible]) * found).clamp(0, 1)
    plain = true[visible].median(0).values if bool(visible.any()) else true.new_full((3,), torch.nan)
    difference = (found - true).abs().mean(1)
    return TextureErrors(
        float(255 * difference[~visible].mean()),
        float(255 * difference[visible].mean()),
        float(255 * (plain - true[~visible]).abs().mean()),
    )


def brightness(found: Float[Tensor, "p 3"], true: Float[Tensor, "p 3"]) -> Float[Tensor, ""]:
    """The factor with the least squared error; 1 where it cannot be told."""
    power = found.square().sum()
    return torch.where(power > 0, (found * true).sum() / power.clamp_min(1e-12), torch.ones_like(power))


def surface_colours(mesh: Mesh, points: Float[Tensor, "p 3"]) -> Float[Tensor, "p 3"]:
    """The texture at the surface point nearest to each point. float64, on the CPU."""
    if mesh.texture is None or mesh.uv is None or mesh.face_uv is None:
        raise ValueError("A predicted shape has no texture: give texture, uv and face_uv.")
    vertices, faces = mesh.vertices.detach().cpu().double(), mesh.faces.cpu()
    nearest = SurfaceTree(vertices, faces).closest(points)
    corners = corner_weights(vertices, faces, nearest.face_index, nearest.closest)
    uv = mesh.uv.detach().cpu().double()[mesh.face_uv.cpu()[nearest.face_index]]
    at = (uv * corners.unsqueeze(-1)).sum(1)
    texture = mesh.texture.detach().cpu().double()[None]
    return sample_texture(texture, at.T[None, :, None])[0, :, 0].T.clamp(0, 1)


def interpolated(
    values: Float[Tensor, "v c"],
    faces: Int[Tensor, "f 3"],
    face_index: Int[Tensor, " p"],
    vertices: Float[Tensor, "v 3"],
    points: Float[Tensor, "p 3"],
) -> Float[Tensor, "p c"]:
    """Values of the vertices at points of the triangles."""
    weights = corner_weights(vertices, faces, face_index, points)
    return (values[faces[face_index]] * weights.unsqueeze(-1)).sum(1)


def corner_weights(
    vertices: Float[Tensor, "v 3"],
    faces: Int[Tensor, "f 3"],
    face_index: Int[Tensor, " p"],
    points: Float[Tensor, "p 3"],
) -> Float[Tensor, "p 3"]:
    """How much each corner counts at a point in its triangle, by areas; even where the triangle has no area."""
    corners = vertices[faces[face_index]]
    away = corners - points[:, None]
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = [(torch.linalg.cross(away[:, (k + 1) % 3], away[:, (k + 2) % 3]) * normal).sum(1) for k in range(3)]
    weights = torch.stack(areas, 1).clamp_min(0)
    total = weights.sum(1, keepdim=True)
    return torch.where(total > 0, weights / total.clamp_min(1e-300), torch.full_like(weights, 1 / 3))
