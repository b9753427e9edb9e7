"""Handbags: boxes that narrow to the top, with a handle, and on the front a flap, a clasp and an emblem."""

import math

import numpy as np
import torch
from torch import Tensor

from datamodules.synthetic.garment_prints import blended, draw_colour, draw_emblem, draw_print, printed, stamped
from datamodules.synthetic.garment_shapes import GarmentShape, SolidField, shape_of
from datamodules.synthetic.human_primitives import rounded_box, smooth_max, smooth_min
from models.geometry.grids import Bounds


def draw_handbag(random: np.random.Generator, cells: int) -> GarmentShape:
    """About 180 cm large, so that it fits where people fit; its front is towards +z."""
    u = random.uniform
    half_width, half_height, half_depth = u(52, 78), u(34, 62), u(16, 30)
    narrowing, rounding, bulge = u(0.0, 0.3), u(6, 15), u(0.0, 0.25)
    handle_width, handle_height, thickness = half_width * u(0.4, 0.75), u(30, 65), u(4.5, 7)
    handles = 2 if random.random() < 0.5 else 1
    flap_height, has_flap = u(0.0, 0.6) * half_height, random.random() < 0.6
    body, flap, trim, metal = (draw_colour(random) for _ in range(4))
    pattern, emblem = draw_print(random, (14.0, 40.0)), draw_emblem(random, 26.0)
    emblem_height = -u(0.2, 0.5) * half_height
    middle = -handle_height / 2

    def distance(points: Tensor) -> Tensor:
        x, y, z = points[0], points[1] - middle, points[2]
        up = (y / half_height).clamp(-1, 1)
        shrink = 1 - narrowing * (up + 1) / 2
        thick = shrink * (1 + bulge * (1 - up * up))
        box = rounded_box(torch.stack([x / shrink, y, z / thick]), (half_width, half_height, half_depth), rounding)
        box = box * (1 - narrowing)
        apart = half_depth * (1 - narrowing) * 0.6 * (handles - 1)
        # half an ellipse, its distance bound by the smaller axis
        ring = ((x / handle_width).square() + ((y - half_height + 4) / handle_height).square()).sqrt()
        across = (ring - 1) * min(handle_width, handle_height)
        handle = (across.square() + (z.abs() - apart).square()).sqrt() - thickness
        handle = smooth_max(handle, half_height - 6 - y, 2.0)
        bag = smooth_min(box, handle, 3.0)
        if has_flap:
            slab = rounded_box(
                torch.stack([x / shrink, y - half_height * 0.98 + flap_height, z - half_depth * 0.9]),
                (half_width * 0.96, flap_height + 3, 9.0),
                4.0,
            )
            bag = smooth_min(bag, slab * (1 - narrowing), 1.5)
        return bag

    def colour(points: Tensor) -> Tensor:
        x, y, z = points[:, 0], points[:, 1] - middle, points[:, 2]
        albedo = printed(points.new_tensor(body).expand(len(points), 3), pattern, x + z, y)
        front = z > half_depth * 0.5
        albedo = stamped(albedo, emblem, x, y - emblem_height, front)
        seam = (y < -half_height * 0.82) | (x.abs() > half_width * 0.97 * (1 - narrowing / 2))
        albedo = blended(albedo, trim, seam.float())
        if has_flap:
            covered = front & (y > half_height - 2 * flap_height - 4)
            albedo = blended(albedo, flap, covered.float())
        clasp = front & (x.abs() < 8) & ((y - half_height + 2 * flap_height + 4).abs() < 7)
        albedo = blended(albedo, metal, clasp.float())
        return blended(albedo, trim, (y > half_height + 2).float())

    wide = half_width + rounding
    deep = half_depth * (1 + bulge) + 16
    low, high = middle - half_height - 3, middle + half_height + handle_height + thickness + 3
    bounds = Bounds((-wide, low, -deep), (wide, math.ceil(high), deep))
    return shape_of(SolidField(distance, bounds), cells, colour)
