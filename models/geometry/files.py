"""Mesh files: the suffix chooses the format."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.geometry import gltf, ply, wavefront
from models.geometry.mesh import Mesh
from models.geometry.pictures import texture_from_picture

SUFFIXES = (".obj", ".glb", ".ply")


def write_mesh(mesh: Mesh, path: Path | str) -> None:
    """Writes `.obj` (with `.mtl` and `.png` beside it when there is a texture), `.glb` or `.ply`; creates the folder.

    All three keep positions (as float32), the order of vertices and faces, uv at every corner and the texture (8 bits a
    channel); vertex colours are exact in glb, exact to 9 digits in obj, 8 bits in ply. Metres, +y up. The files appear
    whole or not at all.

    Raises ValueError for another suffix and for vertices that are not finite, OSError when the disk refuses.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path} cannot be written: name a file that ends in {', '.join(SUFFIXES)}.")
    lost = int((~torch.isfinite(mesh.vertices)).any(1).sum())
    if lost:
        raise ValueError(f"{path} was not written: {lost} vertices of the mesh are not finite; repair it first.")
    write = {".obj": wavefront.write_obj, ".glb": gltf.write_glb, ".ply": ply.write_ply}[path.suffix.lower()]
    write(mesh, path)


def read_mesh(path: Path | str, *, texture: bool = True) -> Mesh:
    """Reads a mesh as float32. Our own files come back as they were written; files of other programs are triangulated.

    `texture=False` leaves materials unread, for scans whose pictures are elsewhere. A point cloud has 0 faces.

    Raises FileNotFoundError when the file (or a material or texture it names) is missing, ValueError when it is broken
    or has another suffix; each names the file, an obj the line too.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path} cannot be read: convert it to a file that ends in {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: give the path of a mesh file.")
    try:
        return _read(path, texture)
    except ValueError as error:
        if path.name in str(error):
            raise
        raise ValueError(f"{path} is damaged: {error} Export or copy it again.") from error


def _read(path: Path, texture: bool) -> Mesh:
    if path.suffix.lower() == ".obj":
        return wavefront.read_obj(path, texture=texture)
    read_own = gltf.read_own_glb if path.suffix.lower() == ".glb" else ply.read_own_ply
    return read_own(path, texture=texture) or _read_foreign(path)


def _read_foreign(path: Path) -> Mesh:
    """A glb or ply of another program, by trimesh; scenes are flattened, in world coordinates."""
    import trimesh  # its seconds of importing are for foreign files only

    try:
        loaded: Any = trimesh.load(path, process=False)  # a Scene, a Trimesh or a PointCloud
        if isinstance(loaded, trimesh.Scene):
            loaded = loaded.to_mesh()
        vertices = torch.tensor(np.asarray(loaded.vertices), dtype=torch.float32)
        faces = torch.tensor(np.asarray(getattr(loaded, "faces", np.zeros((0, 3)))), dtype=torch.long)
    except Exception as error:  # trimesh raises whatever its parsers stumble over
        raise ValueError(f"{path} is not a readable {path.suffix[1:]} file ({error}): export it again.") from error
    if not len(vertices):
        raise ValueError(f"{path} holds no vertices: export it again.")
    if not len(faces) and path.suffix.lower() == ".ply" and ply.unread_elements(path):
        raise ValueError(f"{path} has no faces but {ply.unread_elements(path)[0]}, which is unknown: export it again.")
    visual = getattr(loaded, "visual", None)
    uv = getattr(visual, "uv", None)
    if uv is not None and len(uv) == len(vertices):
        material = getattr(visual, "material", None)
        picture = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
        return Mesh(
            vertices,
            faces,
            uv=torch.tensor(np.asarray(uv), dtype=torch.float32),
            face_uv=faces,
            texture=None if picture is None else texture_from_picture(picture),
        )
    colors = getattr(loaded, "colors", None) if visual is None else getattr(visual, "vertex_colors", None)
    has_colors = colors is not None and len(colors) == len(vertices) and getattr(visual, "kind", "vertex") == "vertex"
    shades = torch.tensor(np.asarray(colors)[:, :3], dtype=torch.float32) / 255 if has_colors else None
    return Mesh(vertices, faces, vertex_colors=shades)
