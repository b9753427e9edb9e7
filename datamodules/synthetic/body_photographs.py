"""Pictures of synthetic bodies: colour, mask, and what the near and the far surface look like behind every pixel."""

from typing import NamedTuple

import torch
from torch import Tensor

from datamodules.synthetic.body_light import irradiance, sky_share
from datamodules.synthetic.body_samples import BodyField, BodySamples, near_and_far_samples
from models.geometry.mesh import Mesh
from models.geometry.normals import vertex_normals
from models.geometry.view_cameras import HALF_EXTENT_CM, camera_axes

SUPERSAMPLING = 2
GAMMA = 2.2
SAME_SURFACE = 2 / HALF_EXTENT_CM
"""Samples of one pixel whose depths differ by more than 2 cm lie on different surfaces."""


class BodyPicture(NamedTuple):
    """Float32, 0 wherever the mask is 0. Normals in camera axes: x right, y up, z towards the camera; unit length."""

    image: Tensor
    """[3, h, w] RGB in [0, 1], gamma 2.2, on black."""
    mask: Tensor
    """[1, h, w] 1 where at least half of the pixel is covered."""
    front_normals: Tensor
    """[3, h, w] of the nearest surface; and"""
    back_normals: Tensor
    """[3, h, w] of the farthest one in the same picture, not mirrored."""
    front_depth: Tensor
    """[1, h, w] view-frame depth, 1 = 102.4 cm towards the camera; and"""
    back_depth: Tensor
    """[1, h, w] of the farthest surface."""


@torch.no_grad()
def photograph(
    field: BodyField,
    mesh: Mesh,
    view_from_body: Tensor,
    size: int | tuple[int, int],
    light: Tensor,
    *,
    sky: Tensor | None = None,
) -> BodyPicture:
    """One picture of `size` pixels (a side, or height and width), averaged over 2 x 2 samples a pixel.

    field, mesh: the same body in the body frame (centimetres); the mesh only guides the rays. view_from_body: [4, 4].
    light: [9, 3], see `body_light`. sky: [v] `mesh_sky(field, mesh)` when several pictures share it.
    """
    height, width = (size, size) if isinstance(size, int) else size
    samples = (height * SUPERSAMPLING, width * SUPERSAMPLING)
    near, far = near_and_far_samples(field, mesh, view_from_body, samples)
    assert far is not None
    sky = mesh_sky(field, mesh) if sky is None else sky
    return developed(view_from_body, near, far, colours(field, near, sky), light)


@torch.no_grad()
def mesh_sky(field: BodyField, mesh: Mesh) -> Tensor:
    """[v] the share of the sky that each vertex sees."""
    return sky_share(field, mesh.vertices, vertex_normals(mesh.vertices[None], mesh.faces)[0])


def colours(field: BodyField, near: BodySamples, sky: Tensor) -> Tensor:
    """[n, 3] linear colour of the samples under a white sky: light only multiplies it."""
    return field.albedo(near.points_cm).clamp(0, 1) ** GAMMA * near.interpolated(sky[:, None])


@torch.no_grad()
def developed(
    view_from_body: Tensor, near: BodySamples, far: BodySamples, colour: Tensor, light: Tensor
) -> BodyPicture:
    """Samples to pixels; `colour` [n, 3] is what `colours` gave."""
    axes = camera_axes(view_from_body)
    near_normals, far_normals = near.normals @ axes.T, far.normals @ axes.T
    lit = (colour * irradiance(near_normals, light)).clamp_(0, 1) ** (1 / GAMMA)
    mask = ((2 * _counts(near) >= SUPERSAMPLING**2) & (_counts(far) > 0)).float()
    return BodyPicture(
        image=_pooled(near, lit) * mask,
        mask=mask,
        front_normals=_unit(_pooled(near, near_normals)) * mask,
        back_normals=_unit(_pooled(far, far_normals)) * mask,
        front_depth=_depth(view_from_body, near, nearest=True) * mask,
        back_depth=_depth(view_from_body, far, nearest=False) * mask,
    )


def _counts(samples: BodySamples) -> Tensor:
    """[1, h, w] covered samples of each pixel."""
    height, width = _pixels(samples)
    return torch.bincount(_pixel(samples), minlength=height * width).reshape(1, height, width)


def _pooled(samples: BodySamples, values: Tensor) -> Tensor:
    """[c, h, w] mean of [n, c] over each pixel's covered samples; 0 where there are none."""
    height, width = _pixels(samples)
    total = values.new_zeros(height * width, values.shape[1]).index_add_(0, _pixel(samples), values)
    return total.T.reshape(-1, height, width) / _counts(samples).clamp(min=1)


def _pixels(samples: BodySamples) -> tuple[int, int]:
    return samples.size[0] // SUPERSAMPLING, samples.size[1] // SUPERSAMPLING


def _pixel(samples: BodySamples) -> Tensor:
    width = samples.size[1]
    row, column = samples.at.div(width, rounding_mode="floor"), samples.at % width
    return row.div(SUPERSAMPLING, rounding_mode="floor") * (width // SUPERSAMPLING) + column.div(
        SUPERSAMPLING, rounding_mode="floor"
    )


def _depth(view_from_body: Tensor, samples: BodySamples, *, nearest: bool) -> Tensor:
    """[1, h, w] mean depth of those samples of each pixel that lie on its nearest (farthest) surface."""
    height, width = _pixels(samples)
    depth = samples.points_cm @ view_from_body[2, :3] + view_from_body[2, 3]
    depth, pixel = depth if nearest else -depth, _pixel(samples)
    first = depth.new_full((height * width,), -torch.inf).scatter_reduce_(0, pixel, depth, "amax")
    kept = (depth > first[pixel] - SAME_SURFACE).float()
    total = depth.new_zeros(height * width).index_add_(0, pixel, depth * kept)
    count = depth.new_zeros(height * width).index_add_(0, pixel, kept).clamp(min=1)
    return (total / count if nearest else -total / count).reshape(1, height, width)


def _unit(normals: Tensor) -> Tensor:
    length = normals.norm(dim=0, keepdim=True)
    return torch.where(length > 1e-6, normals / length.clamp(min=1e-6), 0)
