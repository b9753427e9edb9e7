"""300W-LP and AFLW2000-3D, on small trees in their layouts."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from datamodules.face_folder import FaceFolder
from datamodules.face_records import face_records, split_names
from datamodules.inspection import inspect_faces
from datamodules.preparation.aflw2000 import prepare_aflw2000
from datamodules.preparation.morphable_annotations import landmarks_of, pose_of
from datamodules.preparation.w300lp import prepare_300w_lp
from models.geometry.rotations import rotation_from_face_angles

POINTS = np.random.default_rng(0).uniform(20, 70, (68, 2))
POSE = np.array([[0.1, -0.4, 0.05, 48.0, 40.0, -60.0, 4e-4]])


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (90, 100), (80, 120, 90)).save(path)


def lp_tree(raw: Path) -> None:
    for stem in ("AFW_134212_1_0", "AFW_134212_1_1", "AFW_134212_2_0"):
        for folder in ("AFW", "AFW_Flip"):
            picture(raw / folder / f"{stem}.jpg")
            savemat(
                raw / folder / f"{stem}.mat",
                {"Pose_Para": POSE, "pt2d": POINTS.T + 1, "Shape_Para": np.zeros((199, 1))},
            )
            (raw / "landmarks" / folder).mkdir(parents=True, exist_ok=True)
            savemat(raw / "landmarks" / folder / f"{stem}_pts.mat", {"pts_2d": POINTS, "pts_3d": POINTS + 2})
    picture(raw / "HELEN" / "HELEN_1.jpg")
    savemat(raw / "HELEN" / "HELEN_1.mat", {"Pose_Para": POSE, "pt2d": POINTS.T + 1})


def test_300w_lp_takes_the_visible_outline_and_falls_back_to_pt2d(tmp_path: Path) -> None:
    lp_tree(tmp_path / "300W_LP")
    prepared = prepare_300w_lp(tmp_path, tmp_path / "out")
    assert prepared.pictures == 4
    assert prepared.left_out == ()
    assert inspect_faces(tmp_path / "out").problems == ()
    faces = FaceFolder(tmp_path / "out")
    np.testing.assert_allclose(faces.located(0)[2], POINTS + 0.5, atol=1e-3)
    np.testing.assert_allclose(faces.located(3)[2], POINTS + 1.5, atol=1e-3)


def test_300w_lp_keeps_turned_versions_of_a_photograph_together(tmp_path: Path) -> None:
    lp_tree(tmp_path / "raw")
    prepare_300w_lp(tmp_path / "raw", tmp_path / "out", with_flips=True)
    names = [record.name for record in face_records(tmp_path / "out")]
    assert len(names) == 7
    splits = split_names(tmp_path / "out", names)
    assert len({splits[name] for name in names if name.startswith("AFW_134212_1")}) == 1


def test_300w_lp_names_what_it_leaves_out(tmp_path: Path) -> None:
    lp_tree(tmp_path)
    (tmp_path / "HELEN" / "HELEN_1.mat").write_bytes(b"no matlab")
    (tmp_path / "AFW" / "AFW_134212_2_0.jpg").write_bytes(b"")
    prepared = prepare_300w_lp(tmp_path, tmp_path / "out")
    assert prepared.pictures == 2
    assert any("HELEN_1.mat" in sentence for sentence in prepared.left_out)
    assert any("AFW_134212_2_0.jpg" in sentence for sentence in prepared.left_out)


def test_pose_para_projects_in_our_conventions_to_where_theirs_does() -> None:
    """Theirs: [x, y, z] = f R v + t in micrometres with y up, row = h - 1 - y. Ours: mm, y down, pixel centres."""
    height = 450
    pose_para = np.array([0.2, -0.5, 0.1, 230.0, 210.0, -66.0, 1.3e-3])
    vertex_um = np.array([40e3, -25e3, 60e3])
    pitch, yaw, roll = pose_para[:3]
    cos, sin = np.cos, np.sin
    about_x = np.array([[1, 0, 0], [0, cos(pitch), sin(pitch)], [0, -sin(pitch), cos(pitch)]])
    about_y = np.array([[cos(yaw), 0, -sin(yaw)], [0, 1, 0], [sin(yaw), 0, cos(yaw)]])
    about_z = np.array([[cos(roll), sin(roll), 0], [-sin(roll), cos(roll), 0], [0, 0, 1]])
    x, y, _ = pose_para[6] * about_x @ about_y @ about_z @ vertex_um + pose_para[3:6]
    theirs = np.array([x, height - 1 - y]) + 0.5

    pose = pose_of(pose_para[None], (400, height))
    rotation = rotation_from_face_angles(
        torch.tensor([[pose["pitch"], pose["yaw"], pose["roll"]]], dtype=torch.float64)
    )[0]
    turned = pose["pixels_per_mm"] * rotation.numpy() @ (vertex_um / 1000)
    np.testing.assert_allclose(np.array(pose["origin_px"]) + turned[:2] * (1, -1), theirs, atol=1e-9)


def test_aflw2000_is_test_data_with_its_own_points(tmp_path: Path) -> None:
    for number in (2, 4):
        picture(tmp_path / "AFLW2000" / f"image{number:05d}.jpg")
        points = np.concatenate([POINTS.T, np.zeros((1, 68))])
        savemat(tmp_path / "AFLW2000" / f"image{number:05d}.mat", {"pt3d_68": points, "Pose_Para": POSE})
    prepared = prepare_aflw2000(tmp_path, tmp_path / "out")
    assert prepared.pictures == 2
    faces = FaceFolder(tmp_path / "out", split="test")
    assert len(faces) == 2
    np.testing.assert_allclose(faces.located(1)[2], POINTS + 0.5, atol=1e-3)
    pose = json.loads((tmp_path / "out" / "poses" / "image00002.json").read_text())
    assert pose["yaw"] == pytest.approx(-0.4)
    assert pose["pixels_per_mm"] == pytest.approx(0.4)
    assert pose["origin_px"] == pytest.approx([48.5, 59.5])
    assert inspect_faces(tmp_path / "out").problems == ()


def test_wrong_folders_and_wrong_shapes_are_explained(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds none of AFW"):
        prepare_300w_lp(tmp_path, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"no image\*\.jpg"):
        prepare_aflw2000(tmp_path, tmp_path / "out")
    with pytest.raises(ValueError, match=r"a\.mat have the shape"):
        landmarks_of(np.zeros((2, 21)), Path("a.mat"))
    picture(tmp_path / "image00001.jpg")
    savemat(tmp_path / "image00001.mat", {"Pose_Para": POSE})
    with pytest.raises(ValueError, match="no entry pt3d_68"):
        prepare_aflw2000(tmp_path, tmp_path / "out")
