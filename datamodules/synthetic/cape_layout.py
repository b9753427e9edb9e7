"""Synthetic motions in the layout of CAPE: registered vertices of clothed people, in metres, without pictures."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from datamodules.synthetic.human_draws import placed_human
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_parameters import JOINTS, HumanParameters
from datamodules.synthetic.registered_template import registered, stretched_pose, template

MOTIONS = ("hips", "squat", "ballet", "swing", "stretch", "walk")
SMPL_JOINTS = {
    "pelvis": 0, "left_hip": 1, "right_hip": 2, "spine": 3, "left_knee": 4, "right_knee": 5, "chest": 6,
    "left_ankle": 7, "right_ankle": 8, "neck": 12, "head": 15, "left_shoulder": 16, "right_shoulder": 17,
    "left_elbow": 18, "right_elbow": 19, "left_wrist": 20, "right_wrist": 21,
}  # fmt: skip
"""Our joints among SMPL's 24."""
FIRST_SUBJECT = 90000
"""Above the numbers of the real subjects."""
MOTIONS_OF_A_SUBJECT = 2


def cape_subject(index: int) -> str:
    """`90003`: each subject has two sequences."""
    return f"{FIRST_SUBJECT + index // MOTIONS_OF_A_SUBJECT:05d}"


def write_cape_sequence(root: Path, index: int, frames: list[HumanParameters], random: np.random.Generator) -> None:
    """sequences/<subject>/<cloth>_<motion>/*.npz of one person in plain clothes, and minimal_body_shape/<subject>/.

    The file of every frame holds transl [3], v_cano [6890, 3], pose [72] and v_posed [6890, 3] (float32; v_posed with
    transl). truth/<subject>/<sequence>/ keeps the parameters.
    """
    subject = cape_subject(index)
    name = f"{cloth_name(frames[0])}_{MOTIONS[index % len(MOTIONS)]}"
    folder, truth = root / "sequences" / subject / name, root / "truth" / subject / name
    for each in (folder, truth):
        each.mkdir(parents=True, exist_ok=True)
    canonical = placed_human(replace(frames[0], pose=stretched_pose()))
    clothed = _in_metres(canonical, registered(canonical, HumanField(canonical)).vertices)
    if index % MOTIONS_OF_A_SUBJECT == 0:
        _write_minimal(root / "minimal_body_shape" / subject / f"{subject}_minimal.npy", canonical)
    start, heading = random.uniform(-0.5, 0.5, 2), random.uniform(-0.01, 0.01, 2)
    for number, parameters in enumerate(frames):
        vertices = _in_metres(parameters, registered(parameters, HumanField(parameters)).vertices)
        floor = -float(vertices[:, 1].min())
        across = start + number * heading
        place = np.array([across[0], floor, across[1]])
        np.savez(
            folder / f"{name}.{number + 1:06d}.npz",
            transl=place.astype(np.float32),
            v_cano=clothed.astype(np.float32),
            pose=smpl_pose(parameters).astype(np.float32),
            v_posed=(vertices + place).astype(np.float32),
        )
        (truth / f"{name}.{number + 1:06d}.json").write_text(parameters.to_json(), encoding="utf-8")


def write_cape_topology(root: Path) -> None:
    """misc/: the triangles (our own, in SMPL's counts) and the gender of every subject."""
    (root / "misc").mkdir(exist_ok=True)
    np.save(root / "misc" / "smpl_tris.npy", template().faces.numpy().astype(np.uint32))
    genders = {}
    for subject in sorted((root / "truth").iterdir()):
        person = HumanParameters.from_json(min(subject.glob("*/*.json")).read_text(encoding="utf-8"))
        genders[subject.name] = "female" if person.shape.bust_cm > 0 else "male"
    with (root / "misc" / "subj_genders.pkl").open("wb") as file:
        pickle.dump(genders, file, protocol=2)


def cloth_name(parameters: HumanParameters) -> str:
    """CAPE's word for the lengths of the upper and the lower garment: shortlong is a T-shirt with trousers."""
    outfit = parameters.outfit
    return ("short" if outfit.upper == "t_shirt" else "long") + ("short" if outfit.lower == "shorts" else "long")


def smpl_pose(parameters: HumanParameters) -> np.ndarray:
    """[72] rotation vectors in radians in SMPL's order of joints; 0 for the joints that we lack."""
    pose = np.zeros((24, 3))
    for joint, rotation in zip(JOINTS, parameters.pose.rotations):
        pose[SMPL_JOINTS[joint]] = np.radians(rotation)
    return pose.reshape(-1)


def _write_minimal(path: Path, canonical: HumanParameters) -> None:
    """The body under tight cloth: the thinnest garments, no folds, no details."""
    tight = replace(canonical.outfit, upper="t_shirt", lower="shorts", looseness=0.0, flare=0.0, hair="bald")
    parameters = placed_human(replace(canonical, outfit=tight))
    mesh = registered(parameters, HumanField(parameters, bands=(), details=False))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, _in_metres(parameters, mesh.vertices).astype(np.float32))


def _in_metres(parameters: HumanParameters, points_cm: Tensor) -> np.ndarray:
    """[v, 3] from the body frame to a frame whose origin is the pelvis, natural size."""
    normalisation = parameters.normalisation
    return (points_cm.double().numpy() / normalisation.scale + np.array(normalisation.centre)) / 100
