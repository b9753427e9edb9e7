"""Errors of normals as four cameras around the body see them, with parallel rays.

PIFuHD's evaluator averages over ALL pixels of the picture, so its number depends on how much of the frame the body
fills (here a person of 180 cm is 88 % of its height). Beside it stand averages over the pixels that either body
covers, which do not. Lower is better.
"""

import math
from statistics import fmean
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metrics.normals import normal_angles_degrees
from models.geometry.mesh import Mesh
from models.geometry.normals import vertex_normals
from models.geometry.view_cameras import HALF_EXTENT_CM, orthographic_views, project_to_views
from models.rendering.interpolate import interpolate
from models.rendering.rasterize import rasterize

YAWS_DEGREES = (0, 90, 180, 270)
SIDES = ("front", "right", "back", "left")
"""What the cameras see: the subject's own right and left."""
PUBLISHED_FACTOR = 4.0
"""By which PIFuHD's evaluator multiplies."""


class NormalReprojection(NamedTuple):
    """Errors of one prediction."""

    normal_error_pifuhd: float
    """Squared difference of pictures of normals (n / 2 + 1 / 2, 0 outside), summed over channels, averaged over all
    pixels, times 4, averaged over the cameras."""
    normal_error_pifuhd_covered: float
    """The same averaged over the pixels that either body covers."""
    normal_error_degrees: float
    """Mean angle over those pixels; 90 where only one of the bodies is seen."""
    normal_error_front_degrees: float
    normal_error_right_degrees: float
    normal_error_back_degrees: float
    normal_error_left_degrees: float
    size: int


class NormalPictures(NamedTuple):
    """What the four cameras see of one mesh."""

    normals: Float[Tensor, "n 3 h w"]
    """Unit length in the axes of the camera (x right, y up, z towards it); 0 outside."""
    covered: Bool[Tensor, "n h w"]


def normal_pictures(
    mesh_cm: Mesh | None,
    *,
    size: int = 512,
    half_extent_cm: int | float = HALF_EXTENT_CM,
    yaws_degrees: tuple[int, ...] = YAWS_DEGREES,
) -> NormalPictures:
    """The mesh's area-weighted vertex normals around it, hidden surfaces removed; empty pictures for None."""
    yaw = torch.tensor([math.radians(degrees) for degrees in yaws_degrees], dtype=torch.float64)
    if mesh_cm is None:
        return NormalPictures(torch.zeros(len(yaw), 3, size, size), torch.zeros(len(yaw), size, size).bool())
    vertices, faces = mesh_cm.vertices.detach().cpu().double(), mesh_cm.faces.cpu()
    views = orthographic_views(yaw, half_extent_cm=half_extent_cm)
    seen = project_to_views(views[None], vertices[None])
    nearest = seen.depth[0].max() + 1  # everything lies in front of the camera
    screen = torch.cat([(seen.position[0] + 1) * (size / 2), (nearest - seen.depth[0]).unsqueeze(-1)], -1)
    normals = vertex_normals(vertices[None], faces)[0]
    turned = normals @ (views[:, :3, :3] * views.new_tensor([1, -1, 1])[:, None]).mT
    turned = torch.nn.functional.normalize(turned, dim=-1)
    fragments = rasterize(screen.float(), faces, (size, size), perspective=False)
    pictures = interpolate(turned.float(), faces, fragments)
    square = (pictures * pictures).sum(1, keepdim=True)
    return NormalPictures(pictures * square.clamp_min(1e-20).rsqrt(), fragments.face_index >= 0)


def normal_reprojection(
    predicted_cm: Mesh | None, truth_cm: Mesh, *, size: int = 512, half_extent_cm: int | float = HALF_EXTENT_CM
) -> NormalReprojection:
    """Normal errors of a prediction in the truth's frame, in centimetres around the origin; not aligned in any way.

    None, a prediction that failed, is compared as empty pictures: every pixel of the truth is wrong.

    Raises ValueError when the truth is not in the pictures.
    """
    truth = normal_pictures(truth_cm, size=size, half_extent_cm=half_extent_cm)
    if not bool(truth.covered.any((1, 2)).all()):
        raise ValueError(
            f"The true mesh is not seen within {half_extent_cm:g} cm of the origin: centre it and give centimetres."
        )
    predicted = normal_pictures(predicted_cm, size=size, half_extent_cm=half_extent_cm)
    over_all, over_covered, degrees = [], [], []
    for view in range(len(truth.covered)):
        either = truth.covered[view] | predicted.covered[view]  # elsewhere both are empty and nothing differs
        square = (_colors(predicted, view, either) - _colors(truth, view, either)).square().sum()
        over_all.append(float(square) / size**2)
        over_covered.append(float(square / either.sum()))
        seen = (pictures.normals[view][None, :, either, None] for pictures in (predicted, truth))
        degrees.append(float(normal_angles_degrees(*seen).mean()))
    front, right, back, left = degrees
    return NormalReprojection(
        PUBLISHED_FACTOR * fmean(over_all),
        PUBLISHED_FACTOR * fmean(over_covered),
        fmean(degrees),
        front,
        right,
        back,
        left,
        size,
    )


def _colors(pictures: NormalPictures, view: int, pixels: Tensor) -> Tensor:
    return (pictures.normals[view][:, pixels] / 2 + 0.5) * pictures.covered[view][pixels]
