"""People in clothes whose front differs from their back, with bags in their hands."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from datamodules.synthetic.garment_handbags import draw_handbag
from datamodules.synthetic.garment_prints import (
    Emblem,
    Print,
    blended,
    draw_colour,
    draw_emblem,
    draw_print,
    printed,
    stamped,
    step,
)
from datamodules.synthetic.garment_shapes import GarmentShape, joined, moved, shape_of
from datamodules.synthetic.human_blocks import Part
from datamodules.synthetic.human_draws import unplaced_humans
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_head import SKULL_ABOVE_JOINT
from datamodules.synthetic.human_parameters import JOINTS, HumanParameters, Lower, Pose
from datamodules.synthetic.human_primitives import Frame

CELLS = 88
"""Cells of 2.3 cm: about 12 000 triangles."""
THINNEST_CM = 5.0
"""Two cells: thinner hems would be in rags."""
BAG_CELLS = 40
BAG_SHARE = 0.25
SMALLEST_STRIDE = 0.1
SWUNG = ("hip", "knee", "ankle", "elbow")
LOWER_SHARES: dict[Lower, float] = {"trousers": 0.44, "shorts": 0.18, "skirt": 0.18, "dress": 0.2}
FEATURES = ((-3.1, 0.8, 2.0, 1.0), (3.1, 0.8, 2.0, 1.0), (0.0, -5.5, 2.8, 1.1))
"""Eyes and mouth in the frame of the skull: place across and up, half sizes in cm. Larger than they are, because
vertices lie 2 cm apart."""
EYE_COLOUR = (0.13, 0.1, 0.09)
CLOTH_CIRCLE_CM = 13.0
"""Radius of the cylinder on which prints on trunk and skirt are laid out."""


class _Prints:
    """What a person's clothes show beyond the colours of `human_colours`."""

    def __init__(self, random: np.random.Generator) -> None:
        self.upper: Print = draw_print(random)
        self.lower: Print = draw_print(random)
        self.front: Emblem | None = draw_emblem(random, 13.0) if random.random() < 0.6 else None
        self.back: Emblem | None = draw_emblem(random, 15.0) if random.random() < 0.4 else None
        self.front_height, self.back_height = random.uniform(-4, 8, 2)
        self.front_panel = draw_colour(random) if random.random() < 0.3 else None
        self.back_panel = draw_colour(random) if random.random() < 0.15 else None
        self.reprint_upper, self.reprint_lower = random.random() < 0.5, random.random() < 0.35


def draw_person(random: np.random.Generator, seed: int) -> GarmentShape:
    """The person of a seed, standing or walking, in centimetres; a quarter carries a handbag."""
    lower: Lower = list(LOWER_SHARES)[int(random.choice(len(LOWER_SHARES), p=list(LOWER_SHARES.values())))]
    person = next(unplaced_humans(seed, family="walking", lower=lower))
    person = replace(person, pose=strolling(person.pose, random.uniform(SMALLEST_STRIDE, 1.0)))
    field = HumanField(person, thinnest_cm=THINNEST_CM)
    prints = _Prints(random)
    shape = shape_of(field, CELLS, lambda points: _colours(field, prints, points))
    if random.random() < BAG_SHARE:
        shape = joined(shape, _carried_bag(field, random))
    return shape


def strolling(pose: Pose, stride: float) -> Pose:
    """The pose with the angles of its legs and elbows taken times `stride`: 0 stands still."""
    rotations = tuple(
        tuple(angle * (stride if joint.endswith(SWUNG) else 1.0) for angle in turn)
        for joint, turn in zip(JOINTS, pose.rotations)
    )
    return replace(pose, rotations=rotations)


def _colours(field: HumanField, prints: _Prints, points: Tensor) -> Tensor:
    """[p, 3]"""
    albedo, parts = field.albedo(points), field.parts(points)
    skeleton = field.context.skeleton
    model_points = field.model_points(points)
    albedo = _with_face(field, model_points, albedo, parts == Part.SKIN)
    x, y, z = Frame(skeleton, "chest", np.zeros(3), points)(model_points)
    around = CLOTH_CIRCLE_CM * torch.atan2(x, z)
    shirt = (parts == Part.UPPER) | (parts == Part.OUTER)
    worn = [(prints.reprint_upper, prints.upper, shirt), (prints.reprint_lower, prints.lower, parts == Part.LOWER)]
    for wanted, pattern, on in worn:
        if wanted:
            albedo[on] = printed(albedo[on], pattern, around[on], y[on])
    for side, panel in ((z > 0, prints.front_panel), (z <= 0, prints.back_panel)):
        if panel is not None:
            albedo[shirt & side & (x.abs() < 15)] = albedo.new_tensor(panel)
    for sign, emblem, height in ((1, prints.front, prints.front_height), (-1, prints.back, prints.back_height)):
        if emblem is not None:
            albedo = stamped(albedo, emblem, sign * x, y - height, shirt & (sign * z > 3) & (x.abs() < 17))
    return albedo


def _with_face(field: HumanField, model_points: Tensor, albedo: Tensor, skin: Tensor) -> Tensor:
    """Colours [p, 3] with dark eyes and a mouth on the skin [p]."""
    head, colours = field.parameters.shape.head, field.parameters.colours
    x, y, z = Frame(field.context.skeleton, "head", np.zeros(3), albedo)(model_points) / head
    y = y - SKULL_ABOVE_JOINT
    for (across, up, half_width, half_height), colour in zip(FEATURES, (EYE_COLOUR, EYE_COLOUR, colours.lips)):
        inside = 1 - ((x - across) / half_width).square() - ((y - up) / half_height).square()
        albedo = blended(albedo, colour, 0.8 * step(inside) * (skin & (z > 4)))
    return albedo


def _carried_bag(field: HumanField, random: np.random.Generator) -> GarmentShape:
    """A handbag that hangs from a hand, its front outwards."""
    side, sign = (("left", 1.0), ("right", -1.0))[int(random.integers(2))]
    parameters: HumanParameters = field.parameters
    hand = field.context.skeleton.point(f"{side}_wrist", sign * 8 * parameters.shape.arms, 0, 0)
    scale = random.uniform(0.14, 0.24)
    outwards = np.array([[0.0, 0, sign], [0, 1, 0], [-sign, 0, 0]])
    bag = draw_handbag(random, BAG_CELLS)
    top = float(bag.mesh.vertices[:, 1].max())
    return moved(bag, outwards, scale, hand - np.array([-sign * 2, scale * (top - 12), 0]))
