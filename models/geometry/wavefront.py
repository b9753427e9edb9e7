"""Wavefront OBJ with its material library and its texture."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.geometry.atomic import replace_when_complete
from models.geometry.mesh import Mesh
from models.geometry.obj_counts import require_promised
from models.geometry.pictures import png_from_texture, texture_from_file
from models.geometry.seal import OPEN_SEAL, is_sealed, require_seal, sealed

POSITION_WIDTHS = (3, 4, 6, 7)
"""x y z, perhaps w, perhaps red green blue."""


def write_obj(mesh: Mesh, path: Path) -> None:
    """Nine significant digits, which bring every float32 back exactly. With a texture also `<stem>.mtl` and
    `<stem>.png`.

    The obj takes its place last: where it stands, its material and its texture do too.
    """
    content = sealed(_obj_text(mesh, path.stem).encode())
    if mesh.texture is None:
        with replace_when_complete(path) as (obj,):
            obj.write_bytes(content)
        return
    picture = png_from_texture(mesh.texture)
    with replace_when_complete(path.with_suffix(".png"), path.with_suffix(".mtl"), path) as (png, mtl, obj):
        png.write_bytes(picture)
        mtl.write_text(f"newmtl surface\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {path.stem}.png\n")
        obj.write_bytes(content)


def read_obj(path: Path, *, texture: bool = True) -> Mesh:
    """Any OBJ with polygons: they are split into fans, negative indices are resolved, all groups become one mesh.

    The texture is the first `map_Kd` of the libraries it names. In a file where only some faces have texture
    coordinates the others get one extra coordinate, (0, 0).
    """
    content = path.read_bytes()
    require_seal(content, path)
    return read_plain_obj(content, path) or read_any_obj(content, path, texture=texture)


def read_plain_obj(content: bytes, path: Path) -> Mesh | None:
    """The mesh of a file with nothing but positions (and colours) and triangles, ten times as fast as line by line;
    None for any other file, broken ones among them."""
    lines = content.decode("utf-8", "replace").splitlines()
    rows = {keyword: [line[2:] for line in lines if line.startswith(keyword)] for keyword in ("v ", "f ", "#")}
    if not rows["v "] or not rows["f "] or sum(map(len, rows.values())) < len(lines):
        return None
    try:
        vertices = torch.from_numpy(np.loadtxt(rows["v "], dtype=np.float64, comments=None, ndmin=2))
        corners = torch.from_numpy(np.loadtxt(rows["f "], dtype=np.int64, comments=None, ndmin=2))
    except ValueError:  # texture coordinates, rows of varying length, words
        return None
    if len(vertices) < len(rows["v "]) or len(corners) < len(rows["f "]):  # rows without numbers are passed over
        return None
    if vertices.shape[1] not in POSITION_WIDTHS or corners.shape[1] != 3:
        return None
    if int(corners.min()) < 1 or int(corners.max()) > len(vertices):
        return None
    require_promised(content, path, len(vertices), len(corners))
    return Mesh(vertices[:, :3].float(), corners - 1, vertex_colors=_colors(vertices))


def read_any_obj(content: bytes, path: Path, *, texture: bool = True) -> Mesh:
    """What `read_obj` reads, line by line, and every complaint."""
    positions: list[list[float]] = []
    coordinates: list[list[float]] = []
    triangles: list[tuple[int, int, int]] = []
    triangle_coordinates: list[tuple[int, int, int]] = []
    libraries: list[str] = []
    used: set[str] = set()
    polygons = 0
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        keyword, _, rest = line.partition(" ")
        try:
            if keyword == "v":
                positions.append([float(value) for value in rest.split()])
            elif keyword == "vt":
                coordinates.append([float(value) for value in rest.split()[:2]])
            elif keyword == "f":
                corners = [corner.split("/") for corner in rest.split()]
                vertex = [_index(corner[0], len(positions)) for corner in corners]
                coordinate = [_index(c[1], len(coordinates)) if len(c) > 1 and c[1] else -1 for c in corners]
                polygons += 1
                if len(corners) < 3:
                    raise ValueError(f"a face has {len(corners)} corners")
                for i in range(1, len(corners) - 1):
                    triangles.append((vertex[0], vertex[i], vertex[i + 1]))
                    triangle_coordinates.append((coordinate[0], coordinate[i], coordinate[i + 1]))
            elif keyword == "mtllib":
                libraries.append(rest.strip())
            elif keyword == "usemtl":
                used.add(rest.strip())
        except ValueError as error:
            raise ValueError(
                f"{path} is broken in line {number} ({error}): repair that line or export again."
            ) from error
    require_promised(content, path, len(positions), polygons)
    if not positions:
        raise ValueError(f"{path} holds no vertices: give an obj file with lines that start with v.")
    for name, rows, widths in (("v", positions, POSITION_WIDTHS), ("vt", coordinates, (2,))):
        if {len(row) for row in rows} - set(widths) or len({len(row) for row in rows}) > 1:
            raise ValueError(f"{path} has {name} lines with missing or varying numbers of values: export it again.")
    vertices = torch.tensor(positions, dtype=torch.float64)
    faces = _triangles(triangles, len(vertices), path, "vertices")
    face_uv = _triangles(triangle_coordinates, len(coordinates), path, "texture coordinates")
    has_uv = bool(coordinates) and bool((face_uv >= 0).any())
    if has_uv and bool((face_uv < 0).any()):
        face_uv = torch.where(face_uv < 0, len(coordinates), face_uv)
        coordinates.append([0.0, 0.0])
    return Mesh(
        vertices=vertices[:, :3].float(),
        faces=faces,
        uv=torch.tensor(coordinates, dtype=torch.float64).float() if has_uv else None,
        face_uv=face_uv if has_uv else None,
        texture=_texture(path, libraries, used, expected=is_sealed(content)) if texture and has_uv else None,
        vertex_colors=_colors(vertices),
    )


def _colors(vertices: Tensor) -> Tensor | None:
    return vertices[:, 3:6].float() if vertices.shape[1] >= 6 else None


def _obj_text(mesh: Mesh, stem: str) -> str:
    lines = [f"# {OPEN_SEAL}"]
    lines += [] if mesh.texture is None else [f"mtllib {stem}.mtl", "usemtl surface"]
    rows = mesh.vertices if mesh.vertex_colors is None else torch.cat([mesh.vertices, mesh.vertex_colors], 1)
    lines += ["v " + " ".join([f"{value:.9g}" for value in row]) for row in rows.detach().float().tolist()]
    faces = (mesh.faces + 1).tolist()
    if mesh.uv is None or mesh.face_uv is None:
        lines += [f"f {a} {b} {c}" for a, b, c in faces]
    else:
        lines += [f"vt {u:.9g} {v:.9g}" for u, v in mesh.uv.detach().float().tolist()]
        corners = (mesh.face_uv + 1).tolist()
        lines += [f"f {a}/{s} {b}/{t} {c}/{u}" for (a, b, c), (s, t, u) in zip(faces, corners)]
    return "\n".join(lines) + "\n"


def _index(text: str, count: int) -> int:
    """Zero-based; negative indices count back from the last element so far."""
    index = int(text)
    if index == 0:
        raise ValueError("an index is 0 but obj counts from 1")
    if count + index < 0:
        raise ValueError(f"the index {index} reaches back beyond the first of {count}")
    return index - 1 if index > 0 else count + index


def _triangles(rows: list[tuple[int, int, int]], count: int, path: Path, what: str) -> Tensor:
    indices = torch.tensor(rows, dtype=torch.long).reshape(-1, 3)
    if len(indices) and int(indices.max()) >= count:
        raise ValueError(
            f"{path} has a face that uses number {int(indices.max()) + 1} of {count} {what}: export it again."
        )
    return indices


def _texture(path: Path, libraries: list[str], used: set[str], *, expected: bool) -> Tensor | None:
    """expected: our own files name a material for the sake of its texture only."""
    materials: set[str] = set()
    for library in (path.parent / name for name in libraries):
        if not library.is_file():
            raise FileNotFoundError(f"{library} does not exist though {path} names it as its material: put it there.")
        for line in library.read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split(maxsplit=1)
            if len(words) == 2 and words[0] == "newmtl":
                materials.add(words[1].strip())
            if len(words) == 2 and words[0] == "map_Kd":
                return texture_from_file(library.parent / words[1].strip(), library)
    if libraries and used - materials:
        raise ValueError(
            f"{path} uses the material {min(used - materials)}, which {', '.join(libraries)} does not define: export "
            "it again."
        )
    if libraries and expected:
        raise ValueError(f"{path.parent / libraries[0]} names no texture though {path} has one: export it again.")
    return None
