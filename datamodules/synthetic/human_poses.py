"""Five families of poses, drawn as angles and kept as rotation vectors."""

import math

import numpy as np
from scipy.spatial.transform import Rotation

from datamodules.synthetic.human_parameters import JOINTS, Family, Pose
from datamodules.synthetic.human_skeleton import SIDES

FAMILY_SHARES: dict[Family, float] = {
    "standing": 0.40,
    "walking": 0.20,
    "crossing": 0.15,
    "squatting": 0.15,
    "raised": 0.10,
}


def draw_pose(random: np.random.Generator, family: Family) -> Pose:
    """A pose of a family. Angles in degrees; the left side's signs are mirrored for the right one."""
    u = random.uniform
    turns: dict[str, Rotation] = {
        "pelvis": _turn("y", u(-20, 20)),
        "spine": _turn("x", u(-5, 10)) * _turn("y", u(-15, 15)) * _turn("z", u(-6, 6)),
        "chest": _turn("x", u(-5, 8)) * _turn("y", u(-15, 15)),
        "neck": _turn("x", u(-4, 8)),
        "head": _turn("y", u(-30, 30)) * _turn("x", u(-15, 12)) * _turn("z", u(-6, 6)),
    }
    if family == "squatting":
        turns["spine"] = _turn("x", u(12, 30)) * turns["spine"]
        turns["chest"] = _turn("x", u(4, 14)) * turns["chest"]
    stride = random.choice([-1.0, 1.0]) * u(0.5, 1.0)
    hips = u(40, 80), u(2, 12)
    knees = u(60, 110)
    for side, sign in SIDES:
        turns |= _arm(random, family, side, sign, -stride * sign)
        turns |= _leg(random, family, side, sign, stride * sign, hips, knees)
    curl = (float(u(3, 35)), float(u(3, 35)))
    rotations = tuple(tuple(float(x) for x in turns[joint].as_rotvec(degrees=True)) for joint in JOINTS)
    return Pose(family, rotations, curl)  # pyright: ignore[reportArgumentType]


def _arm(random: np.random.Generator, family: Family, side: str, sign: float, stride: float) -> dict[str, Rotation]:
    u = random.uniform
    forward, twist, elbow = 0.0, u(-20, 20), u(5, 60)
    lower, swing = u(15, 78), u(-20, 30)
    if family == "walking":
        lower, swing, forward, elbow = u(68, 78), u(-5, 10), 32 * stride, u(10, 60)
    elif family == "crossing":
        lower, swing, forward = u(55, 75), u(0, 25), u(10, 35)
        elbow, twist = u(75, 110), u(35, 75)
    elif family == "squatting":
        lower, swing, forward, elbow = u(30, 75), u(10, 50), u(5, 45), u(10, 75)
    elif family == "raised":
        lower, swing, elbow = u(-70, 0), u(-10, 35), u(5, 75)
    shoulder = _turn("x", -forward) * _turn("y", -sign * swing) * _turn("z", -sign * lower) * _turn("x", twist)
    return {
        f"{side}_shoulder": shoulder,
        f"{side}_elbow": _turn("y", -sign * elbow),
        f"{side}_wrist": _turn("z", sign * u(-15, 15)) * _turn("x", u(-20, 20)),
    }


def _leg(
    random: np.random.Generator,
    family: Family,
    side: str,
    sign: float,
    stride: float,
    squat: tuple[float, float],
    squat_knees: float,
) -> dict[str, Rotation]:
    u = random.uniform
    flexion, abduction, knee = u(-5, 8), u(2, 12), u(2, 14)
    if family == "walking":
        flexion, abduction, knee = 30 * stride, u(1, 6), (u(4, 18) if stride > 0 else u(15, 50))
    elif family == "squatting":
        flexion, abduction, knee = squat[0] + u(-8, 8), squat[1] + u(4, 14), squat_knees + u(-10, 10)
    ankle = (knee - flexion) * u(0.6, 1.0) - (12 if family == "walking" and stride < 0 else 0)
    return {
        f"{side}_hip": _turn("x", -flexion) * _turn("z", sign * abduction) * _turn("y", sign * u(0, 18)),
        f"{side}_knee": _turn("x", knee),
        f"{side}_ankle": _turn("x", float(np.clip(-ankle, -35, 35))),
    }


def _turn(axis: str, degrees: float) -> Rotation:
    return Rotation.from_euler(axis, math.radians(degrees))
