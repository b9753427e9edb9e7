"""ICT-FaceKit from a small folder in its layout, and from the real conversion where it is at hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy import ndarray

from models.morphable.coefficient_sampling import sample_expression, sample_identity
from models.morphable.feature_registration import reference_landmarks
from models.morphable.ict import ict_face
from models.morphable.orthogonal_modes import similarity_motions
from tests.models.morphable.file_faces import FileFace, file_face

REAL = Path(__file__).parents[4] / "shared" / "data" / "ict_facekit"
NAMES = ("browDown_L", "jawOpen", "mouthSmile_R")


def write_obj(path: Path, vertices: ndarray, faces: ndarray, uv: ndarray) -> None:
    lines = ["mtllib face.mtl"] + [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in uv] + ["usemtl M_Face"]
    lines += ["f " + " ".join(f"{corner}/{corner}" for corner in polygon) for polygon in (faces + 1).tolist()]
    path.write_text("\n".join(lines) + "\n")


def write_folder(folder: Path, face: FileFace) -> ndarray:
    """Quads and triangles mixed, one extra patch in the second texture tile. Returns the triangles kept by the crop."""
    folder.mkdir(parents=True)
    first, second = face.faces[:-2], face.faces[-2:]
    grid_uv = np.linspace(0.01, 0.99, 2 * len(face.mean_mm)).reshape(-1, 2)
    extra = np.array([[-40.0, -150, 0], [40, -150, 0], [40, -120, 0], [-40, -120, 0]])
    vertices = np.concatenate([face.mean_mm, extra]) / 10.0
    uv = np.concatenate([grid_uv, [[1.1, 0.1], [1.9, 0.1], [1.9, 0.9], [1.1, 0.9]]])
    neutral = folder / "generic_neutral_mesh.obj"
    write_obj(neutral, vertices, np.concatenate([first, second]), uv)
    n = len(face.mean_mm) + 1
    neutral.write_text(neutral.read_text() + "f " + " ".join(f"{k}/{k}" for k in range(n, n + 4)) + "\n")
    padding = np.zeros((len(extra), 3))
    for k, mode in enumerate(face.identity):
        write_obj(folder / f"identity{k:03d}.obj", vertices + np.concatenate([mode, padding]) / 10.0, face.faces, uv)
    for name, mode in zip(NAMES, face.expression):
        write_obj(folder / f"{name}.obj", vertices + np.concatenate([mode, padding]) / 10.0, face.faces, uv)
    index = {"expressions": list(NAMES), "idx_to_landmark_verts": face.landmarks.tolist()}
    (folder / "vertex_indices.json").write_text(json.dumps(index))
    return face.faces


def test_folder_in_the_original_layout(tmp_path: Path) -> None:
    face = file_face()
    write_folder(tmp_path / "FaceXModel", face)
    model = ict_face(tmp_path)
    assert model.number_of_vertices == len(face.mean_mm), "the second tile is cropped away"
    assert torch.equal(model.faces, torch.from_numpy(face.faces))
    assert 0 <= float(model.uv.min()) < float(model.uv.max()) < 1
    np.testing.assert_allclose((model.mean_mm - model.mean_mm[0]).numpy(), face.mean_mm - face.mean_mm[0], atol=1e-3)
    assert model.blendshape_names == NAMES
    np.testing.assert_allclose(model.blendshapes_mm.numpy(), face.expression, atol=2e-4)
    weights = torch.tensor([[0.3, 0.9, 0.5]])
    moved = model.vertices_mm(torch.zeros(1, 4), model.expression_from_blendshapes(weights)) - model.mean_mm
    np.testing.assert_allclose(moved[0].numpy(), np.einsum("n,nvx->vx", [0.3, 0.9, 0.5], face.expression), atol=1e-3)
    # the modes span what the files span, less the similarity motions, and are orthogonal
    motions = similarity_motions(face.mean_mm)
    flat = face.identity.reshape(4, -1)
    flat = flat - (flat @ motions.T) @ motions
    ours = model.identity_basis_mm.double().flatten(1).numpy()
    np.testing.assert_allclose(ours.T @ (ours @ flat.T), flat.T @ (flat @ flat.T), rtol=1e-3, atol=abs(flat).max())
    gram = ours @ ours.T
    assert abs(gram - np.diag(np.diag(gram))).max() < 1e-3 * gram.max()
    assert model.licensed is False
    assert len(model.provenance) == 16
    everything = ict_face(tmp_path / "FaceXModel", crop="all")
    assert everything.number_of_vertices == len(face.mean_mm) + 4
    assert len(everything.faces) == len(face.faces) + 2, "a quad becomes two triangles"


def test_missing_and_damaged_files_are_explained(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"generic_neutral_mesh\.obj.*github\.com/USC-ICT/ICT-FaceKit"):
        ict_face(tmp_path)
    with pytest.raises(FileNotFoundError, match="github"):
        ict_face(tmp_path / "ict.npz")
    (tmp_path / "ict.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="is not an npz conversion"):
        ict_face(tmp_path / "ict.npz")
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, mean=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="is not an npz conversion"):
        ict_face(pickled)
    folder = tmp_path / "FaceXModel"
    write_folder(folder, file_face())
    with pytest.raises(ValueError, match="4 identity modes but 9"):
        ict_face(folder, identity_size=9)
    (folder / "jawOpen.obj").write_text("v 1 2 3\n")
    with pytest.raises(ValueError, match="use one version"):
        ict_face(folder)
    (folder / "jawOpen.obj").unlink()
    with pytest.raises(FileNotFoundError, match=r"jawOpen\.obj"):
        ict_face(folder)


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/data is absent")
def test_the_real_conversion() -> None:
    model = ict_face(REAL / "ict_tiny.npz")
    assert (model.number_of_vertices, model.identity_size, model.expression_size) == (6706, 20, 53)
    points = model.landmarks_mm(model.mean_mm[None])[0]
    reference = torch.from_numpy(reference_landmarks().position_mm).float()
    assert float((points - reference)[17:].norm(dim=1).mean()) < 10.0, "millimetres, the common frame"
    assert float((points[45] - points[36])[0]) == pytest.approx(89.2, abs=0.5)
    # painted: red lips, dark brows, and no green anywhere
    regions = model.regions
    lips, skin = model.albedo_mean[regions.mouth > 0.9].mean(0), model.albedo_mean[regions.face > 0.9].median(0).values
    assert float(lips[0] - lips[1]) > 0.2
    assert float(model.albedo_mean[regions.brows > 0.5].mean()) < 0.8 * float(skin.mean())
    weights, expression = sample_expression(model, torch.Generator().manual_seed(0), 4)
    assert weights.shape == (4, 53)
    vertices = model.vertices_mm(sample_identity(model, torch.Generator().manual_seed(0), 4), expression)
    assert bool(vertices.isfinite().all())
    # a head turned by 50 degrees: the far jaw points lie on the outline, the near ones stay
    angle = torch.tensor(np.deg2rad(50.0), dtype=torch.float32)
    turn = torch.tensor([[angle.cos(), 0, angle.sin()], [0, 1, 0], [-angle.sin(), 0, angle.cos()]])[None]
    slid = model.sliding_landmarks_mm(model.mean_mm[None], turn)[0]
    assert float((slid - points)[:5].norm(dim=1).max()) < 1e-4 or float((slid - points)[12:17].norm(dim=1).max()) < 1e-4
    assert float((slid - points)[:17].norm(dim=1).max()) > 5.0
