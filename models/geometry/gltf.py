"""Binary glTF 2.0 (`.glb`): metres, +y up, +z towards the viewer, like ours.

glTF knows one index for position and uv, so a vertex on a seam is written once for each of its texture coordinates, and
v runs down. The original numbering and the exact uv stand in accessors named in the mesh's `extras`: other programs
pass them by, `read_own_glb` restores the mesh from them.
"""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.geometry.atomic import replace_when_complete
from models.geometry.mesh import Mesh
from models.geometry.pictures import png_from_texture, texture_from_picture
from models.geometry.seal import OPEN_SEAL, require_seal, sealed
from models.geometry.whole_pictures import opened_whole

GENERATOR = "Threefold"
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
FLOAT, UNSIGNED_INT = 5126, 5125
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
SCALAR, PAIR, TRIPLE = "SCALAR", "VEC2", "VEC3"


def write_glb(mesh: Mesh, path: Path) -> None:
    """One mesh, one primitive, the texture embedded as PNG in a rough non-metallic material.

    Vertex colours are `COLOR_0`; beside a texture they are `_COLOR`, for viewers would multiply the two.
    """
    content = _Content()
    vertex, coordinate, indices = split_seams(mesh)
    attributes = {"POSITION": content.add_array(mesh.vertices[vertex], TRIPLE, ARRAY_BUFFER, bounds=True)}
    extras = {}
    if mesh.uv is not None:
        flipped = torch.stack([mesh.uv[:, 0], 1 - mesh.uv[:, 1]], 1)
        attributes["TEXCOORD_0"] = content.add_array(flipped[coordinate], PAIR, ARRAY_BUFFER)
        extras["vertex"] = content.add_array(vertex, SCALAR)
        extras["coordinate"] = content.add_array(coordinate, SCALAR)
        extras["uv"] = content.add_array(mesh.uv, PAIR)
    if mesh.vertex_colors is not None:
        name = "COLOR_0" if mesh.texture is None else "_COLOR"
        attributes[name] = content.add_array(mesh.vertex_colors[vertex], TRIPLE, ARRAY_BUFFER)
    primitive: dict[str, Any] = {"attributes": attributes, "mode": 4}
    if mesh.number_of_faces:
        primitive["indices"] = content.add_array(indices.flatten(), SCALAR, ELEMENT_ARRAY_BUFFER)
    else:
        primitive["mode"] = 0
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": GENERATOR, "extras": {"seal": OPEN_SEAL}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": path.stem}],
        "meshes": [{"primitives": [primitive], "extras": extras}],
    }
    if mesh.texture is not None:
        primitive["material"] = 0
        surface = {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0, "roughnessFactor": 1.0}
        document["materials"] = [{"pbrMetallicRoughness": surface, "doubleSided": True}]
        document["textures"] = [{"sampler": 0, "source": 0}]
        document["samplers"] = [{"magFilter": 9729, "minFilter": 9729, "wrapS": 33071, "wrapT": 33071}]
        document["images"] = [
            {"bufferView": content.add_bytes(png_from_texture(mesh.texture)), "mimeType": "image/png"}
        ]
    document |= {"accessors": content.accessors, "bufferViews": content.views}
    document["buffers"] = [{"byteLength": len(content.bytes)}]
    with replace_when_complete(path) as (glb,):
        glb.write_bytes(sealed(_container(document, bytes(content.bytes))))


def read_own_glb(path: Path, *, texture: bool = True) -> Mesh | None:
    """The mesh of a file that `write_glb` made, numbering and uv as they were, or None for a file of another program.

    Raises ValueError for a file that is not glb or was cut off.
    """
    document, content = _open_container(path)
    asset = document.get("asset") if isinstance(document, dict) else None
    if not isinstance(asset, dict) or asset.get("generator") != GENERATOR:
        return None
    try:
        return _own_mesh(document, content, texture)
    except Exception as error:  # numbers and names of the document can be anything
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'damaged'}"
        raise ValueError(f"{path} is a damaged glb file ({reason}): export or copy it again.") from error


def _own_mesh(document: dict[str, Any], content: bytes, texture: bool) -> Mesh:
    stored = document["meshes"][0]
    primitive, extras = stored["primitives"][0], stored.get("extras", {})
    arrays = {name: _array(document, content, index) for name, index in primitive["attributes"].items()}
    positions = arrays["POSITION"]
    indices = torch.zeros(0, 3, dtype=torch.long)
    if "indices" in primitive:
        indices = _array(document, content, primitive["indices"]).reshape(-1, 3)
    colors = arrays.get("COLOR_0", arrays.get("_COLOR"))
    if "vertex" not in extras:
        return Mesh(positions, indices, vertex_colors=colors)
    vertex, coordinate = (_array(document, content, extras[name]).flatten() for name in ("vertex", "coordinate"))
    number_of_vertices = int(vertex.max()) + 1 if len(vertex) else 0
    picture = document["images"][0]["bufferView"] if texture and "images" in document else None
    return Mesh(
        vertices=positions.new_zeros(number_of_vertices, 3).index_copy(0, vertex, positions),
        faces=vertex[indices],
        uv=_array(document, content, extras["uv"]),
        face_uv=coordinate[indices],
        texture=None if picture is None else _picture(_view(document, content, picture)),
        vertex_colors=None if colors is None else colors.new_zeros(number_of_vertices, 3).index_copy(0, vertex, colors),
    )


def split_seams(mesh: Mesh) -> tuple[Tensor, Tensor, Tensor]:
    """Every pair of vertex and texture coordinate that occurs [n], [n], and the faces as indices of pairs [f 3].

    A vertex in no face is paired with coordinate 0, so that none is lost.
    """
    if mesh.uv is None or mesh.face_uv is None:
        every = torch.arange(mesh.number_of_vertices, device=mesh.faces.device)
        return every, torch.zeros_like(every), mesh.faces
    used = torch.zeros(mesh.number_of_vertices, dtype=torch.bool, device=mesh.faces.device)
    used[mesh.faces.flatten()] = True
    lonely = (~used).nonzero()[:, 0] if len(mesh.uv) else used.nonzero()[:0, 0]
    keys = torch.cat([(mesh.faces * len(mesh.uv) + mesh.face_uv).flatten(), lonely * len(mesh.uv)])
    pairs, pair_of_corner = torch.unique(keys, return_inverse=True)
    size = max(len(mesh.uv), 1)
    return pairs // size, pairs % size, pair_of_corner[: mesh.faces.numel()].reshape(-1, 3)


class _Content:
    """The binary chunk while it grows, with the lists that describe it."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add_bytes(self, data: bytes, target: int | None = None) -> int:
        view = {"buffer": 0, "byteOffset": len(self.bytes), "byteLength": len(data)}
        self.views.append(view if target is None else view | {"target": target})
        self.bytes += data + bytes(-len(data) % 4)
        return len(self.views) - 1

    def add_array(self, values: Tensor, kind: str, target: int | None = None, bounds: bool = False) -> int:
        is_float = values.is_floating_point()
        array = values.detach().cpu().numpy().astype("<f4" if is_float else "<u4")
        accessor: dict[str, Any] = {
            "componentType": FLOAT if is_float else UNSIGNED_INT,
            "count": len(array),
            "type": kind,
        }
        if len(array):
            accessor["bufferView"] = self.add_bytes(array.tobytes(), target)
        if bounds and len(array):
            accessor |= {"min": array.min(0).tolist(), "max": array.max(0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _container(document: dict[str, Any], content: bytes) -> bytes:
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    length = 12 + 8 + len(text) + 8 + len(content)
    chunks = struct.pack("<II", len(text), JSON_CHUNK) + text + struct.pack("<II", len(content), BINARY_CHUNK) + content
    return b"glTF" + struct.pack("<II", 2, length) + chunks


def _open_container(path: Path) -> tuple[dict[str, Any], bytes]:
    data = path.read_bytes()
    if len(data) < 20 or data[:4] != b"glTF" or struct.unpack_from("<I", data, 8)[0] != len(data):
        raise ValueError(f"{path} is not a whole glb file ({len(data)} bytes): export or copy it again.")
    require_seal(data, path)
    json_length = struct.unpack_from("<I", data, 12)[0]
    try:
        document = json.loads(data[20 : 20 + json_length])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} holds broken JSON ({error}): export or copy it again.") from error
    return document, data[20 + json_length + 8 :]


def _view(document: dict[str, Any], content: bytes, index: int) -> bytes:
    view = document["bufferViews"][index]
    start, length = view["byteOffset"], view["byteLength"]
    if not 0 <= start <= start + length <= len(content):
        raise ValueError(f"bytes {start} to {start + length} of {len(content)} were asked for")
    return content[start : start + length]


def _array(document: dict[str, Any], content: bytes, index: int) -> Tensor:
    accessor = document["accessors"][index]
    width = {SCALAR: 1, PAIR: 2, TRIPLE: 3}[accessor["type"]]
    is_float = accessor["componentType"] == FLOAT
    data = _view(document, content, accessor["bufferView"]) if "bufferView" in accessor else b""
    array = np.frombuffer(data, "<f4" if is_float else "<u4").reshape(accessor["count"], width)
    return torch.from_numpy(array.astype(np.float32 if is_float else np.int64))


def _picture(data: bytes) -> Tensor:
    with opened_whole(data) as picture:
        return texture_from_picture(picture)
