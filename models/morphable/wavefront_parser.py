"""Polygons of a Wavefront file with its vertex order kept exactly."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from models.geometry.obj_counts import require_promised
from models.geometry.seal import require_seal


class Polygons(NamedTuple):
    vertices: Float[ndarray, "v 3"]
    uv: Float[ndarray, "t 2"]
    faces: Int[ndarray, "f 3"]
    """Triangles; a polygon is fanned from its first corner."""
    face_uv: Int[ndarray, "f 3"]


def read_vertices(path: Path) -> Float[ndarray, "v 3"]:
    """Only the vertices, in file order.

    Raises:
        ValueError: when a vertex line is damaged, or the file differs from its checksum or its counts.
    """
    return _vertices(_lines(path), path)


def read_polygons(path: Path) -> Polygons:
    """Vertices, texture coordinates and triangles, in file order (libraries that merge or reorder would break
    the bases).

    Raises:
        ValueError: when a line is damaged, a face refers to what the file does not hold, or the file differs from
            its checksum or its counts.
    """
    lines = _lines(path)
    vertices = _vertices(lines, path)
    corners = []
    try:
        coordinates = np.array([line.split()[1:3] for line in lines if line.startswith("vt ")], dtype=np.float64)
        for line in lines:
            if line.startswith("f "):
                polygon = [[int(part or 0) for part in (corner + "/0").split("/")[:2]] for corner in line.split()[1:]]
                corners += [(polygon[0], polygon[k], polygon[k + 1]) for k in range(1, len(polygon) - 1)]
        triangles = np.array(corners, dtype=np.int64).reshape(-1, 3, 2) - 1
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path} holds a line that is no list of numbers ({error}); fetch the file again.") from error
    coordinates = coordinates.reshape(-1, 2)
    faces, face_uv = triangles[..., 0], triangles[..., 1]
    if len(faces) == 0 or faces.min() < 0 or faces.max() >= len(vertices) or face_uv.max() >= len(coordinates):
        raise ValueError(f"{path} holds no faces, or faces with corners that do not exist; fetch the file again.")
    if not np.isfinite(coordinates).all():
        raise ValueError(f"{path} holds texture coordinates that are not finite; fetch the file again.")
    return Polygons(vertices, coordinates, faces, face_uv)


def _lines(path: Path) -> list[str]:
    content = path.read_bytes()
    require_seal(content, path)
    lines = content.decode("utf-8", "replace").splitlines()
    counts = (sum(line.startswith(keyword) for line in lines) for keyword in ("v ", "f "))
    require_promised(content, path, *counts)
    return lines


def _vertices(lines: list[str], path: Path) -> Float[ndarray, "v 3"]:
    try:
        rows = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"{path} holds a vertex line that is no triple of numbers; fetch the file again.") from error
    rows = rows.reshape(-1, 3)
    if not len(rows) or not np.isfinite(rows).all():
        raise ValueError(f"{path} holds no vertices, or some that are not finite; fetch the file again.")
    return rows
