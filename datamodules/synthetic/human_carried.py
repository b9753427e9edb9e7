"""Skirts, and bags on the back."""

import numpy as np
import torch
from torch import Tensor

from datamodules.synthetic.human_blocks import Addition, Context, Part
from datamodules.synthetic.human_folds import FoldRegion
from datamodules.synthetic.human_primitives import Frame, RoundCones, rounded_box, smooth_max, smooth_min

WALL_CM = 1.4


class Skirt:
    """Three wide cones over both thighs and between them, pleated and hollow at the hem, so that legs stand in air."""

    def __init__(self, context: Context) -> None:
        parameters, skeleton = context.parameters, context.skeleton
        outfit, shape = parameters.outfit, parameters.shape
        self.context, self.outfit, self.shape = context, outfit, shape
        self.wall_cm = max(WALL_CM, context.thinnest_cm)
        hips = {side: skeleton.position[f"{side}_hip"] for side in ("left", "right")}
        ends = {
            side: hips[side] + (skeleton.position[f"{side}_knee"] - hips[side]) * outfit.skirt_length
            for side in ("left", "right")
        }
        self.top = skeleton.point("pelvis", 0, 4, 0)
        self.bottom = (ends["left"] + ends["right"]) / 2
        self.length = float(np.linalg.norm(self.bottom - self.top))
        self.origin = (self.top + self.bottom) / 2
        wide = 8.5 * shape.girth + outfit.skirt_flare
        joints = [(hips["left"], ends["left"]), (hips["right"], ends["right"]), (self.top, self.bottom)]
        to_pelvis = skeleton.rotation["pelvis"].T
        self.cones = RoundCones(
            skeleton,
            [
                (
                    "pelvis",
                    to_pelvis @ (start - skeleton.position["pelvis"]),
                    to_pelvis @ (start + 1.3 * (end - start) - skeleton.position["pelvis"]),
                    9.8 * shape.girth,
                    wide,
                )
                for start, end in joints
            ],
            self.origin,
            context.like,
        )
        down = (self.bottom - self.top) / self.length
        forward = skeleton.rotation["pelvis"] @ np.array([0.0, 0.0, 1.0])
        forward = forward - (forward @ down) * down
        forward /= np.linalg.norm(forward)
        axes = np.stack([np.cross(down, forward), down, forward])
        self.axes = context.like.new_tensor(axes)
        self.half = self.length / 2
        self.folds = FoldRegion(
            parameters.folds, "hips", radius=13, centre=0, width=20, strength=0.6, ends=(-self.length, 0.0)
        )
        spread = float(np.linalg.norm(ends["left"] - ends["right"])) / 2
        self.bound = (self.top, self.bottom, max(spread, 10) + max(wide, 10 * shape.girth) + 6)

    def __call__(self, points: Tensor) -> list[Addition]:
        outfit = self.outfit
        left, right, middle = self.cones(points)
        cone = smooth_min(smooth_min(left, right, 8), middle, 6)
        along = self.axes @ points
        down = along[1] + self.half
        around = torch.atan2(along[0], along[2])
        pleats = (around * outfit.pleats).cos_() * (outfit.pleat_depth * (down / self.length).clamp(0, 1))
        folds = self.folds(-down, along[2], along[0], self.context.bands)
        cloth = cone - 0.8 - pleats - folds * (0.3 + 0.7 * (1 - down / self.length).clamp(0, 1))
        skirt = smooth_max(cloth, down - self.length, 0.6)
        skirt = smooth_max(skirt, -down, 0.6)
        depth = min(0.35 * self.length, 16.0)
        hollow = smooth_max(cone - 0.8 - pleats + self.wall_cm, self.length - depth - down, 2.0)
        skirt = smooth_max(skirt, -hollow, 0.3)
        part = Part.UPPER if outfit.lower == "dress" else Part.LOWER
        return [Addition(part, skirt, 2.0)]


class Backpack:
    """A bag whose straps lie on the chest."""

    def __init__(self, context: Context) -> None:
        skeleton, torso = context.skeleton, context.parameters.shape.torso
        thick = 1.5 if context.parameters.outfit.upper == "jacket" else 0.0
        self.origin = skeleton.point("chest", 0, 2 * torso, -16.0 - thick)
        self.frame = Frame(skeleton, "chest", self.origin, context.like)
        self.centre = context.like.new_tensor([0, 2 * torso, -16.0 - thick])[:, None]
        self.details = context.details
        self.bound = (skeleton.point("chest", 0, -6, -16 - thick), skeleton.point("chest", 0, 10, -16 - thick), 22.0)

    def __call__(self, points: Tensor) -> list[Addition]:
        local = self.frame(points) - self.centre
        bag = rounded_box(local, (13.5, 19, 7.5), 5)
        if self.details:
            pocket = rounded_box(local - local.new_tensor([0, -7, -7.0])[:, None], (9.5, 8, 3), 2)
            bag = smooth_min(bag, pocket, 0.6)
        return [Addition(Part.BAG, bag, 1.0)]
