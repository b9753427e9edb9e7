"""Stanford PLY, binary little endian."""

from pathlib import Path

import numpy as np
import torch

from models.geometry.atomic import replace_when_complete
from models.geometry.mesh import Mesh
from models.geometry.pictures import png_from_texture, texture_from_file
from models.geometry.seal import OPEN_SEAL, require_seal, sealed

OWN_MARK = "comment Threefold mesh: metres, +y up"
FACE = [("corners", "u1"), ("vertex_indices", "<i4", 3)]
FACE_WITH_UV = [*FACE, ("numbers", "u1"), ("texcoord", "<f4", 6)]
POSITION = [("position", "<f4", 3)]
POSITION_WITH_COLOR = [*POSITION, ("color", "u1", 3)]


def write_ply(mesh: Mesh, path: Path) -> None:
    """float32 positions, 8-bit vertex colours, uv as six `texcoord` floats a face; a texture goes to `<stem>.png`
    beside.
    """
    has_color, has_uv = mesh.vertex_colors is not None, mesh.uv is not None
    vertices = np.zeros(mesh.number_of_vertices, POSITION_WITH_COLOR if has_color else POSITION)
    vertices["position"] = mesh.vertices.detach().cpu().float().numpy()
    if mesh.vertex_colors is not None:
        vertices["color"] = (mesh.vertex_colors.detach().cpu().float().clamp(0, 1) * 255).round().byte().numpy()
    faces = np.zeros(mesh.number_of_faces, FACE_WITH_UV if has_uv else FACE)
    faces["corners"] = 3
    faces["vertex_indices"] = mesh.faces.cpu().numpy()
    if mesh.uv is not None and mesh.face_uv is not None:
        faces["numbers"] = 6
        faces["texcoord"] = mesh.uv.detach().cpu().float()[mesh.face_uv.cpu()].reshape(-1, 6).numpy()
    header = _header(len(vertices), len(faces), has_color, has_uv, None if mesh.texture is None else f"{path.stem}.png")
    content = sealed(header.encode() + vertices.tobytes() + faces.tobytes())
    if mesh.texture is None:
        with replace_when_complete(path) as (ply,):
            ply.write_bytes(content)
        return
    picture = png_from_texture(mesh.texture)
    with replace_when_complete(path.with_suffix(".png"), path) as (png, ply):
        png.write_bytes(picture)
        ply.write_bytes(content)


def read_own_ply(path: Path, *, texture: bool = True) -> Mesh | None:
    """The mesh of a file that `write_ply` made, or None for a file of another program.

    Corners with the same uv share one texture coordinate afterwards: uv at the corners is kept, their numbering is not.
    """
    content = path.read_bytes()
    require_seal(content, path)
    end = content.find(b"end_header\n")
    lines = content[: max(end, 0)].decode("ascii", errors="replace").splitlines()
    if OWN_MARK not in lines:
        return None
    counts = _counts(lines, path)
    has_color, has_uv = "property uchar red" in lines, "property list uchar float texcoord" in lines
    vertex_type = np.dtype(POSITION_WITH_COLOR if has_color else POSITION)
    face_type = np.dtype(FACE_WITH_UV if has_uv else FACE)
    start = end + len(b"end_header\n")
    middle = start + counts["vertex"] * vertex_type.itemsize
    expected = middle + counts["face"] * face_type.itemsize
    if len(content) != expected:
        raise ValueError(
            f"{path} has {len(content)} bytes where its header promises {expected}: export or copy it again."
        )
    vertices = np.frombuffer(content, vertex_type, counts["vertex"], start)
    faces = np.frombuffer(content, face_type, counts["face"], middle)
    if (faces["corners"] != 3).any() or (has_uv and (faces["numbers"] != 6).any()):
        raise ValueError(f"{path} has a face with other than 3 corners: export or copy it again.")
    uv = face_uv = None
    if has_uv:
        corners = torch.from_numpy(faces["texcoord"].reshape(-1, 2).copy())
        uv, face_uv = torch.unique(corners, dim=0, return_inverse=True)
        face_uv = face_uv.reshape(-1, 3)
    named = [line.removeprefix("comment TextureFile ") for line in lines if line.startswith("comment TextureFile ")]
    return Mesh(
        vertices=torch.from_numpy(vertices["position"].copy()),
        faces=torch.from_numpy(faces["vertex_indices"].astype(np.int64)),
        uv=uv,
        face_uv=face_uv,
        texture=texture_from_file(path.parent / named[0]) if named and texture else None,
        vertex_colors=torch.from_numpy(vertices["color"].astype(np.float32)) / 255 if has_color else None,
    )


def unread_elements(path: Path) -> list[str]:
    """What the header of a file without faces announces besides vertices and edges, such as misspelt faces."""
    header = path.read_bytes().partition(b"end_header")[0].decode("ascii", errors="replace")
    announced = [words for words in map(str.split, header.splitlines()) if words[:1] == ["element"]]
    return [" ".join(words[1:]) for words in announced if words[1:2] not in (["vertex"], ["edge"]) and words[-1] != "0"]


def _counts(lines: list[str], path: Path) -> dict[str, int]:
    found = {words[1]: words[2] for words in map(str.split, lines) if words[:1] == ["element"] and len(words) == 3}
    if found.keys() != {"vertex", "face"} or not all(number.isdecimal() for number in found.values()):
        raise ValueError(f"{path} has a header without the numbers of vertices and faces: export or copy it again.")
    return {name: int(number) for name, number in found.items()}


def _header(vertices: int, faces: int, has_color: bool, has_uv: bool, texture: str | None) -> str:
    lines = ["ply", "format binary_little_endian 1.0", OWN_MARK, f"comment {OPEN_SEAL}"]
    lines += [] if texture is None else [f"comment TextureFile {texture}"]
    lines += [f"element vertex {vertices}", *(f"property float {axis}" for axis in "xyz")]
    lines += [f"property uchar {channel}" for channel in ("red", "green", "blue")] if has_color else []
    lines += [f"element face {faces}", "property list uchar int vertex_indices"]
    lines += ["property list uchar float texcoord"] if has_uv else []
    return "\n".join([*lines, "end_header"]) + "\n"
