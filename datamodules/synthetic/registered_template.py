"""One closed mesh wrapped around any synthetic person in any pose: the same triangles, vertex by vertex the same
place on the body, as registrations of scans have."""

import functools
from dataclasses import replace
from typing import NamedTuple

import igl
import numpy as np
import torch
from torch import Tensor

from datamodules.synthetic.human_draws import draw_human, placed_human
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_mesh import field_gradient, human_mesh
from datamodules.synthetic.human_parameters import JOINTS, HumanParameters, Pose
from datamodules.synthetic.human_skeleton import SIDES, Skeleton, posed_skeleton
from models.geometry.mesh import Mesh

VERTICES, FACES = 6890, 13776
"""SMPL's counts; the triangles are our own."""
TEMPLATE_SEED = 20
TEMPLATE_RESOLUTION = 160
LEGS_APART_DEGREES = 12.0
ROUNDS = 12
LONGEST_STEP_CM = 0.8
BONE_ENDS_CM = {
    "pelvis": (0, -4, 0), "head": (0, 14, 0), "left_wrist": (18, 0, 0), "right_wrist": (-18, 0, 0),
    "left_ankle": (0, -4, 14), "right_ankle": (0, -4, 14),
}  # fmt: skip
"""Where bones without a joint at their end reach, in the joint's frame; the others reach to the next joint."""
END_SIZES = {"pelvis": "girth", "head": "head", "wrist": "arms", "ankle": "legs"}
"""The factor of the shape that such a bone follows."""
NEXT_JOINT = {"spine": "chest", "chest": "neck", "neck": "head", "shoulder": "elbow", "elbow": "wrist", "hip": "knee",
              "knee": "ankle"}  # fmt: skip
BONE_RADII_CM = {"pelvis": 14.0, "spine": 14.0, "chest": 15.0, "neck": 6.0, "head": 9.0, "shoulder": 5.5, "elbow": 4.5,
                 "wrist": 4.0, "hip": 9.0, "knee": 6.0, "ankle": 5.0}  # fmt: skip
SHARPNESS = 8
"""The power of the distance, in radii of the bone, with which its weight falls."""


class Template(NamedTuple):
    """A plain adult with arms stretched out."""

    vertices: np.ndarray
    """[v, 3] model frame, cm."""
    faces: Tensor
    """[f, 3]"""
    weights: np.ndarray
    """[v, joints] of linear blend skinning; they sum to 1."""
    parameters: HumanParameters


def stretched_pose() -> Pose:
    """Arms out, legs apart, everything straight: the canonical pose."""
    rotations = dict.fromkeys(JOINTS, (0.0, 0.0, 0.0))
    for side, sign in SIDES:
        rotations[f"{side}_hip"] = (0.0, 0.0, sign * LEGS_APART_DEGREES)
    return Pose("standing", tuple(rotations[joint] for joint in JOINTS), (3.0, 3.0))


def plainly_dressed(parameters: HumanParameters) -> HumanParameters:
    """The person without what hangs loosely: no bag, scarf, apron, hat; short hair; shirt and trousers or shorts."""
    outfit = parameters.outfit
    return replace(
        parameters,
        outfit=replace(
            outfit,
            upper="long_sleeve" if outfit.upper in ("hoodie", "jacket") else outfit.upper,
            lower="trousers" if outfit.lower in ("skirt", "dress") else outfit.lower,
            trouser_end=38.0 if outfit.lower in ("skirt", "dress") else outfit.trouser_end,
            hair="short",
            hat="none",
            backpack=False,
            scarf=False,
            apron=False,
        ),
    )


@functools.cache
def template() -> Template:
    """Made from the field of one person, smooth and without details, by edge collapse; closed and of genus 0."""
    drawn = plainly_dressed(draw_human(TEMPLATE_SEED, family="standing"))
    shape = replace(
        drawn.shape, girth=1.0, shoulders=1.0, head=1.0, torso=1.0, arms=1.0, legs=1.0, belly_cm=0.0, bust_cm=0.0
    )
    outfit = replace(drawn.outfit, upper="t_shirt", lower="shorts", looseness=0.0, flare=0.0, hair="bald")
    parameters = placed_human(replace(drawn, shape=shape, outfit=outfit, pose=stretched_pose()))
    field = HumanField(parameters, bands=(), details=False)
    mesh = human_mesh(field, TEMPLATE_RESOLUTION)
    vertices, faces, *_ = igl.decimate(mesh.vertices.double().numpy(), mesh.faces.numpy(), FACES)
    skeleton = posed_skeleton(shape, parameters.pose)
    normalisation = parameters.normalisation
    model = np.asarray(vertices, np.float64) / normalisation.scale + np.array(normalisation.centre)
    return Template(model, torch.from_numpy(np.asarray(faces, np.int64)), skin_weights(model, skeleton), parameters)


def skin_weights(points: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """[v, joints] by the distance of points [v, 3] (model frame) to the bones, each in units of its thickness."""
    weights = []
    for joint in JOINTS:
        start = skeleton.position[joint]
        bone = bone_end(skeleton, joint) - start
        along = np.clip((points - start) @ bone / (bone @ bone), 0, 1)
        distance = np.linalg.norm(points - start - along[:, None] * bone, axis=1)
        weights.append((BONE_RADII_CM[joint.split("_")[-1]] / np.maximum(distance, 0.1)) ** SHARPNESS)
    stacked = np.stack(weights, 1)
    return stacked / stacked.sum(1, keepdims=True)


def bone_end(skeleton: Skeleton, joint: str) -> np.ndarray:
    """[3] model frame."""
    if joint in BONE_ENDS_CM:
        return skeleton.point(joint, *BONE_ENDS_CM[joint])
    side, _, stem = joint.rpartition("_")
    following = NEXT_JOINT[stem]
    return skeleton.position[f"{side}_{following}" if side else following]


def _bone_length(parameters: HumanParameters, skeleton: Skeleton, joint: str) -> float:
    end_size = END_SIZES.get(joint.split("_")[-1])
    if end_size is not None:
        return getattr(parameters.shape, end_size)
    return float(np.linalg.norm(bone_end(skeleton, joint) - skeleton.position[joint]))


@torch.no_grad()
def registered(parameters: HumanParameters, field: HumanField) -> Mesh:
    """The template on the surface of a person, in the body frame (cm): moved with the bones, then wrapped.

    Where cloth hangs between the limbs the wrapping is rough, as registrations are; the triangles stay the same.
    """
    plain = template()
    rest = posed_skeleton(plain.parameters.shape, plain.parameters.pose)
    posed = posed_skeleton(parameters.shape, parameters.pose)
    moved = np.zeros_like(plain.vertices)
    for number, joint in enumerate(JOINTS):
        longer = _bone_length(parameters, posed, joint) / _bone_length(plain.parameters, rest, joint)
        local = (plain.vertices - rest.position[joint]) @ rest.rotation[joint] * longer
        moved += plain.weights[:, number : number + 1] * (local @ posed.rotation[joint].T + posed.position[joint])
    normalisation = parameters.normalisation
    points = torch.from_numpy((moved - np.array(normalisation.centre)) * normalisation.scale).float()
    return Mesh(wrapped(points, plain.faces, field), plain.faces)


def wrapped(points: Tensor, faces: Tensor, field: HumanField) -> Tensor:
    """[v, 3] points pulled onto the field's surface by turns of small steps and of smoothing along the surface."""
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    count = torch.bincount(edges[:, 0], minlength=len(points)).clamp(min=1)[:, None]
    for number in range(ROUNDS):
        around = torch.zeros_like(points).index_add_(0, edges[:, 0], points[edges[:, 1]]) / count
        gradient = field_gradient(field, points, 0.1)
        direction = torch.nn.functional.normalize(gradient, dim=1)
        step = (field(points) / gradient.norm(dim=1).clamp(min=0.5)).clamp(-LONGEST_STEP_CM, LONGEST_STEP_CM)
        slide = (around - points) * (0.5 * (1 - number / ROUNDS))
        slide = slide - (slide * direction).sum(1, keepdim=True) * direction
        points = points + slide - direction * step[:, None]
    return points
