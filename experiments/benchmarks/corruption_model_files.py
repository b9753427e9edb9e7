"""Face models, meshes, weights and checkpoints, each as a small file of its format."""

import functools
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from scipy.io import savemat
from scipy.sparse import csc_matrix
from torch import nn

from experiments.benchmarks.corruption_loader import Loader
from experiments.runs import read_checkpoint
from models.geometry.files import read_mesh, write_mesh
from models.geometry.mesh import Mesh
from models.geometry.primitives import uv_sphere
from models.morphable.bfm import bfm_2009, bfm_2009_front
from models.morphable.bfm_2017 import LANDMARK_NAMES, bfm_2017
from models.morphable.flame import flame
from models.morphable.ict import ict_face
from models.morphable.procedural_face import procedural_face
from models.networks.published_weights import load_published_weights

MODES = 3


class SmallFace:
    """The tiny procedural face as the arrays of a file: random modes, landmarks on vertices."""

    def __init__(self) -> None:
        model = procedural_face("tiny")
        random = np.random.default_rng(0)
        self.mean_mm = model.mean_mm.double().numpy()
        self.faces = model.faces.numpy()
        self.landmarks = model.landmark_faces[:, 0].numpy()
        self.uv, self.face_uv = model.uv.double().numpy(), model.face_uv.numpy()
        self.identity = random.normal(size=(MODES, *self.mean_mm.shape))
        self.expression = random.normal(size=(MODES, *self.mean_mm.shape))
        self.albedo_mean = random.uniform(20, 220, self.mean_mm.shape)
        self.albedo = random.normal(size=(MODES, *self.mean_mm.shape))


def columns(modes: np.ndarray) -> np.ndarray:
    """[3v, k] with rows x0 y0 z0 x1 ..."""
    return modes.reshape(len(modes), -1).T


def make_front(compressed: bool, root: Path) -> None:
    face = SmallFace()
    root.mkdir(parents=True, exist_ok=True)
    content = {
        "meanshape": face.mean_mm.reshape(1, -1) / 100,
        "idBase": columns(face.identity) / 100,
        "exBase": columns(face.expression) / 100,
        "meantex": face.albedo_mean.reshape(1, -1),
        "texBase": columns(face.albedo),
        "tri": face.faces + 1,
        "keypoints": face.landmarks[None] + 1,
    }
    savemat(root / "BFM_model_front.mat", content, do_compression=compressed)


def make_split(root: Path) -> None:
    face = SmallFace()
    root.mkdir(parents=True, exist_ok=True)
    sigma = np.ones((MODES, 1))
    shape = {
        "mu_shape": face.mean_mm.reshape(-1, 1) * 1e3,
        "w": columns(face.identity) * 1e3,
        "sigma": sigma,
        "tri": (face.faces + 1).T,
        "keypoints": face.landmarks[None] + 1,
        "tex": face.albedo_mean.T,
    }
    savemat(root / "Model_Shape.mat", shape)
    mean = np.zeros((face.mean_mm.size, 1))
    savemat(root / "Model_Exp.mat", {"mu_exp": mean, "w_exp": columns(face.expression) * 1e3})
    savemat(root / "sigma_exp.mat", {"sigma_exp": sigma})


def make_2017(root: Path) -> None:
    import h5py  # pyright: ignore[reportMissingImports]

    face = SmallFace()
    root.mkdir(parents=True, exist_ok=True)
    named = {name: face.mean_mm[face.landmarks[number]].tolist() for name, number in LANDMARK_NAMES.items()}
    with h5py.File(root / "model2019_face12.h5", "w") as file:
        parts = {"shape": face.identity, "expression": face.expression, "color": face.albedo / 255}
        means = {"shape": face.mean_mm, "expression": 0 * face.mean_mm, "color": face.albedo_mean / 255}
        for part, modes in parts.items():
            file[f"{part}/model/mean"] = means[part].ravel()
            file[f"{part}/model/pcaBasis"] = columns(modes)
            file[f"{part}/model/pcaVariance"] = np.ones(MODES)
        file["shape/representer/points"] = face.mean_mm.T
        file["shape/representer/cells"] = face.faces.T
        file["metadata/landmarks/json"] = json.dumps(named)
    (root / "ids.txt").write_text("\n".join(str(int(vertex)) for vertex in face.landmarks) + "\n")


def make_flame(root: Path) -> None:
    face = SmallFace()
    root.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    count = len(face.mean_mm)
    weights = random.uniform(size=(count, 5))
    regressor = random.uniform(size=(5, count)) * (random.uniform(size=(5, count)) < 0.05)
    content = {
        "v_template": face.mean_mm / 1000,
        "f": face.faces.astype(np.uint32),
        "shapedirs": (random.normal(size=(count, 3, 304)) * 1e-3).astype(np.float16),
        "posedirs": random.normal(size=(count, 3, 36)) * 1e-3,
        "J_regressor": csc_matrix(regressor / regressor.sum(1, keepdims=True)),
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.array([[4294967295, 0, 1, 1, 1], [0, 1, 2, 3, 4]], dtype=np.uint32),
    }
    with (root / "generic_model.pkl").open("wb") as file:
        pickle.dump(content, file, protocol=2)
    ids = np.array([int((face.faces == vertex).any(1).argmax()) for vertex in face.landmarks])
    corners = face.faces[ids] == face.landmarks[:, None]
    embedding = {"full_lmk_faces_idx": ids[None], "full_lmk_bary_coords": corners[None].astype(np.float64)}
    np.save(root / "landmark_embedding.npy", np.array(embedding, dtype=object), allow_pickle=True)
    write_mesh(
        Mesh(
            torch.from_numpy(face.mean_mm).float(),
            torch.from_numpy(face.faces),
            torch.from_numpy(face.uv).float(),
            torch.from_numpy(face.face_uv),
        ),
        root / "head_template_mesh.obj",
    )


def make_ict(root: Path) -> None:
    face = SmallFace()
    faces, uv, face_uv = (torch.from_numpy(array) for array in (face.faces, face.uv, face.face_uv))

    def write(name: str, vertices: np.ndarray) -> None:
        write_mesh(Mesh(torch.from_numpy(vertices).float() / 10, faces, uv.float(), face_uv), root / f"{name}.obj")

    write("generic_neutral_mesh", face.mean_mm)
    for k, mode in enumerate(face.identity):
        write(f"identity{k:03d}", face.mean_mm + mode)
    names = ("browDown_L", "jawOpen", "mouthSmile_R")
    for name, mode in zip(names, face.expression):
        write(name, face.mean_mm + mode)
    listed = {"expressions": list(names), "idx_to_landmark_verts": face.landmarks.tolist()}
    (root / "vertex_indices.json").write_text(json.dumps(listed))


def make_ict_archive(root: Path) -> None:
    face = SmallFace()
    root.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        root / "ict.npz",
        mean=face.mean_mm / 10,
        id_basis=face.identity / 10,
        ex_basis=face.expression / 10,
        ex_names=np.array(["browDown_L", "jawOpen", "mouthSmile_R"]),
        faces=face.faces,
        uv=face.uv,
        face_uv=face.face_uv,
        landmarks68=face.landmarks,
    )


def read_flame(root: Path) -> Any:
    return flame(
        root / "generic_model.pkl", template=root / "head_template_mesh.obj", identity_size=4, expression_size=2
    )


def ball(textured: bool) -> Mesh:
    sphere = uv_sphere(8, 9)
    random = torch.Generator().manual_seed(0)
    vertices = sphere.vertices.float()
    if not textured:
        return Mesh(vertices, sphere.faces, vertex_colors=torch.rand(vertices.shape, generator=random))
    uv = torch.rand(len(vertices), 2, generator=random)
    return Mesh(vertices, sphere.faces, uv, sphere.faces, torch.rand(3, 24, 24, generator=random))


def make_meshes(suffix: str, root: Path) -> None:
    write_mesh(ball(False), root / f"plain{suffix}")
    write_mesh(ball(True), root / f"textured{suffix}")


def make_foreign(suffix: str, root: Path) -> None:
    """As trimesh writes them."""
    root.mkdir(parents=True, exist_ok=True)
    mesh = ball(False)
    trimesh.Trimesh(mesh.vertices.numpy(), mesh.faces.numpy(), process=False).export(root / f"foreign{suffix}")


def meshes(suffix: str) -> Loader:
    names = (f"plain{suffix}", f"textured{suffix}")
    return Loader(
        f"mesh {suffix[1:]}",
        functools.partial(make_meshes, suffix),
        lambda root: {name: read_mesh(root / name) for name in names},
    )


def foreign(suffix: str) -> Loader:
    return Loader(
        f"mesh {suffix[1:]}, foreign",
        functools.partial(make_foreign, suffix),
        lambda root: read_mesh(root / f"foreign{suffix}"),
    )


class SmallTrunk(nn.Module):
    """A network of published weights, in small."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3)
        self.bn1 = nn.BatchNorm2d(8)
        self.last = nn.Linear(8, 4)


def make_checkpoint(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    network = SmallTrunk()
    optimizer = torch.optim.Adam(network.parameters())
    content = {
        "epoch": 3,
        "global_step": 40,
        "state_dict": network.state_dict(),
        "optimizer_states": [optimizer.state_dict()],
        "hyper_parameters": {"_class_path": "lightning_modules.face_coarse.FaceCoarse", "learning_rate": 1e-3},
    }
    torch.save(content, root / "last.ckpt")


def make_weights(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    torch.save(SmallTrunk().state_dict(), root / "trunk.pth")


def read_weights(root: Path) -> nn.Module:
    network = SmallTrunk()
    load_published_weights(network, root / "trunk.pth", "the weights of a small trunk")
    return network


MODEL_FILES = (
    Loader(
        "bfm 2009 front",
        functools.partial(make_front, False),
        lambda root: bfm_2009_front(root / "BFM_model_front.mat"),
    ),
    Loader(
        "bfm front, compressed",
        functools.partial(make_front, True),
        lambda root: bfm_2009_front(root / "BFM_model_front.mat"),
    ),
    Loader("bfm 2009 split", make_split, bfm_2009),
    Loader(
        "bfm 2019",
        make_2017,
        lambda root: bfm_2017(root / "model2019_face12.h5", landmark_ids=root / "ids.txt"),
        needs="h5py",
    ),
    Loader("flame", make_flame, read_flame),
    Loader("ict-facekit folder", make_ict, ict_face, optional=("identity002.obj",)),
    Loader("ict-facekit npz", make_ict_archive, lambda root: ict_face(root / "ict.npz")),
    *(meshes(suffix) for suffix in (".obj", ".ply", ".glb")),
    *(foreign(suffix) for suffix in (".ply", ".glb")),
    Loader("checkpoint", make_checkpoint, lambda root: read_checkpoint(root / "last.ckpt")),
    Loader("published weights", make_weights, read_weights),
)
