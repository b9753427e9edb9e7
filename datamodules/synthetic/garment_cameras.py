"""Where garments are photographed from: the cameras of self-supervised clothing reconstruction.

The camera stands at (d cos e sin a, d sin e, d cos e cos a) and looks at (offset x, offset y, 0), +y up; the picture's
height spans 2 atan(1 / 2.5). Azimuth 0 sees the front, positive azimuth moves the camera to +x.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.geometry.cameras import PerspectiveCamera, look_towards

FOCAL = 2.5
"""Of half the picture's height."""


class GarmentCamera(NamedTuple):
    """One camera; angles in radians."""

    azimuth: float
    elevation: float
    distance: float
    offset: tuple[float, float]


class CameraRanges(NamedTuple):
    """From where a layout's pictures are taken."""

    elevation_degrees: tuple[float, float]
    distance: tuple[float, float]
    fill: tuple[float, float]
    """Which share of the picture's height the subject takes."""
    widest: float
    """And no more than this times as much of the picture's width: above 1, hands are cut off as by detectors."""
    largest_offset: float


def perspective_camera(camera: GarmentCamera, size: tuple[int, int]) -> PerspectiveCamera:
    """For pictures of size (h, w). The offset turns the camera, its centre stays."""
    a, e = camera.azimuth, camera.elevation
    direction = (math.cos(e) * math.sin(a), math.sin(e), math.cos(e) * math.cos(a))
    centre = camera.distance * torch.tensor([direction], dtype=torch.float64)
    camera_from_world = look_towards(centre, centre.new_tensor([[*camera.offset, 0.0]])).float()
    angle = torch.tensor([2 * math.atan(1 / FOCAL)])
    return PerspectiveCamera.from_field_of_view(camera_from_world, angle, size)


def draw_camera(
    random: np.random.Generator, vertices: Tensor, ranges: CameraRanges, size: tuple[int, int], azimuth: float
) -> GarmentCamera:
    """A camera at an azimuth that has the subject [v, 3] as large in the picture as wanted, and mostly inside it."""
    low, high = ranges.elevation_degrees
    elevation = math.radians(float(np.clip(random.normal((low + high) / 2, (high - low) / 5), low, high)))
    fill = random.uniform(*ranges.fill)
    distance = sum(ranges.distance) / 2
    for _ in range(3):
        camera = GarmentCamera(azimuth, elevation, distance, (0.0, 0.0))
        lower, upper = _seen_box(vertices, camera, size)
        shown = float(((upper - lower) / [ranges.widest, 1.0]).max()) / 2
        distance = float(np.clip(distance * shown / fill, *ranges.distance))
    lower, upper = _seen_box(vertices, GarmentCamera(azimuth, elevation, distance, (0.0, 0.0)), size)
    # looking past the subject moves it the other way; the middle of its box comes back to the middle of the picture
    middle, room = (lower + upper) / 2, np.maximum(1 - (upper - lower) / 2, 0.04)
    wanted = middle + room * random.uniform(-0.8, 0.8, 2)
    across = wanted * np.array([size[1] / size[0], 1.0]) * distance / FOCAL
    offset = np.clip([across[0] * math.cos(azimuth), across[1]], -ranges.largest_offset, ranges.largest_offset)
    return GarmentCamera(azimuth, elevation, distance, (float(offset[0]), float(offset[1])))


def _seen_box(vertices: Tensor, camera: GarmentCamera, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Corners [2] (x right, y up) of the box around what is seen; the picture's edges are -1 and 1."""
    screen = perspective_camera(camera, size).to_screen(vertices[None])[0, :, :2]
    half = screen.new_tensor([size[1] / 2, size[0] / 2])
    place = ((screen - half) / half * screen.new_tensor([1.0, -1.0])).numpy()
    return place.min(0), place.max(0)
