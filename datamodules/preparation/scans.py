"""Textured scans to PIFu's layout: turned upright, photographed from all sides by our own rasterizer."""

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from scipy.spatial.transform import Rotation
from torch import Tensor

from datamodules.body_frame import body_from_vertices, facing_front, moved_points, upright
from datamodules.body_maps import write_normal_map
from datamodules.body_normals import rendered_normals
from datamodules.body_records import BodyMesh, BodyView
from datamodules.body_rendering import GAMMA, rendered_view
from datamodules.occupancy_sampling import SolidBody
from datamodules.preparation.neutral_layout import Prepared
from datamodules.synthetic.body_light import draw_light
from models.geometry.files import read_mesh
from models.geometry.mesh import Mesh
from models.geometry.pictures import texture_from_file
from models.geometry.view_cameras import orthographic_views
from models.geometry.wavefront import write_obj
from models.morphable.restricted_pickle import read_arrays
from models.rendering.render import TexturedSurface

HELD_OUT_SHARE = 0.1
PIFU_SIZE, PIFU_CM_A_PIXEL = 512, 0.4
KINDS = ("RENDER", "MASK", "PARAM", "NORMAL")


class ScanFiles(NamedTuple):
    """One person of a download."""

    name: str
    mesh: Path
    texture: Path | None
    """None where the mesh's own material names it."""
    posture: Path | None
    """A pickle with `global_orient` [3], by which the person is turned to face front; None leaves the heading."""


def prepare_scans(
    scans: Sequence[ScanFiles],
    out: Path,
    *,
    size: int,
    yaws: int,
    progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """RENDER, MASK, PARAM, NORMAL, GEO and val.txt (a tenth of the people, chosen by a hash; one that is there stays).

    A person who is there already is not written again; one who cannot be converted is left out whole and named.

    Raises ValueError when a setting makes no sense or nobody could be converted.
    """
    if size < 32 or yaws < 1:
        raise ValueError(f"size is {size} and yaws {yaws}: give at least 32 pixels and one picture.")
    written, left_out = [], []
    for done, scan in enumerate(scans, 1):
        try:
            if not (out / "RENDER" / scan.name).is_dir():
                _write_scan(scan, out, size, [round(360 * k / yaws) for k in range(yaws)])
            written.append(scan.name)
        except (FileNotFoundError, ValueError) as error:
            left_out.append(str(error))
        if progress is not None:
            progress(done, len(scans))
    shutil.rmtree(out / ".unfinished", ignore_errors=True)
    if not written:
        raise ValueError(f"No scan could be converted ({left_out[0] if left_out else 'none was found'}).")
    if not (out / "val.txt").is_file():
        (out / "val.txt").write_text("".join(f"{name}\n" for name in held_out(written)), encoding="utf-8")
    return Prepared(out, len(written), tuple(left_out))


def held_out(names: Iterable[str]) -> list[str]:
    """A tenth, at least one, by a hash of the names."""
    ranked = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    return sorted(ranked[: max(round(HELD_OUT_SHARE * len(ranked)), 1)])


def _write_scan(scan: ScanFiles, out: Path, size: int, yaws: list[int]) -> None:
    mesh = read_mesh(scan.mesh)
    vertices = mesh.vertices.double().numpy()
    turn = _turn(vertices, scan)
    turned = vertices @ turn.T
    body_from_turned = body_from_vertices(turned, np.eye(3))
    body = BodyMesh(torch.from_numpy(moved_points(body_from_turned, turned)).float(), mesh.faces)
    SolidBody(body.vertices_cm, body.faces, str(scan.mesh)).require_plausible()
    albedo = _albedo(mesh, scan)
    light = draw_light(np.random.default_rng(int.from_bytes(hashlib.sha256(scan.name.encode()).digest()[:8])))
    unfinished = {kind: out / ".unfinished" / kind / scan.name for kind in (*KINDS, "GEO/OBJ")}
    for folder in unfinished.values():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    scale = float(np.linalg.norm(body_from_turned[0, :3]))
    param = {
        "sh": light.numpy(),
        "ortho_ratio": PIFU_CM_A_PIXEL * PIFU_SIZE / size,
        "scale": scale,
        "center": -body_from_turned[:3, 3] / scale,
    }
    for yaw, view in zip(yaws, orthographic_views(torch.tensor(yaws, dtype=torch.float64).deg2rad()).float()):
        shown = rendered_view(body, albedo, view, size, light)
        _write_view(unfinished, f"{yaw}_0_00", shown, param, yaw)
        normals = rendered_normals(body, view, size)
        for side, values in (("front", normals.front), ("back", normals.back)):
            write_normal_map(values * shown.mask, unfinished["NORMAL"] / f"{yaw}_0_00_{side}.png")
    write_obj(Mesh(torch.from_numpy(turned).float(), mesh.faces), unfinished["GEO/OBJ"] / f"{scan.name}_100k.obj")
    for kind in ("GEO/OBJ", "NORMAL", "PARAM", "MASK", "RENDER"):  # RENDER last: it makes the person one of the set
        target = out / kind / scan.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(unfinished[kind], target)


def _write_view(folders: dict[str, Path], stem: str, shown: BodyView, param: dict[str, Any], yaw: int) -> None:
    suffix = ".jpg" if shown.image.shape[-1] >= PIFU_SIZE else ".png"
    pixels = shown.image.permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(folders["RENDER"] / f"{stem}{suffix}", quality=95, compress_level=1)
    Image.fromarray(shown.mask[0].numpy() * 255).save(folders["MASK"] / f"{stem}.png", compress_level=1)
    c, s = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    entries = {**param, "R": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])}
    np.save(folders["PARAM"] / f"{stem}.npy", np.array(entries, dtype=object), allow_pickle=True)


def _turn(vertices: np.ndarray, scan: ScanFiles) -> np.ndarray:
    """[3, 3] upright, and facing front where the posture says how the person is turned."""
    extent = np.ptp(vertices, axis=0)
    # nobody is 1.2 times as deep as high: then z is up
    turn = upright(np.array([0.0, 0, 1]) if extent[2] > 1.2 * extent[1] else np.array([0.0, 1, 0]))
    if scan.posture is None:
        return turn
    orient = read_arrays(scan.posture, "global_orient").get("global_orient")
    if orient is None or orient.size != 3 or not np.isfinite(orient.astype(np.float64)).all():
        raise ValueError(f"The posture {scan.posture} has no global_orient of 3 numbers: fetch it again or delete it.")
    forward = turn @ Rotation.from_rotvec(orient.astype(np.float64).reshape(3)).apply([0.0, 0, 1])
    return facing_front(forward) @ turn


def _albedo(mesh: Mesh, scan: ScanFiles) -> Tensor | TexturedSurface:
    """Linear colours; grey where a scan has none."""
    texture = texture_from_file(scan.texture) if scan.texture is not None else mesh.texture
    if texture is not None and mesh.uv is not None and mesh.face_uv is not None:
        return TexturedSurface(texture[None] ** GAMMA, mesh.uv, mesh.face_uv)
    if mesh.vertex_colors is not None:
        return mesh.vertex_colors**GAMMA
    return torch.full_like(mesh.vertices, 0.5)
