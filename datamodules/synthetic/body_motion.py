"""Short motions of synthetic people: one person between two poses."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from datamodules.synthetic.human_draws import placed_human
from datamodules.synthetic.human_parameters import HumanParameters, Pose


def between_poses(first: Pose, second: Pose, share: float) -> Pose:
    """Every joint turned by `share` (0 to 1) of the way from the first pose to the second."""
    rotations = []
    for one, other in zip(first.rotations, second.rotations):
        way = Slerp([0, 1], Rotation.from_rotvec([one, other], degrees=True))
        rotations.append(tuple(float(value) for value in way(share).as_rotvec(degrees=True)))
    curls = (1 - share) * np.array(first.finger_curl) + share * np.array(second.finger_curl)
    family = first.family if share < 0.5 else second.family
    return Pose(family, tuple(rotations), (float(curls[0]), float(curls[1])))


def motion_of(person: HumanParameters, goal: Pose, frames: int) -> list[HumanParameters]:
    """The person in `frames` poses: smoothly from the own one to another, still at both ends."""
    shares = [0.5 - 0.5 * np.cos(np.pi * frame / max(frames - 1, 1)) for frame in range(frames)]
    return [placed_human(replace(person, pose=between_poses(person.pose, goal, float(share)))) for share in shares]
