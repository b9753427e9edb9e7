"""Polygons of a Wavefront file with its vertex order kept exactly."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray


class Polygons(NamedTuple):
    vertices: Float[ndarray, "v 3"]
    uv: Float[ndarray, "t 2"]
    faces: Int[ndarray, "f 3"]
    """Triangles; a polygon is fanned from its first corner."""
    face_uv: Int[ndarray, "f 3"]


def read_vertices(path: Path) -> Float[ndarray, "v 3"]:
    """Only the vertices, in file order.

    Raises:
        ValueError: when a vertex line is damaged.
    """
    try:
        rows = [line.split()[1:4] for line in path.read_text(errors="replace").splitlines() if line.startswith("v ")]
        return np.array(rows, dtype=np.float64).reshape(-1, 3)
    except ValueError as error:
        raise ValueError(f"{path} holds a vertex line that is no triple of numbers; fetch the file again.") from error


def read_polygons(path: Path) -> Polygons:
    """Vertices, texture coordinates and triangles, in file order (libraries that merge or reorder would break
    the bases).

    Raises:
        ValueError: when a face refers to what the file does not hold.
    """
    vertices = read_vertices(path)
    uv, corners = [], []
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("vt "):
            uv.append(line.split()[1:3])
        elif line.startswith("f "):
            polygon = [[int(part or 0) for part in (corner + "/0").split("/")[:2]] for corner in line.split()[1:]]
            corners += [(polygon[0], polygon[k], polygon[k + 1]) for k in range(1, len(polygon) - 1)]
    triangles = np.array(corners, dtype=np.int64).reshape(-1, 3, 2) - 1
    coordinates = np.array(uv, dtype=np.float64).reshape(-1, 2)
    faces, face_uv = triangles[..., 0], triangles[..., 1]
    if len(faces) == 0 or faces.min() < 0 or faces.max() >= len(vertices) or face_uv.max() >= len(coordinates):
        raise ValueError(f"{path} holds no faces, or faces with corners that do not exist; fetch the file again.")
    return Polygons(vertices, coordinates, faces, face_uv)
