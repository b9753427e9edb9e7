"""Meshes of bodies as files, quickly."""

import re
import warnings
from pathlib import Path

import numpy as np
import torch

from datamodules.body_records import BodyMesh
from models.geometry.files import SUFFIXES, read_mesh
from models.geometry.obj_counts import require_promised
from models.geometry.seal import require_seal


def read_body_mesh(path: Path) -> BodyMesh:
    """Vertices as they are in the file (any unit) and triangles; colours and textures are left unread.

    OBJ files of triangles are read in bulk, everything else by `models.geometry.files.read_mesh`.

    Raises FileNotFoundError when there is no such file, ValueError when it is broken, holds no faces or coordinates
    that are not finite.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no mesh {path}: check the download or take its pictures away.")
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"The mesh {path} cannot be read: convert it to a file that ends in {', '.join(SUFFIXES)}.")
    read = _triangles_in_bulk(path.read_bytes(), path) if path.suffix.lower() == ".obj" else None
    if read is None:
        mesh = read_mesh(path, texture=False)
        read = BodyMesh(mesh.vertices, mesh.faces)
    if not len(read.faces):
        raise ValueError(f"The mesh {path} holds no faces: give a closed surface, not a cloud of points.")
    lost = int((~torch.isfinite(read.vertices_cm)).any(1).sum())
    if lost:
        raise ValueError(f"The mesh {path} has {lost} vertices that are not finite: export it again.")
    return read


def _triangles_in_bulk(content: bytes, path: Path) -> BodyMesh | None:
    """None where the file is more than plain vertices and triangles."""
    require_seal(content, path)
    lines = content.split(b"\n")
    positions = [line[2:] for line in lines if line.startswith(b"v ")]
    corners = [line[2:] for line in lines if line.startswith(b"f ")]
    text = b" ".join(corners)
    if b"/" in text:
        text = re.sub(rb"/[^ \r]*", b"", text)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy's way of saying that something was no number
        try:
            numbers = np.fromstring(b" ".join(positions), sep=" ")
            faces = np.fromstring(text, dtype=np.int64, sep=" ")
        except (DeprecationWarning, ValueError):
            return None
    if not positions or len(numbers) % len(positions) or len(faces) != 3 * len(corners):
        return None
    columns = len(numbers) // len(positions)
    if columns not in (3, 4, 6, 7) or not len(faces) or faces.min() < 1 or faces.max() > len(positions):
        return None
    require_promised(content, path, len(positions), len(corners))
    vertices = numbers.reshape(-1, columns)[:, :3]
    return BodyMesh(torch.from_numpy(vertices.astype(np.float32)), torch.from_numpy(faces.reshape(-1, 3) - 1))
