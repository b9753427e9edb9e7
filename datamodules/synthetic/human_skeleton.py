"""Where the joints of a procedural person are and how they are turned (cm, +y up, +z the front, the pelvis at 0)."""

from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from datamodules.synthetic.human_parameters import JOINTS, BodyShape, Pose

SIDES = (("left", 1.0), ("right", -1.0))
UPPER_ARM, FOREARM, THIGH, SHANK = 28.0, 25.0, 41.0, 41.0


class Skeleton(NamedTuple):
    """Joints by name."""

    position: dict[str, np.ndarray]
    """[3] in the model's frame."""
    rotation: dict[str, np.ndarray]
    """[3, 3] model from joint."""

    def point(self, joint: str, x: float, y: float, z: float) -> np.ndarray:
        """[3] in the model's frame of a point given in a joint's frame."""
        return self.position[joint] + self.rotation[joint] @ np.array([x, y, z])

    def frame(self, joint: str, origin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[3, 3] and [3]: joint = rotation @ (model − origin) + offset."""
        rotation = self.rotation[joint].T
        return rotation, rotation @ (origin - self.position[joint])


def posed_skeleton(shape: BodyShape, pose: Pose) -> Skeleton:
    """The joints of a body in a pose."""
    offsets = _offsets(shape)
    position: dict[str, np.ndarray] = {}
    rotation: dict[str, np.ndarray] = {}
    for joint, degrees in zip(JOINTS, pose.rotations):
        turn = Rotation.from_rotvec(degrees, degrees=True).as_matrix()
        parent, offset = offsets[joint]
        if parent is None:
            position[joint], rotation[joint] = np.zeros(3), turn
            continue
        position[joint] = position[parent] + rotation[parent] @ np.array(offset)
        rotation[joint] = rotation[parent] @ turn
    return Skeleton(position, rotation)


def _offsets(shape: BodyShape) -> dict[str, tuple[str | None, tuple[float, float, float]]]:
    """Each joint's parent and its place in the parent's frame."""
    torso = shape.torso
    offsets: dict[str, tuple[str | None, tuple[float, float, float]]] = {
        "pelvis": (None, (0, 0, 0)),
        "spine": ("pelvis", (0, 10 * torso, 0)),
        "chest": ("spine", (0, 16 * torso, 0)),
        "neck": ("chest", (0, 23 * torso, 0)),
        "head": ("neck", (0, 10 * shape.head, 1)),
    }
    for side, s in SIDES:
        offsets |= {
            f"{side}_shoulder": ("chest", (s * 17 * shape.shoulders, 17 * torso, 0)),
            f"{side}_elbow": (f"{side}_shoulder", (s * UPPER_ARM * shape.arms, 0, 0)),
            f"{side}_wrist": (f"{side}_elbow", (s * FOREARM * shape.arms, 0, 0)),
            f"{side}_hip": ("pelvis", (s * 9 * shape.girth, -5, 0)),
            f"{side}_knee": (f"{side}_hip", (0, -THIGH * shape.legs, 0)),
            f"{side}_ankle": (f"{side}_knee", (0, -SHANK * shape.legs, 0)),
        }
    return offsets


def distance_to_segment(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """cm from a point to a segment, all [3]."""
    axis = end - start
    at = np.clip((point - start) @ axis / (axis @ axis), 0, 1)
    return float(np.linalg.norm(start + at * axis - point))
