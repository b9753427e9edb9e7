"""Short motions of synthetic people: one person between two poses."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from datamodules.synthetic.human_draws import draw_human, placed_human
from datamodules.synthetic.human_parameters import Family, HumanParameters, Pose


def between_poses(first: Pose, second: Pose, share: float) -> Pose:
    """Every joint turned by `share` (0 to 1) of the way from the first pose to the second."""
    rotations = []
    for one, other in zip(first.rotations, second.rotations):
        way = Slerp([0, 1], Rotation.from_rotvec([one, other], degrees=True))
        rotations.append(tuple(float(value) for value in way(share).as_rotvec(degrees=True)))
    curls = (1 - share) * np.array(first.finger_curl) + share * np.array(second.finger_curl)
    family = first.family if share < 0.5 else second.family
    return Pose(family, tuple(rotations), (float(curls[0]), float(curls[1])))


def motion_of(person_seed: int, motion_seed: int, frames: int, family: Family | None) -> list[HumanParameters]:
    """The person of one seed in `frames` poses: smoothly from one drawn pose to another, still at both ends."""
    person = draw_human(person_seed, family=family)
    first, last = (draw_human(motion_seed + k, family=family).pose for k in range(2))
    shares = [0.5 - 0.5 * np.cos(np.pi * frame / max(frames - 1, 1)) for frame in range(frames)]
    return [placed_human(replace(person, pose=between_poses(first, last, float(share)))) for share in shares]
