import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from datamodules.synthetic.body_motion import between_poses
from datamodules.synthetic.human_poses import draw_pose
from datamodules.synthetic.registered_template import stretched_pose


def test_a_motion_begins_and_ends_in_its_poses_and_turns_every_joint_evenly() -> None:
    first, last = stretched_pose(), draw_pose(np.random.default_rng(0), "walking")
    for share, pose in ((0.0, first), (1.0, last)):
        np.testing.assert_allclose(between_poses(first, last, share).rotations, pose.rotations, atol=1e-9)
    middle = between_poses(first, last, 0.5)
    for one, half, other in zip(first.rotations, middle.rotations, last.rotations):
        start, stop, end = (Rotation.from_rotvec(turn, degrees=True) for turn in (one, half, other))
        whole = (start.inv() * end).magnitude()
        assert (start.inv() * stop).magnitude() == pytest.approx(whole / 2, abs=1e-9)
    assert middle.finger_curl[0] == pytest.approx((first.finger_curl[0] + last.finger_curl[0]) / 2)
