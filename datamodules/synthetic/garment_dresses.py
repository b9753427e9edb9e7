"""Dresses as if worn by nobody: a waisted bell with sleeves, other in front than behind."""

import math

import numpy as np
import torch
from torch import Tensor

from datamodules.synthetic.garment_prints import blended, draw_colour, draw_emblem, draw_print, printed, stamped
from datamodules.synthetic.garment_shapes import GarmentShape, SolidField, shape_of
from datamodules.synthetic.human_primitives import smooth_max, smooth_min
from models.geometry.grids import Bounds

DEEP = 0.62
"""Depth of a dress as a share of its width."""
STEEPEST = 0.75
"""What makes a bell's radial excess about its distance."""


def draw_dress(random: np.random.Generator, cells: int) -> GarmentShape:
    """About 180 cm high, so that it fits where people fit; its front is towards +z."""
    u = random.uniform
    hem, shoulder = -u(60, 95), 72.0
    waist_y, hip_y = u(8, 24), u(-18, -4)
    heights = np.array([hem, hip_y, waist_y, waist_y + 24, shoulder - 6])
    radii = np.array([u(34, 62), u(30, 38), u(20, 28), u(28, 35), u(24, 32)])
    pleats, pleat_depth, phase = int(random.integers(5, 12)), u(0.0, 3.5), u(0, 2 * math.pi)
    neck_depth, neck_width, back_depth = u(8, 30), u(10, 20), u(3, 14)
    sleeve, spread, sleeve_radius = random.choice([0.0, u(14, 28), u(40, 62)]), u(0.4, 1.1), u(9, 13)
    asymmetry = u(-12, 12) if random.random() < 0.25 else 0.0
    cloth, skirt, trim, second = (draw_colour(random) for _ in range(4))
    upper_print, skirt_print = draw_print(random, (12, 36)), draw_print(random, (12, 40))
    two_parts, belt, buttons, collar = (random.random() < share for share in (0.4, 0.5, 0.5, 0.5))
    emblem = draw_emblem(random, 16.0) if random.random() < 0.5 else None
    back_emblem = draw_emblem(random, 18.0) if random.random() < 0.35 else None
    back_panel = random.random() < 0.35

    def distance(points: Tensor) -> Tensor:
        x, y, z = points[0], points[1], points[2] / DEEP
        around = torch.atan2(x, z)
        low = ((waist_y - y) / (waist_y - hem)).clamp(0, 1)
        radius = _smooth_profile(y, heights, radii) + pleat_depth * low * torch.cos(pleats * around + phase)
        bell = ((x * x + z * z).sqrt() - radius) * STEEPEST * DEEP**0.5
        bell = smooth_max(bell, hem + asymmetry * torch.sin(around) - y, 3.0)
        bell = smooth_max(bell, y - shoulder + 0.25 * x.abs(), 5.0)
        dress = bell
        if sleeve:
            dress = smooth_min(dress, _sleeves(points, radii[-1], shoulder, sleeve, spread, sleeve_radius), 5.0)
        depth = torch.where(points[2] > 0, neck_depth, back_depth)
        neck = (((x / neck_width).square() + ((shoulder - y) / depth).square()).sqrt() - 1) * neck_width * 0.6
        return smooth_max(dress, -neck, 2.0)

    def colour(points: Tensor) -> Tensor:
        x, y, z = points.unbind(1)
        across = 30 * torch.atan2(x, z / DEEP)
        front = z > 0
        albedo = printed(points.new_tensor(cloth).expand(len(points), 3), upper_print, across, y)
        if two_parts:
            lower = printed(points.new_tensor(skirt).expand(len(points), 3), skirt_print, across, y)
            albedo = torch.where((y < waist_y)[:, None], lower, albedo)
        if back_panel:
            albedo = blended(albedo, second, ((~front) & (x.abs() < 16)).float())
        if emblem is not None:
            albedo = stamped(albedo, emblem, x, y - waist_y - 24, front)
        if back_emblem is not None:
            albedo = stamped(albedo, back_emblem, -x, y - waist_y - 22, ~front)
        if belt:
            albedo = blended(albedo, trim, ((y - waist_y).abs() < 4.5).float())
        if buttons:
            row = front & (x.abs() < 3.2) & (y > hem * 0.5) & (torch.sin(y * 0.55) > -0.2)
            albedo = blended(albedo, second, row.float())
        if collar:
            near = ((x / (neck_width + 7)).square() + ((shoulder - y) / (neck_depth + 8)).square()) < 1
            albedo = blended(albedo, trim, (near & front).float())
        return blended(albedo, trim, (y < hem + 6).float())

    reach = max(float(radii.max()) + pleat_depth + 4, float(radii[-1]) + sleeve * math.sin(spread) + 20)
    deep = float(radii.max() + pleat_depth) * DEEP + 14
    bounds = Bounds((-reach, hem - 14, -deep), (reach, shoulder + 14, deep))
    return shape_of(SolidField(distance, bounds), cells, colour)


def _sleeves(points: Tensor, wide: float, shoulder: float, length: float, spread: float, radius: float) -> Tensor:
    """[p] two round cones from the shoulders down and out."""
    x, y, z = points[0].abs() - wide * 0.8, points[1] - shoulder + 14, points[2]
    out, down = math.sin(spread), -math.cos(spread)
    along = (x * out + y * down).clamp(0, length)
    apart = ((x - along * out).square() + (y - along * down).square() + z.square()).sqrt()
    return smooth_max(apart - radius, x * out + y * down - length, 2.0)


def _smooth_profile(y: Tensor, heights: np.ndarray, radii: np.ndarray) -> Tensor:
    """[p] radii between heights, eased in and out."""
    radius = torch.full_like(y, float(radii[0]))
    for low, high, start, end in zip(heights[:-1], heights[1:], radii[:-1], radii[1:]):
        share = ((y - low) / (high - low)).clamp(0, 1)
        radius = radius + (end - start) * share * share * (3 - 2 * share)
    return radius
