"""Basel Face Models, read from small files written here in their formats."""

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray
from scipy.io import savemat
from torch import Tensor

from models.morphable.bfm import LANDMARKS_OF_53215, bfm_2009, bfm_2009_front
from models.morphable.bfm_2017 import LANDMARK_NAMES, bfm_2017
from models.morphable.feature_registration import reference_landmarks
from models.morphable.linear import MorphableModel
from tests.models.morphable.file_faces import FileFace, file_face


def close(ours: Tensor, truth: ndarray, tolerance: float = 1e-4) -> None:
    torch.testing.assert_close(
        ours.double(), torch.from_numpy(np.ascontiguousarray(truth)).double(), atol=tolerance, rtol=1e-4
    )


def check_geometry(model: MorphableModel, face: FileFace) -> None:
    """Mean up to a shift, modes times deviations, outward winding, frame, landmarks."""
    close(model.mean_mm - model.mean_mm[0], face.mean_mm - face.mean_mm[0], 1e-3)
    close(model.identity_basis_mm, face.identity * face.identity_sigma[:, None, None])
    close(model.expression_basis_mm, face.expression * face.expression_sigma[:, None, None])
    assert torch.equal(model.landmark_faces[:, 0], torch.from_numpy(face.landmarks))
    check_frame(model)


def check_frame(model: MorphableModel) -> None:
    inner = model.landmarks_mm(model.mean_mm[None])[0, 17:].double().mean(0)
    close(inner, reference_landmarks().position_mm[17:].mean(0), 1e-2)
    a, b, c = (model.mean_mm[model.faces[:, k]] for k in range(3))
    outward = (torch.linalg.cross(b - a, c - a) * (a + b + c)).sum(1)
    assert float((outward > 0).float().mean()) > 0.95
    assert model.licensed
    assert not model.state_dict()


def write_front(path: Path, face: FileFace, **changes: Any) -> None:
    content = {
        "meanshape": face.mean_mm.reshape(1, -1) / 100.0,
        "idBase": face.columns(face.identity) * face.identity_sigma / 100.0,
        "exBase": face.columns(face.expression) * face.expression_sigma / 100.0,
        "meantex": face.albedo_mean.reshape(1, -1),
        "texBase": face.columns(face.albedo) * face.albedo_sigma,
        "tri": face.faces + 1,
        "keypoints": face.landmarks[None] + 1,
        "skinmask": np.ones((1, len(face.mean_mm))),
    }
    savemat(path, content | changes)


def test_front_model_round_trips(tmp_path: Path) -> None:
    face = file_face()
    write_front(tmp_path / "BFM_model_front.mat", face)
    model = bfm_2009_front(tmp_path / "BFM_model_front.mat")
    check_geometry(model, face)
    close(model.albedo_mean, face.albedo_mean / 255.0)
    close(model.albedo_basis, face.albedo * face.albedo_sigma[:, None, None] / 255.0)
    assert torch.equal(model.faces, torch.from_numpy(face.faces))
    column = 0.5 + 160 / 512 * torch.atan2(model.mean_mm[:, 0], model.mean_mm[:, 2])
    row = (220 - 2.2 * model.mean_mm[:, 1]) / 512
    torch.testing.assert_close(model.uv, torch.stack([column, 1 - row], 1).clamp(0, 1), atol=1e-5, rtol=0)


def test_clockwise_triangles_are_turned(tmp_path: Path) -> None:
    face = file_face()
    write_front(tmp_path / "front.mat", face, tri=face.faces[:, ::-1] + 1)
    assert torch.equal(bfm_2009_front(tmp_path / "front.mat").faces, torch.from_numpy(face.faces))


def test_zero_based_ids_in_a_one_based_file_are_noticed(tmp_path: Path) -> None:
    face = file_face()
    write_front(tmp_path / "front.mat", face, tri=face.faces)
    with pytest.raises(ValueError, match="counts from one"):
        bfm_2009_front(tmp_path / "front.mat")


@pytest.mark.parametrize("sigma_apart", [False, True])
def test_split_model_round_trips(tmp_path: Path, sigma_apart: bool) -> None:
    face = file_face(seed=1)
    offset = np.random.default_rng(5).normal(size=face.mean_mm.size) * 1e3
    shape = {
        "mu_shape": face.mean_mm.reshape(-1, 1) * 1e3 - offset[:, None],
        "w": face.columns(face.identity) * 1e3,
        "sigma": face.identity_sigma[:, None],
        "tri": (face.faces + 1).T,
        "keypoints": face.landmarks[None] + 1,
        "tex": face.albedo_mean.T,
    }
    expression = {"mu_exp": offset[:, None], "w_exp": face.columns(face.expression) * 1e3}
    sigma = {"sigma_exp": face.expression_sigma[:, None]}
    savemat(tmp_path / "Model_Shape.mat", shape)
    if sigma_apart:
        savemat(tmp_path / "Model_Exp.mat", expression)
        savemat(tmp_path / "sigma_exp.mat", sigma)
    else:
        savemat(tmp_path / "Model_Expression.mat", expression | sigma)
    model = bfm_2009(tmp_path)
    check_geometry(model, face)
    close(model.albedo_mean, face.albedo_mean / 255.0)
    assert model.albedo_size == 0


def write_original(folder: Path) -> dict[str, ndarray]:
    """The original layout needs the true number of vertices, for its landmark ids are fixed."""
    generator = np.random.default_rng(2)
    full, kept = 53490, 53215
    trim = np.sort(generator.permutation(full)[:kept])
    points = generator.normal(size=(full, 3))
    points *= 90.0 / np.linalg.norm(points, axis=1, keepdims=True)
    points[trim[LANDMARKS_OF_53215]] = reference_landmarks().position_mm
    arrays = {
        "shapeMU": points.reshape(-1, 1) * 1e3,
        "shapePC": generator.normal(size=(3 * full, 2)) * 1e3,
        "shapeEV": np.array([[2.0], [0.5]]),
        "texMU": generator.uniform(0, 255, (3 * full, 1)),
        "texPC": generator.normal(size=(3 * full, 2)),
        "texEV": np.array([[3.0], [1.0]]),
        "tl": generator.integers(1, full + 1, (500, 3)),
    }
    savemat(folder / "01_MorphableModel.mat", {key: value.astype(np.float32) for key, value in arrays.items()})
    savemat(folder / "BFM_exp_idx.mat", {"trimIndex": trim[:, None] + 1})
    components = generator.normal(size=(2, 3 * kept)).astype("<f4")
    header = np.array([2], dtype="<i4").tobytes() + np.zeros(3 * kept, dtype="<f4").tobytes()
    (folder / "Exp_Pca.bin").write_bytes(header + components.tobytes())
    (folder / "std_exp.txt").write_text("453980.0 1000.0\n")
    return arrays | {"trim": trim, "expressions": components}


def test_original_model_round_trips(tmp_path: Path) -> None:
    arrays = write_original(tmp_path)
    model = bfm_2009(tmp_path)
    trim = arrays["trim"]
    mean = arrays["shapeMU"].reshape(-1, 3)[trim] * 1e-3
    close(model.mean_mm - model.mean_mm[0], mean - mean[0], 1e-2)
    identity = (arrays["shapePC"] * arrays["shapeEV"].ravel()).T.reshape(2, -1, 3)[:, trim] * 1e-3
    close(model.identity_basis_mm, identity, 1e-3)
    deviations = np.array([453980.0, 1000.0])[:, None, None]
    expressions = arrays["expressions"].reshape(2, -1, 3).astype(np.float64) * deviations * 1e-3
    torch.testing.assert_close(model.expression_basis_mm, torch.from_numpy(expressions).float(), rtol=1e-5, atol=1e-5)
    close(model.albedo_mean, arrays["texMU"].reshape(-1, 3)[trim] / 255.0)
    assert torch.equal(model.landmark_faces[:, 0], torch.from_numpy(LANDMARKS_OF_53215))
    # triangles survive exactly when all their corners do, and keep their corners
    old = arrays["tl"].astype(np.int64) - 1
    expected = {tuple(sorted(face)) for face in old.tolist() if np.isin(face, trim).all()}
    assert {tuple(sorted(trim[face].tolist())) for face in model.faces.numpy()} == expected

    content = (tmp_path / "Exp_Pca.bin").read_bytes()
    (tmp_path / "Exp_Pca.bin").write_bytes(content[:-4])
    with pytest.raises(ValueError, match="fetch it again"):
        bfm_2009(tmp_path)


def write_h5(path: Path, face: FileFace, *, as_list: bool) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py, an optional extra, is not installed")
    points = {name: face.mean_mm[face.landmarks[number]].tolist() for name, number in LANDMARK_NAMES.items()}
    text = json.dumps([{"id": k, "coordinates": v} for k, v in points.items()] if as_list else points)
    offset = np.random.default_rng(5).normal(size=face.mean_mm.size)
    with h5py.File(path, "w") as file:
        file["shape/model/mean"] = face.mean_mm.ravel() - offset
        file["shape/model/pcaBasis"] = face.columns(face.identity)
        file["shape/model/pcaVariance"] = face.identity_sigma**2
        file["shape/representer/points"] = face.mean_mm.T
        file["shape/representer/cells"] = face.faces.T
        file["expression/model/mean"] = offset
        file["expression/model/pcaBasis"] = face.columns(face.expression)
        file["expression/model/pcaVariance"] = face.expression_sigma**2
        file["color/model/mean"] = face.albedo_mean.ravel() / 255.0
        file["color/model/pcaBasis"] = face.columns(face.albedo) / 255.0
        file["color/model/pcaVariance"] = face.albedo_sigma**2
        file["metadata/landmarks/json"] = text


@pytest.mark.parametrize("as_list", [False, True])
def test_2017_model_round_trips(tmp_path: Path, as_list: bool) -> None:
    face, path = file_face(seed=3), tmp_path / "model2017-1_bfm_nomouth.h5"
    write_h5(path, face, as_list=as_list)
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(str(int(i)) for i in face.landmarks))
    model = bfm_2017(path, landmark_ids=ids)
    check_geometry(model, face)
    close(model.albedo_basis, face.albedo * face.albedo_sigma[:, None, None] / 255.0)

    # without the ids the named points are exact and the rest is near
    guessed = bfm_2017(path, identity_size=2)
    assert guessed.identity_size == 2
    ours, truth = (m.mean_mm[m.landmark_faces[:, 0]] - m.mean_mm[0] for m in (guessed, model))
    error = (ours - truth).norm(dim=1)
    assert float(error[list(LANDMARK_NAMES.values())].max()) < 1e-3
    assert float(error.mean()) < 4.0


def test_missing_h5py_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model2019_bfm.h5"
    path.write_bytes(b"")
    really = builtins.__import__

    def refuse(name: str, *arguments: Any, **more: Any) -> Any:
        if name == "h5py":
            raise ImportError(name)
        return really(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ValueError, match="pip install h5py"):
        bfm_2017(path)


def test_missing_files_are_named_with_their_source(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"01_MorphableModel\.mat.*register at"):
        bfm_2009(tmp_path)
    (tmp_path / "01_MorphableModel.mat").write_bytes(b"x")
    with pytest.raises(FileNotFoundError, match=r"Exp_Pca\.bin"):
        bfm_2009(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"BFM_model_front\.mat"):
        bfm_2009_front(tmp_path / "BFM_model_front.mat")
    with pytest.raises(FileNotFoundError, match=r"model2019_bfm\.h5.*register at"):
        bfm_2017(tmp_path / "model2019_bfm.h5")


def test_damaged_files_are_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "front.mat"
    path.write_bytes(b"this is no matlab file, whatever its name says" * 10)
    with pytest.raises(ValueError, match=r"cannot be read as a \.mat file"):
        bfm_2009_front(path)
    face = file_face()
    write_front(path, face, meanshape=np.array([["text"]]))
    with pytest.raises(ValueError, match="no numeric array 'meanshape'"):
        bfm_2009_front(path)
    write_front(path, face, keypoints=np.arange(1, 60)[None])
    with pytest.raises(ValueError, match="59 keypoints"):
        bfm_2009_front(path)
    broken = tmp_path / "broken.h5"
    broken.write_bytes(b"nothing")
    pytest.importorskip("h5py", reason="h5py, an optional extra, is not installed")
    with pytest.raises(ValueError, match="is not a Basel Face Model"):
        bfm_2017(broken)
