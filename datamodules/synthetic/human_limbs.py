"""Arms, hands, legs and feet with their sleeves, trouser legs and shoes."""

import math

import numpy as np
from torch import Tensor

from datamodules.synthetic.human_blocks import FOLD_REACH_CM, Addition, Context, Part, near_mask
from datamodules.synthetic.human_folds import FoldRegion
from datamodules.synthetic.human_parameters import JOINTS, Pose
from datamodules.synthetic.human_primitives import (
    Ellipsoids,
    Frame,
    RoundCones,
    bone,
    pick,
    smooth_max,
    smooth_min,
    where,
)
from datamodules.synthetic.human_skeleton import FOREARM, SHANK, THIGH, UPPER_ARM, distance_to_segment


class Arm:
    """Upper arm and forearm; the bones lie along x."""

    def __init__(self, context: Context, side: str, sign: float) -> None:
        parameters, skeleton = context.parameters, context.skeleton
        self.context, self.outfit, self.sign = context, parameters.outfit, sign
        self.girth, self.scale = parameters.shape.girth, parameters.shape.arms
        self.origin = skeleton.position[f"{side}_elbow"]
        self.upper = Frame(skeleton, f"{side}_shoulder", self.origin, context.like)
        self.fore = Frame(skeleton, f"{side}_elbow", self.origin, context.like)
        strength = 0.5 + bend_degrees(parameters.pose, f"{side}_elbow") / 100
        scale, folds = self.scale, parameters.folds
        arm_ends, forearm_ends = (0, UPPER_ARM * scale), (0, FOREARM * scale)
        self.upper_folds = FoldRegion(
            folds, f"{side}_upper_arm", radius=5, centre=26 * scale, width=9 * scale, strength=strength, ends=arm_ends
        )
        self.fore_folds = FoldRegion(
            folds, f"{side}_forearm", radius=4, centre=2, width=9 * scale, strength=strength, ends=forearm_ends
        )

        start, end = skeleton.position[f"{side}_shoulder"], skeleton.position[f"{side}_wrist"]
        slack = distance_to_segment(self.origin, start, end)  # bones bend within this of the chord
        self.bound = (start, end, slack + 5.2 * self.girth + 5.5 + self.outfit.looseness)

    def __call__(self, points: Tensor) -> list[Addition]:
        outfit, scale, girth = self.outfit, self.scale, self.girth
        upper, fore = self.upper(points), self.fore(points)
        along_upper, along_fore = upper[0] * self.sign, fore[0] * self.sign
        upper_arm = bone(along_upper, upper[1], upper[2], UPPER_ARM * scale, 5.2 * girth, 4.2 * girth)
        forearm = bone(along_fore, fore[1], fore[2], FOREARM * scale, 4.3 * girth, 2.9)
        additions = [Addition(Part.SKIN, smooth_min(upper_arm, forearm, 1.5), 2.0)]

        loose = 1.3 + outfit.looseness + (0.6 if outfit.upper == "jacket" else 0.0)
        sleeve = self._cloth(self.upper_folds, upper, along_upper, upper_arm - loose)
        if outfit.upper == "t_shirt":
            sleeve = smooth_max(sleeve, along_upper - outfit.sleeve * scale, 0.6)
        else:
            cuff = self._cloth(self.fore_folds, fore, along_fore, forearm - loose)
            cuff = smooth_max(cuff, along_fore - outfit.sleeve * scale, 0.6)
            sleeve = smooth_min(sleeve, cuff, 2)
        part = Part.OUTER if outfit.upper == "jacket" else Part.UPPER
        return [*additions, Addition(part, sleeve, 3.0)]

    def _cloth(self, region: FoldRegion, frame: Tensor, along: Tensor, smooth: Tensor) -> Tensor:
        def heights(chosen: Tensor | None) -> Tensor:
            across = pick(frame, chosen)
            return region(pick(along, chosen), across[1], across[2], self.context.bands)

        return smooth - where(near_mask(self.context, smooth, FOLD_REACH_CM), heights, smooth)


class Hand:
    """A palm, four fingers of two segments and a thumb; the palm looks to −y, the thumb to +z."""

    def __init__(self, context: Context, side: str, sign: float) -> None:
        skeleton, like = context.skeleton, context.like
        joint, arms = f"{side}_wrist", context.parameters.shape.arms
        curl = math.radians(context.parameters.pose.finger_curl[0 if sign > 0 else 1])
        self.origin = skeleton.point(joint, sign * 7 * arms, 0, 0)
        scale = arms
        self.palm = Ellipsoids(
            skeleton,
            [(joint, (sign * 5 * scale, 0, 0), (6.5 * scale, 2.0 * scale, 4.2 * scale))],
            self.origin,
            like,
        )
        segments = []
        for finger in range(4):
            z, length = -3 + 2 * finger, (3.4, 4.1, 4.4, 4.0)[finger]
            knuckle = np.array([8.5, 0.0, z])
            direction = np.array([math.cos(curl), -math.sin(curl), 0.1 * (finger - 1.5)])
            middle = knuckle + length * direction
            bent = np.array([math.cos(2 * curl), -math.sin(2 * curl), 0.06 * (finger - 1.5)])
            segments += [(knuckle, middle, 1.05, 0.95), (middle, middle + 0.85 * length * bent, 0.95, 0.8)]
        thumb = [np.array([2.5, -0.3, 2.8]), np.array([6.0, -1.0, 5.6]), np.array([8.8, -1.8, 6.4])]
        segments += [(thumb[0], thumb[1], 1.4, 1.15), (thumb[1], thumb[2], 1.15, 0.9)]
        mirrored = np.array([sign * scale, scale, scale])
        self.fingers = RoundCones(
            skeleton,
            [(joint, a * mirrored, b * mirrored, ra * scale, rb * scale) for a, b, ra, rb in segments],
            self.origin,
            like,
        )
        self.bound = (self.origin, self.origin, 11.5 * max(arms, 0.85) + 1.0)

    def __call__(self, points: Tensor) -> list[Addition]:
        fingers = self.fingers(points)
        hand = smooth_min(self.palm(points)[0], fingers[:8].amin(0), 0.8)
        hand = smooth_min(hand, fingers[8:].amin(0), 1.0)
        return [Addition(Part.SKIN, hand, 1.5)]


class Leg:
    """Thigh and shank; the bones lie along −y."""

    def __init__(self, context: Context, side: str, sign: float) -> None:
        parameters, skeleton = context.parameters, context.skeleton
        self.context, self.outfit = context, parameters.outfit
        self.girth, self.scale = parameters.shape.girth, parameters.shape.legs
        self.origin = skeleton.position[f"{side}_knee"]
        self.thigh = Frame(skeleton, f"{side}_hip", self.origin, context.like)
        self.shank = Frame(skeleton, f"{side}_knee", self.origin, context.like)
        self.calf = Ellipsoids(
            skeleton, [(f"{side}_knee", (0, -12 * self.scale, -1.6), (5.0, 11, 5.0))], self.origin, context.like
        )
        strength = 0.6 + bend_degrees(parameters.pose, f"{side}_knee") / 100
        scale, folds = self.scale, parameters.folds
        thigh_ends, shank_ends = (0, THIGH * scale), (0, SHANK * scale)
        self.thigh_folds = FoldRegion(
            folds, f"{side}_thigh", radius=8, centre=38 * scale, width=14, strength=strength, ends=thigh_ends
        )
        self.shank_folds = FoldRegion(
            folds, f"{side}_shank", radius=6, centre=2, width=16, strength=strength, ends=shank_ends
        )

        start, end = skeleton.position[f"{side}_hip"], skeleton.position[f"{side}_ankle"]
        slack = distance_to_segment(self.origin, start, end)
        self.bound = (
            start,
            end,
            slack + max(9 * self.girth + 1.0, 6 * self.girth + outfit_width(context)) + 3.5,
        )

    def __call__(self, points: Tensor) -> list[Addition]:
        outfit, scale, girth = self.outfit, self.scale, self.girth
        thigh, shank = self.thigh(points), self.shank(points)
        along_thigh, along_shank = -thigh[1], -shank[1]
        upper = bone(along_thigh, thigh[2], thigh[0], THIGH * scale, 9 * girth, 5.9 * girth)
        lower = bone(along_shank, shank[2], shank[0], SHANK * scale, 5.7 * girth, 3.8)
        leg = smooth_min(smooth_min(upper, lower, 2), self.calf(points)[0], 2)
        additions = [Addition(Part.SKIN, leg, 1.0)]
        if outfit.lower in ("skirt", "dress"):
            return additions

        trouser = self._cloth(self.thigh_folds, thigh, along_thigh, upper - 1.0 - outfit.looseness)
        if outfit.lower == "shorts":
            trouser = smooth_max(trouser, along_thigh - outfit.trouser_end * scale, 0.6)
        else:
            width = 1.3 + outfit.looseness + along_shank.clamp(0, 45) * (outfit.flare / 40)
            below = self._cloth(self.shank_folds, shank, along_shank, lower - width)
            below = smooth_max(below, along_shank - outfit.trouser_end * scale, 0.6)
            trouser = smooth_min(trouser, below, 2.5)
        return [*additions, Addition(Part.LOWER, trouser, 1.0)]

    def _cloth(self, region: FoldRegion, frame: Tensor, along: Tensor, smooth: Tensor) -> Tensor:
        def heights(chosen: Tensor | None) -> Tensor:
            across = pick(frame, chosen)
            return region(pick(along, chosen), across[2], across[0], self.context.bands)

        return smooth - where(near_mask(self.context, smooth, FOLD_REACH_CM), heights, smooth)


class Foot:
    """A shoe with a sole."""

    def __init__(self, context: Context, side: str, sign: float) -> None:
        skeleton, like = context.skeleton, context.like
        joint, size = f"{side}_ankle", 0.5 + 0.5 * context.parameters.shape.legs
        self.size, self.details = size, context.details
        self.origin = skeleton.point(joint, 0, -4, 5)
        self.frame = Frame(skeleton, joint, self.origin, like)
        self.shoe = Ellipsoids(
            skeleton,
            [
                (joint, (0, -4 * size, 6 * size), (4.6 * size, 4.4 * size, 13 * size)),
                (joint, (0, -1, -0.5), (4.7 * size, 5.2 * size, 5.2 * size)),
            ],
            self.origin,
            like,
        )
        self.bound = (skeleton.point(joint, 0, -3, 0), skeleton.point(joint, 0, -4, 12), 8.0 * max(size, 0.9))

    def __call__(self, points: Tensor) -> list[Addition]:
        shoe, ankle = self.shoe(points)
        height = self.frame(points)[1]
        cut = height + 7 * self.size
        outline = smooth_min(shoe, ankle, 2)
        upper = smooth_max(outline, -cut, 0.5)
        if self.details:
            upper = smooth_min(upper, smooth_max(outline - 0.35, (cut - 0.9).abs() - 0.9, 0.3), 0.2)
        return [Addition(Part.SHOES, upper, 0.0)]


def bend_degrees(pose: Pose, joint: str) -> float:
    """How far a joint is turned."""
    return float(np.linalg.norm(pose.rotations[JOINTS.index(joint)]))


def outfit_width(context: Context) -> float:
    """cm by which trousers at most stand off the shank."""
    outfit = context.parameters.outfit
    return outfit.flare * 1.2 + outfit.looseness + 1.3
