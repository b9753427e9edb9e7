"""Parameters of procedural people: drawn reproducibly, kept as JSON, refused when they make no sense."""

import json
from dataclasses import replace

import numpy as np
import pytest

from datamodules.synthetic.human_draws import draw_human
from datamodules.synthetic.human_parameters import HumanParameters
from datamodules.synthetic.human_poses import FAMILY_SHARES, draw_pose
from datamodules.synthetic.human_skeleton import posed_skeleton


@pytest.fixture(scope="module")
def person() -> HumanParameters:
    return draw_human(3)


def test_a_seed_makes_one_person(person: HumanParameters):
    assert draw_human(3) == person
    assert draw_human(4) != person


def test_json_keeps_everything(person: HumanParameters):
    assert HumanParameters.from_json(person.to_json()) == person


def test_another_lower_garment_changes_nothing_else(person: HumanParameters):
    other = draw_human(3, lower="skirt")
    assert other.outfit.lower == "skirt"
    assert (other.shape, other.folds, other.colours) == (person.shape, person.folds, person.colours)


def test_families_are_the_ones_asked_for(person: HumanParameters):
    assert sum(FAMILY_SHARES.values()) == pytest.approx(1)
    hands, legs = {}, {}
    for family in FAMILY_SHARES:
        skeletons = [
            posed_skeleton(person.shape, draw_pose(np.random.default_rng(seed), family)).position for seed in range(20)
        ]
        hands[family] = np.mean([one["left_wrist"][1] + one["right_wrist"][1] for one in skeletons]) / 2
        legs[family] = np.mean([one["left_hip"][1] - one["left_ankle"][1] for one in skeletons])
    assert hands["raised"] > max(hands[family] for family in hands if family != "raised") + 15
    assert legs["squatting"] < min(legs[family] for family in legs if family != "squatting") - 10
    assert draw_human(11, family="squatting").pose.family == "squatting"


def test_right_side_mirrors_the_left(person: HumanParameters):
    random = np.random.default_rng(0)
    pose = draw_pose(random, "standing")
    still = replace(pose, rotations=tuple((0.0, 0.0, 0.0) for _ in pose.rotations))
    skeleton = posed_skeleton(person.shape, still)
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        left, right = skeleton.position[f"left_{joint}"], skeleton.position[f"right_{joint}"]
        np.testing.assert_allclose(left * [-1, 1, 1], right, atol=1e-12)
        assert left[0] > 0  # the subject looks along +z, so its left is +x


def test_elbows_bend_forwards(person: HumanParameters):
    for seed in range(5):
        skeleton = posed_skeleton(person.shape, draw_pose(np.random.default_rng(seed), "crossing"))
        for side in ("left", "right"):
            forearm = skeleton.position[f"{side}_wrist"] - skeleton.position[f"{side}_elbow"]
            assert (skeleton.rotation[f"{side}_shoulder"].T @ forearm)[2] > 0


def test_wrong_json_is_explained(person: HumanParameters):
    content = json.loads(person.to_json())
    with pytest.raises(ValueError, match="version 0 of the generator"):
        HumanParameters.from_json(json.dumps(content | {"generator_version": 0}))
    without = {key: value for key, value in content.items() if key != "folds"}
    with pytest.raises(ValueError, match="folds"):
        HumanParameters.from_json(json.dumps(without))
    content["outfit"]["lower"] = "kilt"
    with pytest.raises(ValueError, match="'kilt', expected one of trousers"):
        HumanParameters.from_json(json.dumps(content))
    with pytest.raises(ValueError, match="0 rotations"):
        replace(person, pose=replace(person.pose, rotations=()))
