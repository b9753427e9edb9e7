"""PIFu's UV folders: a person's surface as pictures, for networks that learn colour."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from datamodules.open_exr import write_exr
from datamodules.synthetic.body_light import irradiance
from datamodules.synthetic.body_photographs import GAMMA
from datamodules.synthetic.body_subjects import BodySubject
from datamodules.synthetic.uv_atlas import uv_atlas
from models.geometry.mesh import Mesh
from models.geometry.normals import vertex_normals
from models.geometry.view_cameras import camera_axes


class PifuTextures:
    """Writes UV_MASK, UV_POS (positions in the scan's frame, OpenEXR) and UV_NORMAL of a person at once, UV_RENDER
    view by view. Attributes are those of the mesh's vertices."""

    def __init__(self, root: Path, name: str, subject: BodySubject) -> None:
        mesh = subject.mesh
        colours = mesh.vertex_colors
        assert colours is not None
        self.atlas = uv_atlas(len(mesh.faces))
        self.mesh = mesh
        self.normals = vertex_normals(mesh.vertices[None], mesh.faces)[0]
        self.colour = colours**GAMMA * subject.sky[:, None]
        self.folder = root / "UV_RENDER" / name
        folders = {kind: root / kind / name for kind in ("UV_RENDER", "UV_MASK", "UV_POS", "UV_NORMAL")}
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        mask = np.zeros((self.atlas.side, self.atlas.side), np.uint8)
        mask.reshape(-1)[self.atlas.at.numpy()] = 255
        Image.fromarray(mask).save(folders["UV_MASK"] / "00.png", compress_level=1)
        positions = self.atlas.texels(mesh, subject.scanned().vertices)
        write_exr(positions.permute(1, 2, 0).numpy(), folders["UV_POS"] / "00.exr")
        _save(self.atlas.texels(mesh, self.normals / 2 + 0.5), folders["UV_NORMAL"] / "00.png")

    def write_render(self, stem: str, view_from_body: Tensor, light: Tensor) -> None:
        lit = self.colour * irradiance(self.normals @ camera_axes(view_from_body).T, light)
        _save(self.atlas.texels(self.mesh, lit.clamp(0, 1) ** (1 / GAMMA)), self.folder / f"{stem}.jpg")

    def with_coordinates(self, scan: Mesh) -> Mesh:
        return replace(scan, uv=self.atlas.uv, face_uv=self.atlas.face_uv())


def _save(picture: Tensor, path: Path) -> None:
    pixels = (picture.permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    Image.fromarray(pixels).save(path, quality=95, compress_level=1)
