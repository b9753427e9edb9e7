"""Small data sets of bodies on disk for the tests: a figure that differs on every side, in all three layouts."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.geometry.mesh import Mesh
from models.geometry.primitives import icosphere
from models.geometry.view_cameras import orthographic_views
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
