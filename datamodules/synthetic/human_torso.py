"""Trunk and neck, with what is worn on them: shirt, jacket, the trousers' seat, belt, collar, hood, straps, apron."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from datamodules.synthetic.human_blocks import FOLD_REACH_CM, Addition, Context, Part, near_mask
from datamodules.synthetic.human_folds import FoldRegion
from datamodules.synthetic.human_parameters import BodyShape
from datamodules.synthetic.human_primitives import (
    Ellipsoids,
    Frame,
    RoundCones,
    pick,
    smooth_max,
    smooth_min,
    tilted,
    torus,
    where,
)
from datamodules.synthetic.human_skeleton import Skeleton
from datamodules.synthetic.human_torso_details import emboss, relief

SHIRT_CM, JACKET_CM, SEAT_CM = 1.2, 2.6, 1.0
NECK_HOLE_CM = 7.6
COLLAR_FADES_CM = 7.0


class Trunk:
    """The naked trunk [p]: eight ellipsoids and the muscles between neck and shoulders, melted together."""

    def __init__(self, shape: BodyShape, skeleton: Skeleton, origin: np.ndarray, like: Tensor) -> None:
        g, w, t = shape.girth, shape.shoulders, shape.torso
        self.ellipsoids = Ellipsoids(
            skeleton,
            [
                ("pelvis", (0, -2, 0), (16 * g, 12, 11 * g)),
                ("spine", (0, 4 * t, 0.5), (14 * g, 15 * t, 10 * g)),
                ("chest", (0, 8 * t, 0), (17.0 * w, 16 * t, 10.5)),
                ("spine", (0, -1, 2 + shape.belly_cm), (11 * g, 10, 8.5 * g)),
                ("chest", (7.5, 4 * t, 2.5 + shape.bust_cm), (6.5, 6.5, 6.5)),
                ("chest", (-7.5, 4 * t, 2.5 + shape.bust_cm), (6.5, 6.5, 6.5)),
                ("pelvis", (6.5, -6, -4), (8 * g, 9, 8.5)),
                ("pelvis", (-6.5, -6, -4), (8 * g, 9, 8.5)),
            ],
            origin,
            like,
        )
        self.muscles = RoundCones(
            skeleton,
            [("chest", (s * 2, 24 * t, -2.0), (s * 15.5 * w, 16.5 * t, -0.5), 4.2, 4.6) for s in (-1, 1)],
            origin,
            like,
        )

    def __call__(self, points: Tensor) -> Tensor:
        pelvis, waist, chest, belly, left_bust, right_bust, left_seat, right_seat = self.ellipsoids(points)
        pelvis = smooth_min(pelvis, torch.minimum(left_seat, right_seat), 3)
        trunk = smooth_min(smooth_min(pelvis, waist, 6), chest, 6)
        trunk = smooth_min(trunk, belly, 4)
        trunk = smooth_min(trunk, torch.minimum(left_bust, right_bust), 3)
        return smooth_min(trunk, self.muscles(points).amin(0), 4)


class Torso:
    """The block of the trunk."""

    def __init__(self, context: Context) -> None:
        parameters, skeleton, like = context.parameters, context.skeleton, context.like
        outfit, torso = parameters.outfit, parameters.shape.torso
        self.context, self.outfit, self.torso = context, outfit, torso
        self.origin = skeleton.point("spine", 0, 4, 0)
        self.trunk = Trunk(parameters.shape, skeleton, self.origin, like)
        self.pelvis, self.spine, self.chest = (
            Frame(skeleton, joint, self.origin, like) for joint in ("pelvis", "spine", "chest")
        )
        self.neck = RoundCones(
            skeleton, [("chest", (0, 17 * torso, -1), _neck_top(skeleton), 5.3, 4.8)], self.origin, like
        )
        self.pouch = Ellipsoids(skeleton, [("chest", (0, 19 * torso, -10.5), (9.0, 7.5, 5.0))], self.origin, like)
        ends = (-17.0, 29.0 * torso)
        self.shirt_folds, self.jacket_folds, self.seat_folds = (
            FoldRegion(parameters.folds, region, radius=13, centre=-2, width=14, strength=strength, ends=ends)
            for region, strength in (("torso", 1.0), ("jacket", 1.0), ("hips", 0.6))
        )
        extra = max(parameters.shape.belly_cm, parameters.shape.bust_cm) + JACKET_CM + 2.5
        start, end = skeleton.point("pelvis", 0, -3, 0), skeleton.point("chest", 0, 12 * torso, 0)
        self.bound = (start, end, 17.5 * max(parameters.shape.girth, parameters.shape.shoulders) + extra + 2.5)

    def __call__(self, points: Tensor) -> list[Addition]:
        outfit, context = self.outfit, self.context
        trunk = self.trunk(points)
        pelvis, chest = self.pelvis(points), self.chest(points)
        in_neck_hole = (
            torch.sqrt(chest[0].square() + (chest[1] - 24 * self.torso).square() + (chest[2] - 1).square())
            - NECK_HOLE_CM
        )
        away = (in_neck_hole * (1 / COLLAR_FADES_CM)).clamp(0, 1)  # collars lie close to the neck and have no folds
        cloth = self._cloth(self.shirt_folds, points, trunk - SHIRT_CM - outfit.looseness * away, away)
        if context.details and outfit.emboss and outfit.upper != "jacket":
            cloth = cloth - emboss(outfit, chest)
        shirt = smooth_max(cloth, -in_neck_hole, 0.8)
        if outfit.lower != "dress":
            shirt = smooth_max(shirt, -(pelvis[1] + outfit.hem), 0.8)
        skin = smooth_min(trunk, self.neck(points)[0], 3)
        skin = smooth_min(skin, smooth_max(trunk - SHIRT_CM + 0.4, in_neck_hole, 1.0), 1.0)
        additions = [Addition(Part.SKIN, skin, 2.0)]

        if outfit.upper == "jacket":
            jacket = self._cloth(self.jacket_folds, points, trunk - JACKET_CM - outfit.looseness * away, away)
            opening = chest[0].abs() - (outfit.jacket_gap - 0.05 * chest[1])
            opening = torch.maximum(opening, 2 - chest[2])
            jacket = smooth_max(jacket, -opening, 0.8)
            jacket = smooth_max(jacket, 1.5 - in_neck_hole, 0.8)
            additions.append(Addition(Part.OUTER, smooth_max(jacket, -(pelvis[1] + max(outfit.hem, 3) + 3), 0.8), 3.0))

        if outfit.lower in ("trousers", "shorts"):
            seat = self._cloth(self.seat_folds, points, trunk - SEAT_CM, away)
            additions.append(Addition(Part.LOWER, smooth_max(seat, pelvis[1] - 7, 0.6), 2.5))
        elif outfit.lower == "skirt":
            seat = smooth_max(trunk - SEAT_CM, pelvis[1] - 7, 0.6)
            additions.append(Addition(Part.LOWER, smooth_max(seat, -(pelvis[1] + 9), 0.6), 3.0))
        else:
            shirt = smooth_max(shirt, -(pelvis[1] + 9), 0.6)  # the dress goes on in the block of the skirt

        shirt = self._collar(shirt, points, chest)
        additions.append(Addition(Part.UPPER, shirt, 3.0))
        outside = min_of([shirt, *(one.distance for one in additions[1:])])
        return additions + relief(context, outside, shirt, trunk, pelvis, chest)

    def _cloth(self, region: FoldRegion, points: Tensor, smooth: Tensor, share: Tensor) -> Tensor:
        """[p] smooth cloth with a share of its folds."""

        def heights(chosen: Tensor | None) -> Tensor:
            spine = self.spine(pick(points, chosen))
            return region(spine[1], spine[2], spine[0], self.context.bands)

        return smooth - share * where(near_mask(self.context, smooth, FOLD_REACH_CM), heights, smooth)

    def _collar(self, shirt: Tensor, points: Tensor, chest: Tensor) -> Tensor:
        outfit, torso = self.outfit, self.torso
        if outfit.upper == "hoodie":
            hood = tilted(chest, (0, 24.0 * torso, -2.0), 0.45)
            ring = smooth_max(torus(hood, 8.2, 2.5), hood[2] - 6, 1.5)
            return smooth_min(shirt, smooth_min(ring, self.pouch(points)[0], 2), 1.2)
        if outfit.collar and self.context.details:
            return smooth_min(shirt, torus(tilted(chest, (0, 21.6 * torso, 0.4), 0.25), 7.2, 1.0), 0.6)
        return shirt


def min_of(distances: Sequence[Tensor]) -> Tensor:
    """[p] The union with creases."""
    result = distances[0]
    for distance in distances[1:]:
        result = torch.minimum(result, distance)
    return result


def _neck_top(skeleton: Skeleton) -> tuple[float, float, float]:
    """The head's joint in the frame of the chest, a little higher."""
    x, y, z = skeleton.rotation["chest"].T @ (skeleton.point("head", 0, 1, -0.5) - skeleton.position["chest"])
    return float(x), float(y), float(z)
