"""Small data sets of bodies on disk for the tests: a figure that differs on every side, in all three layouts."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.geometry.mesh import Mesh
from models.geometry.primitives import icosphere, uv_sphere
from models.geometry.view_cameras import orthographic_views, view_from_projection
from models.geometry.wavefront import write_obj
from models.rendering.view_normals import view_normals


def figure() -> Mesh:
    """A closed surface 180 cm high in the body frame: trunk, head, one arm to +x, one foot to +z; parts overlap."""
    parts = (
        ((0, -18, 0), (24, 72, 20)),
        ((0, 68, 2), (13, 22, 14)),
        ((30, 20, 0), (32, 9, 9)),
        ((0, -80, 18), (12, 10, 26)),
    )
    ball = icosphere(3)
    vertices = torch.cat([ball.vertices * torch.tensor(size).float() + torch.tensor(at).float() for at, size in parts])
    faces = torch.cat([ball.faces + k * ball.number_of_vertices for k in range(len(parts))])
    low, high = vertices[:, 1].min(), vertices[:, 1].max()
    center = torch.stack([vertices[:, 0].median(), (low + high) / 2, vertices[:, 2].median()])
    return Mesh((vertices - center) * (180 / (high - low)), faces)


class PifuTree(NamedTuple):
    root: Path
    scale: float
    center: np.ndarray


def write_pifu_tree(
    root: Path,
    *,
    subjects: tuple[str, ...] = ("anna", "ben"),
    val: tuple[str, ...] = ("ben",),
    size: int = 64,
    yaws: tuple[int, ...] = (0, 90, 180, 270),
    scale: float = 100.0,
    center: tuple[float, float, float] = (0.1, 0.85, -0.2),
) -> PifuTree:
    """The figure in a scan's unit (1 / scale cm) around `center`, photographed in the colours of its normals."""
    mesh = figure()
    views = orthographic_views(torch.tensor([math.radians(yaw) for yaw in yaws]))
    colours, masks = photographs(mesh, views, size)
    middle = np.asarray(center)
    for subject in subjects:
        for kind in ("RENDER", "MASK", "PARAM", f"GEO/OBJ/{subject}"):
            (root / kind / subject if "GEO" not in kind else root / kind).mkdir(parents=True, exist_ok=True)
        for yaw, colour, mask in zip(yaws, colours, masks):
            stem = f"{yaw}_0_00"
            Image.fromarray(colour).save(root / "RENDER" / subject / f"{stem}.png")
            Image.fromarray(mask).save(root / "MASK" / subject / f"{stem}.png")
            write_param(root / "PARAM" / subject / f"{stem}.npy", yaw, size, scale, middle)
        vertices = mesh.vertices / scale + torch.from_numpy(middle).float()
        write_obj(Mesh(vertices, mesh.faces), root / "GEO" / "OBJ" / subject / f"{subject}_100k.obj")
    (root / "val.txt").write_text("".join(f"{name}\n" for name in val))
    return PifuTree(root, scale, middle)


def write_param(path: Path, yaw: float, size: int, scale: float, center: np.ndarray, **changed) -> None:
    c, s = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    entries = {
        "sh": np.zeros((9, 3)),
        "ortho_ratio": 0.4 * 512 / size,
        "scale": scale,
        "center": center,
        "R": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
    }
    np.save(path, np.array({**entries, **changed}, dtype=object), allow_pickle=True)


def photographs(mesh: Mesh, views: Tensor, size: int | tuple[int, int]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """[h, w, 3] normals as colours, and [h, w] masks of 0 and 255."""
    height, width = (size, size) if isinstance(size, int) else size
    shown = view_normals(mesh.vertices.expand(len(views), -1, -1), mesh.faces, views, (height, width))
    colours = ((shown.normals + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()
    masks = (shown.covered * 255).byte().numpy()
    return list(colours), list(masks)


class WorldCamera(NamedTuple):
    """A pinhole of the articulated tree."""

    intrinsics: np.ndarray
    projection: np.ndarray
    """[3, 4] pixels from metres of the world."""


def write_articulated_tree(
    root: Path,
    *,
    sequences: tuple[str, ...] = ("I_crane", "D_march"),
    frames: int = 2,
    cameras: int = 4,
    size: tuple[int, int] = (120, 160),
    z_up: bool = True,
) -> dict[str, list[WorldCamera]]:
    """The figure, turning from frame to frame, before perspective cameras of any scale and sign; march in old spelling
    and with patches in its faulty regions."""
    mesh = figure()
    axes = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]) if z_up else np.eye(3)
    written = {}
    for name in sequences:
        folder, old = root / name, name.endswith(("march", "squat"))
        for kind in ("meshes", "images", "silhouettes", "calibration"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        world_cameras = [
            _world_camera(2 * math.pi * k / cameras, axes, size, -2.0 if k else 0.5) for k in range(cameras)
        ]
        written[name] = world_cameras
        for frame in range(frames):
            angle = 0.5 * frame
            c, s = math.cos(angle), math.sin(angle)
            turned = mesh.vertices.double().numpy() @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
            world = (turned * 0.0095 + np.array([0.2, 0.9, 0.1])) @ axes.T
            stood = Mesh(torch.from_numpy(world).float(), mesh.faces)
            write_obj(stood, folder / "meshes" / f"mesh_{frame:04d}.obj")
            for number, camera in enumerate(world_cameras, 1):
                view = view_from_projection(torch.from_numpy(camera.projection @ _world_from_cm()), size)
                metres = Mesh(stood.vertices * 100, stood.faces)
                colours, masks = photographs(metres, view[None], size)
                picture = f"Camera{number}_{frame:04d}.jpg" if old else f"Image{number}_{frame:04d}.png"
                Image.fromarray(colours[0]).save(folder / "images" / picture)
                mask = masks[0].copy()
                if number == 2 and old:
                    mask[int(size[0] * 1000 / 1200) + 2 :, :9] = 255  # what is no person in the real ones
                Image.fromarray(mask).save(folder / "silhouettes" / f"Silhouette{number}_{frame:04d}.png")
        for number, camera in enumerate(world_cameras, 1):
            stem = f"{'camera' if old else 'Camera'}{number}"
            np.savetxt(folder / "calibration" / f"{stem}.Pmat.cal", camera.projection)
            rows = [f"K{i + 1}{j + 1} = {camera.intrinsics[i, j]}\n" for i in range(3) for j in range(3)]
            (folder / "calibration" / f"{stem}.rad").write_text("".join(rows) + "kc1 = 0\n")
    return written


def _world_from_cm() -> np.ndarray:
    return np.diag([0.01, 0.01, 0.01, 1])


def _world_camera(angle: float, axes: np.ndarray, size: tuple[int, int], factor: float) -> WorldCamera:
    eye, target = np.array([4 * math.sin(angle), 1.2, 4 * math.cos(angle)]), np.array([0.2, 0.9, 0.1])
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 1, 0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward]) @ axes.T
    focal = 1.5 * size[0]
    intrinsics = np.array([[focal, 0, size[1] / 2 + 3], [0, focal, size[0] / 2], [0, 0, 1]])
    from_world = np.concatenate([rotation, -(rotation @ (axes @ eye))[:, None]], 1)
    return WorldCamera(intrinsics, intrinsics @ from_world * factor)


def write_cape_tree(
    root: Path,
    *,
    subjects: tuple[str, ...] = ("00096", "03223"),
    frames: int = 7,
    changed: dict[str, np.ndarray] | None = None,
) -> Path:
    """A figure in CAPE's counts of vertices and faces that walks and turns, in metres; `changed` replaces arrays of the
    middle frame of the first subject."""
    ball = uv_sphere(85, 82)
    x, y, z = ball.vertices.double().numpy().T
    arm = 0.45 * np.exp(-(((y - 0.3) / 0.12) ** 2 + (z / 0.5) ** 2)) * (x > 0.3) * (x - 0.3)
    nose = 0.1 * np.exp(-(((y - 0.85) / 0.1) ** 2)) * (z > 0) * z
    canonical = np.stack([0.28 * x + arm, 0.86 * y, 0.16 * z + nose], 1)
    (root / "misc").mkdir(parents=True)
    np.save(root / "misc" / "smpl_tris.npy", ball.faces.numpy().astype(np.uint32))
    for subject in subjects:
        name = "shortlong_walk"
        folder = root / "sequences" / subject / name
        folder.mkdir(parents=True)
        for frame in range(frames):
            angle = 0.4 * frame
            c, s = math.cos(angle), math.sin(angle)
            turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
            arrays = {
                "transl": np.array([0.1 * frame, 0.86, 0.5]),
                "v_cano": canonical,
                "pose": np.concatenate([[0, angle, 0], np.zeros(69)]),
                "v_posed": canonical @ turn.T + np.array([0.1 * frame, 0.86, 0.5]),
            }
            if subject == subjects[0] and frame == frames // 2:
                arrays.update(changed or {})
            np.savez(folder / f"{name}.{frame + 1:06d}.npz", **arrays)
    return root
