"""Light on synthetic bodies: random environments as second-order spherical harmonics, and occlusion of the sky.

The nine numbers a colour are the environment's radiance in the orthonormal basis, in PIFu's order (band by band, m from
-l to l: 1, y, z, x, xy, yz, 3z² − 1, xz, x² − y²) and in camera axes (x right, y up, z towards the camera).
"""

import math
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from models.rendering.lighting import LightConvention, shade

ENVIRONMENT = LightConvention(
    order=(0, 2, 3, 1, 4, 5, 7, 6, 8),
    factors=(
        math.sqrt(1 / (4 * math.pi)),
        2 / 3 * math.sqrt(3 / (4 * math.pi)),
        2 / 3 * math.sqrt(3 / (4 * math.pi)),
        2 / 3 * math.sqrt(3 / (4 * math.pi)),
        1 / 4 * math.sqrt(15 / (4 * math.pi)),
        1 / 4 * math.sqrt(15 / (4 * math.pi)),
        1 / 4 * math.sqrt(5 / (16 * math.pi)),
        1 / 4 * math.sqrt(15 / (4 * math.pi)),
        1 / 4 * math.sqrt(15 / (16 * math.pi)),
    ),
)
"""The basis times the cosine lobe (π, 2π/3, π/4; Ramamoorthi and Hanrahan 2001) over π: what a white matt surface
sends back."""
TAPS_CM = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Heights above the surface at which the sky's occlusion is probed."""
TAP_SHARES = (0.36, 0.26, 0.18, 0.12, 0.08)


class SignedField(Protocol):
    """Negative inside; near the surface about the distance in centimetres."""

    def __call__(self, points_cm: Tensor, /) -> Tensor: ...


def draw_light(random: np.random.Generator) -> Tensor:
    """[9, 3] an environment of sky, floor and one to three lamps, as bright on average as a well exposed picture."""
    tint = random.uniform(0.85, 1.15, (2, 3))
    sky, floor = random.uniform(0.3, 1.0) * tint[0], random.uniform(0.05, 0.5) * tint[1]
    light = np.zeros((9, 3))
    light[0] = (sky + floor) / 2 * math.sqrt(4 * math.pi)
    light[1] = (sky - floor) / 2 * math.sqrt(math.pi / 3) * 1.5
    for share in random.dirichlet(np.full(random.integers(1, 4), 1.5)):
        azimuth, height = random.uniform(-0.75, 0.75) * math.pi, random.uniform(-0.1, 0.95)
        around = math.sqrt(1 - height * height)
        direction = np.array([around * math.sin(azimuth), height, around * math.cos(azimuth)])
        colour = random.uniform(0.85, 1.15, 3) * share * random.uniform(1.5, 4.5)
        light += _basis(direction)[:, None] * colour
    directions = random.standard_normal((256, 3))
    directions[:, 2] = np.abs(directions[:, 2])
    seen = irradiance(torch.from_numpy(directions / np.linalg.norm(directions, axis=1, keepdims=True)), light)
    return torch.from_numpy(light * (random.uniform(0.5, 0.85) / max(float(seen.mean()), 1e-3))).float()


def turned_light(light: Tensor, yaw: float) -> Tensor:
    """The environment turned by `yaw` radians about the vertical axis; [9, 3]."""
    c, s, c2, s2 = math.cos(yaw), math.sin(yaw), math.cos(2 * yaw), math.sin(2 * yaw)
    one, y, z, x, xy, yz, zz, xz, xx = light.unbind(0)
    # with a = angle about y (0 at +z): x = r sin a, z = r cos a; xz and x² − z² rotate by twice the angle
    root3 = math.sqrt(3)
    upright = zz / 2 + xx * (root3 / 2)  # along (z² + x² − 2y²): does not change
    across = xx / 2 - zz * (root3 / 2)  # along x² − z²
    turned_across, turned_xz = c2 * across + s2 * xz, c2 * xz - s2 * across
    return torch.stack(
        [
            one,
            y,
            c * z - s * x,
            s * z + c * x,
            c * xy + s * yz,
            c * yz - s * xy,
            upright / 2 - turned_across * (root3 / 2),
            turned_xz,
            upright * (root3 / 2) + turned_across / 2,
        ]
    )


def irradiance(normals: Tensor, light: Tensor | np.ndarray) -> Tensor:
    """[p, 3] what a white matt surface with those camera normals [p, 3] sends back; at least 0."""
    normals = normals.float().T[None, :, None]
    white = torch.ones_like(normals)
    return shade(white, normals, torch.as_tensor(light).float()[None], ENVIRONMENT)[0, :, 0].T.clamp(min=0)


def sky_share(field: SignedField, points_cm: Tensor, normals: Tensor) -> Tensor:
    """[p] how much of the sky reaches surface points, from the field's values above them: 1 in the open."""
    occluded = torch.zeros(len(points_cm))
    for height, share in zip(TAPS_CM, TAP_SHARES):
        free = field(torch.addcmul(points_cm, normals, normals.new_tensor(height)))
        occluded += share * (1 - free / height).clamp_(0, 1)
    return (1 - 1.1 * occluded).clamp_(0.1, 1)


def _basis(direction: np.ndarray) -> np.ndarray:
    """[9] the orthonormal basis at a unit vector."""
    x, y, z = direction
    a, b, c = math.sqrt(3 / (4 * math.pi)), math.sqrt(15 / (4 * math.pi)), math.sqrt(5 / (16 * math.pi))
    return np.array(
        [1 / math.sqrt(4 * math.pi), a * y, a * z, a * x, b * x * y, b * y * z, c * (3 * z * z - 1), b * x * z,
         b / 2 * (x * x - y * y)]
    )  # fmt: skip
