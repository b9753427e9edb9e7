"""Meshes inside a page: simplified where they are large, as glb in text."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from trimesh import Trimesh
from trimesh.visual import ColorVisuals, TextureVisuals
from trimesh.visual.material import PBRMaterial

from experiments.errors import one_line
from experiments.report.pictures import Room
from models.geometry.files import read_mesh
from models.geometry.gltf import split_seams
from models.geometry.mesh import Mesh
from models.geometry.normals import vertex_normals

MOST_FACES = 40_000
"""More triangles are simplified: a page must open quickly on a phone, too."""
LONGEST_TEXTURE = 1024


class Viewable(NamedTuple):
    """A mesh in the page."""

    name: str
    note: str
    """Size, and what was done to it."""
    glb: str
    """Base64."""


class Meshes(NamedTuple):
    shown: list[Viewable]
    remarks: list[str]
    """Sentences about what is not shown, and why."""


class SplitSurface(NamedTuple):
    """A mesh as graphics cards know it: one index for position, normal, uv and colour."""

    positions: Tensor
    normals: Tensor
    faces: Tensor
    uv: Tensor | None
    colors: Tensor | None


def viewable_meshes(paths: Sequence[Path], room: Room) -> Meshes:
    """The meshes of files, in order, as far as the page has room."""
    shown, remarks = [], []
    for path in paths:
        try:
            mesh = viewable(path)
        except (ValueError, OSError) as error:
            remarks.append(f"{path.name} is not shown: {one_line(str(error))}")
            continue
        if room.take(len(mesh.glb)):
            shown.append(mesh)
        else:
            remarks.append(f"{path.name} is left out: the page would grow beyond its limit.")
    return Meshes(shown, remarks)


def viewable(path: Path) -> Viewable:
    """A mesh file made fit for a page: at most 40 000 triangles, a texture of at most 1024 pixels a side.

    Raises:
        ValueError: no mesh, points only, or too large and of a form that cannot be simplified.
    """
    mesh = read_mesh(path)
    if not mesh.number_of_faces:
        raise ValueError("it holds points only.")
    if not bool(torch.isfinite(mesh.vertices).all()):
        raise ValueError("some of its vertices are not finite.")
    surface = split(mesh)
    notes = [f"{mesh.number_of_faces:,} triangles"]
    if len(surface.faces) > MOST_FACES:
        surface = simplified(surface)
        notes.append(f"simplified to {len(surface.faces):,} for this page")
    texture = None if mesh.texture is None else picture_of(mesh.texture)
    if texture is not None:
        notes.append(f"texture of {texture.width} × {texture.height} pixels")
        if max(texture.size) > LONGEST_TEXTURE:
            texture.thumbnail((LONGEST_TEXTURE, LONGEST_TEXTURE), Image.Resampling.LANCZOS)
            notes.append(f"shown with {texture.width} × {texture.height}")
    elif surface.colors is not None:
        notes.append("coloured by vertex")
    return Viewable(path.name, ", ".join(notes), base64.b64encode(glb_of(surface, texture)).decode())


def split(mesh: Mesh) -> SplitSurface:
    vertex, coordinate, faces = split_seams(mesh)
    normals = vertex_normals(mesh.vertices[None], mesh.faces)[0]
    return SplitSurface(
        mesh.vertices[vertex],
        normals[vertex],
        faces,
        None if mesh.uv is None else mesh.uv[coordinate],
        None if mesh.vertex_colors is None else mesh.vertex_colors[vertex],
    )


def simplified(surface: SplitSurface) -> SplitSurface:
    """With about 40 000 triangles, by quadric edge collapse; each vertex keeps the uv and colour of the one it was.

    Raises:
        ValueError: the surface branches, which the collapse cannot deal with.
    """
    import igl

    positions = np.asfortranarray(surface.positions.double().numpy())
    faces = np.asfortranarray(surface.faces.numpy().astype(np.int32))
    kept, triangles, _, born = (np.asarray(part) for part in igl.qslim(positions, faces, MOST_FACES, False))
    if not len(triangles):
        raise ValueError(f"it has {len(faces):,} triangles, and more than two of them meet at an edge; open it itself.")
    origin = torch.from_numpy(np.ascontiguousarray(born)).long()
    moved = torch.from_numpy(np.ascontiguousarray(kept)).float()
    turned = torch.from_numpy(np.ascontiguousarray(triangles)).long()
    return SplitSurface(
        moved,
        vertex_normals(moved[None], turned)[0] if surface.uv is None else surface.normals[origin],
        turned,
        None if surface.uv is None else surface.uv[origin],
        None if surface.colors is None else surface.colors[origin],
    )


def picture_of(texture: Tensor) -> Image.Image:
    return Image.fromarray((texture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy())


def glb_of(surface: SplitSurface, texture: Image.Image | None) -> bytes:
    """As binary glTF, the texture as JPEG."""
    visual = None
    if texture is not None and surface.uv is not None:
        buffer = io.BytesIO()
        texture.save(buffer, format="JPEG", quality=88)
        material = PBRMaterial(
            baseColorTexture=Image.open(buffer), metallicFactor=0.0, roughnessFactor=1.0, doubleSided=True
        )
        visual = TextureVisuals(uv=surface.uv.numpy(), material=material)
    elif surface.colors is not None:
        shades = (surface.colors.clamp(0, 1) * 255).round().byte().numpy()
        visual = ColorVisuals(vertex_colors=shades)
    made = Trimesh(
        surface.positions.numpy(),
        surface.faces.numpy(),
        vertex_normals=surface.normals.numpy(),
        visual=visual,
        process=False,
    )
    content = made.export(file_type="glb", include_normals=True)
    assert isinstance(content, bytes)
    return content
