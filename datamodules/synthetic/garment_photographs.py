"""Photographs of a garment: projected, lit, in front of something, through a lens."""

import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from datamodules.synthetic.body_light import ENVIRONMENT, draw_light, irradiance
from datamodules.synthetic.garment_backgrounds import Scenery, garment_background
from datamodules.synthetic.garment_cameras import FOCAL, GarmentCamera, perspective_camera
from datamodules.synthetic.garment_shapes import GarmentShape
from models.geometry.normals import vertex_normals
from models.rendering.interpolate import interpolate
from models.rendering.lighting import MAGIC_MIRROR, convert_light
from models.rendering.rasterize import rasterize

SUPERSAMPLING = 2
BRIGHTNESS = 1.35
"""Colours are multiplied by the light as they stand in the file, as the method assumes: more light than in linear
colours, and softer."""
SOFTNESS = 0.6


class GarmentPhotograph(NamedTuple):
    """One picture as it is written, and how it came about."""

    pixels: np.ndarray
    """[h, w, 3] uint8"""
    mask: np.ndarray
    """[h, w] bool: the pixels whose centres see the garment."""
    camera: GarmentCamera
    light: np.ndarray
    """[9, 3] in the convention MAGIC_MIRROR, for each colour."""


@torch.no_grad()
def photographs(
    shape: GarmentShape,
    cameras: list[GarmentCamera],
    randoms: list[np.random.Generator],
    size: tuple[int, int],
    sceneries: dict[Scenery, float],
) -> list[GarmentPhotograph]:
    """One picture of size (h, w) for each camera, with its own randomness; sceneries: with the share of each."""
    mesh, albedo = shape.mesh, shape.mesh.vertex_colors
    assert albedo is not None
    normals = vertex_normals(mesh.vertices[None], mesh.faces)[0]
    finer = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
    screens, colours, lights = [], [], []
    for camera, random in zip(cameras, randoms):
        lens = perspective_camera(camera, size)
        light = garment_light(random)
        screens.append(lens.to_screen(mesh.vertices[None])[0])
        lit = irradiance(normals @ lens.camera_from_world[0, :3, :3].T, light)
        colours.append((albedo * lit * shape.sky[:, None]).clamp_(0, 1))
        lights.append(convert_light(light[None], ENVIRONMENT, MAGIC_MIRROR)[0].numpy())
    screen = torch.stack(screens)
    mask = rasterize(screen, mesh.faces, size, cull="back").face_index >= 0
    fragments = rasterize(screen * screen.new_tensor([SUPERSAMPLING] * 2 + [1]), mesh.faces, finer, cull="back")
    seen = torch.nn.functional.avg_pool2d(interpolate(torch.stack(colours), mesh.faces, fragments), SUPERSAMPLING)
    covered = torch.nn.functional.avg_pool2d((fragments.face_index >= 0).float()[:, None], SUPERSAMPLING)
    pictures = []
    for index, (camera, random) in enumerate(zip(cameras, randoms)):
        scenery = list(sceneries)[int(random.choice(len(sceneries), p=list(sceneries.values())))]
        behind = garment_background(random, size, scenery)
        if scenery != "nature":
            behind = _shadowed(behind, screen[index].numpy(), camera, random)
        share = covered[index].permute(1, 2, 0).numpy()
        picture = seen[index].permute(1, 2, 0).numpy() + (1 - share) * behind
        pixels = _developed(picture, random)
        pictures.append(GarmentPhotograph(pixels, mask[index].numpy(), camera, lights[index]))
    return pictures


def garment_light(random: np.random.Generator) -> Tensor:
    """[9, 3] a nearly white environment in camera axes, in the convention ENVIRONMENT."""
    light = draw_light(random) * BRIGHTNESS
    light[1:] *= SOFTNESS
    return 0.6 * light.mean(1, keepdim=True) + 0.4 * light


def _shadowed(behind: np.ndarray, screen: np.ndarray, camera: GarmentCamera, random: np.random.Generator) -> np.ndarray:
    """The background with a soft shadow on the ground under the subject [v, 3]."""
    height, width = behind.shape[:2]
    depth = float(np.median(screen[:, 2]))
    pixels_per_unit = FOCAL * height / 2 / depth
    lowest = screen[screen[:, 1] > screen[:, 1].max() - 0.06 * height]
    centre_x, centre_y = float(lowest[:, 0].mean()), float(lowest[:, 1].max()) - 0.01 * height
    half_width = random.uniform(0.2, 0.4) * pixels_per_unit
    half_height = half_width * max(math.sin(abs(camera.elevation)), 0.15)
    y, x = np.mgrid[:height, :width] + 0.5
    across = (x - centre_x - random.uniform(-0.6, 0.6) * half_width) / half_width
    ellipse = np.exp(-(across**2 + ((y - centre_y) / half_height) ** 2))
    return behind * (1 - random.uniform(0.1, 0.6) * ellipse[..., None]).astype(np.float32)


def _developed(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Blur of the lens and noise of the sensor; [h, w, 3] uint8."""
    blur = random.uniform(0, 0.6) * picture.shape[0] / 128
    if blur > 0.2:
        picture = gaussian_filter(picture, (blur, blur, 0))
    noisy = picture + random.uniform(0, 0.02) * random.standard_normal(picture.shape)
    return np.clip(np.round(noisy * 255), 0, 255).astype(np.uint8)
