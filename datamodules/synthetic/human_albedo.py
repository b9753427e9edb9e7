"""The colours of procedural people: prints that do not follow the folds, lips, eyes and brows."""

import math

import numpy as np
import torch
from torch import Tensor

from datamodules.synthetic.human_blocks import Context, Part
from datamodules.synthetic.human_head import EYES_Y, LIPS_Y, SKULL_ABOVE_JOINT
from datamodules.synthetic.human_parameters import Pattern
from datamodules.synthetic.human_primitives import Capsules

_BONES = (
    "torso",
    "left_shoulder",
    "left_elbow",
    "left_hip",
    "left_knee",
    *(
        "right_shoulder",
        "right_elbow",
        "right_hip",
        "right_knee",
    ),
)


def human_albedo(context: Context, points: Tensor, parts: Tensor) -> Tensor:
    """[p, 3] RGB in 0..1 from points [3, p] in the model's frame and their parts [p]."""
    colours = context.parameters.colours
    table = points.new_tensor(
        [
            colours.skin,
            colours.upper,
            colours.outer,
            colours.lower,
            colours.hair,
            colours.hat,
            colours.shoes,
            colours.bag,
            colours.accessory,
            colours.trim,
        ]
    )
    albedo = table[parts]
    for part, pattern in ((Part.UPPER, colours.upper_pattern), (Part.LOWER, colours.lower_pattern)):
        chosen = (parts == part).nonzero().squeeze(1)
        if pattern.kind == "plain" or not len(chosen):
            continue
        share = _print(context, pattern, points[:, chosen])[:, None]
        albedo[chosen] = albedo[chosen] * (1 - share) + points.new_tensor(pattern.colour) * share
    skin = (parts == Part.SKIN).nonzero().squeeze(1)
    if len(skin):
        albedo[skin] = _face(context, points[:, skin], albedo[skin])
    return albedo


def _print(context: Context, pattern: Pattern, points: Tensor) -> Tensor:
    """[p] how much of the second colour shows, in coordinates around and along the nearest bone."""
    around, along = cloth_coordinates(context, points)
    c, s = math.cos(pattern.angle), math.sin(pattern.angle)
    u, v = c * around + s * along, c * along - s * around
    turn = 2 * math.pi / pattern.scale_cm
    if pattern.kind == "stripes":
        return _step(torch.sin(turn * v + pattern.phases[0]))
    if pattern.kind == "checks":
        return _step(torch.sin(turn * v + pattern.phases[0])) * 0.6 + _step(torch.sin(turn * u)) * 0.4
    if pattern.kind == "noise":
        waves = torch.zeros_like(u)
        for index, phase in enumerate(pattern.phases):
            angle, frequency = phase * 2.3, turn * (0.35 + 0.22 * index)
            waves += torch.sin(frequency * (u * math.cos(angle) + v * math.sin(angle)) + phase)
        return _step(waves - 0.5)
    chest = _local(context, "chest", points)
    from_middle = (chest[0].square() + (chest[1] - 6).square()).sqrt()
    rays = torch.sin(5 * torch.atan2(chest[0], chest[1] - 6) + pattern.phases[0])
    return _step(5.5 + 1.5 * rays - from_middle) * (chest[2] > 0)


def cloth_coordinates(context: Context, points: Tensor) -> tuple[Tensor, Tensor]:
    """[p] and [p] cm around and along the nearest of the trunk and the limbs."""
    skeleton = context.skeleton
    ends = {"shoulder": "elbow", "elbow": "wrist", "hip": "knee", "knee": "ankle"}
    capsules, joints = [], []
    for name in _BONES:
        if name == "torso":
            capsules.append((skeleton.position["pelvis"], skeleton.point("chest", 0, 10, 0), 13.0))
            joints.append("spine")
            continue
        side, joint = name.split("_")
        radius = {"shoulder": 5.0, "elbow": 4.0, "hip": 8.0, "knee": 5.0}[joint]
        capsules.append((skeleton.position[name], skeleton.position[f"{side}_{ends[joint]}"], radius))
        joints.append(name)
    nearest = Capsules(capsules, context.like)(points).argmin(0)
    around, along = torch.zeros_like(points[0]), torch.zeros_like(points[0])
    for index, joint in enumerate(joints):
        chosen = (nearest == index).nonzero().squeeze(1)
        if not len(chosen):
            continue
        x, y, z = _local(context, joint, points[:, chosen])
        if "shoulder" in joint or "elbow" in joint:
            around[chosen], along[chosen] = 5.0 * torch.atan2(y, z), x
        else:
            around[chosen], along[chosen] = (13.0 if joint == "spine" else 7.0) * torch.atan2(x, z), y
    return around, along


def _face(context: Context, points: Tensor, skin: Tensor) -> Tensor:
    """Lips, eyes with iris and pupil, brows in the colour of the hair, redder cheeks."""
    colours, shape = context.parameters.colours, context.parameters.shape
    x, y, z = _local(context, "head", points) / shape.head
    y = y - SKULL_ABOVE_JOINT
    eye, front = 3.1 * shape.eye_distance, (z > 4.0).to(x.dtype)
    cheek = torch.exp(-((x.abs() - 4) ** 2 + (y + 3.0) ** 2) / 5) * front * 0.25
    skin = skin * (1 - cheek[:, None] * skin.new_tensor([0.0, 0.35, 0.35]))
    layers = [
        ((x / 2.4) ** 2 + ((y - sum(LIPS_Y) / 2) / 1.15) ** 2, colours.lips, 7.0),
        (((x.abs() - eye) / 1.25) ** 2 + ((y - EYES_Y) / 0.7) ** 2, (0.88, 0.86, 0.84), 6.5),
        (((x.abs() - eye) / 0.62) ** 2 + ((y - EYES_Y) / 0.62) ** 2, colours.eyes, 6.5),
        (((x.abs() - eye) / 0.26) ** 2 + ((y - EYES_Y) / 0.26) ** 2, (0.03, 0.03, 0.03), 6.5),
        (((x.abs() - eye) / 1.9) ** 2 + ((y - 2.85) / 0.5) ** 2, colours.hair, 6.0),
    ]
    for inside, colour, depth in layers:
        share = (_step(1 - inside) * (z > depth))[:, None]
        skin = skin * (1 - share) + skin.new_tensor(colour) * share
    return skin


def _local(context: Context, joint: str, points: Tensor) -> Tensor:
    rotation, offset = context.skeleton.frame(joint, np.zeros(3))
    return torch.addmm(points.new_tensor(offset)[:, None], points.new_tensor(rotation), points)


def _step(value: Tensor) -> Tensor:
    """0 below 0, 1 above, with a narrow ramp."""
    return (0.5 + 4 * value).clamp(0, 1)
