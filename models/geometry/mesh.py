"""A triangle mesh, with its texture when it has one."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Mesh:
    """One triangle mesh; a value. Batches of meshes with shared faces stay plain tensors `[b v 3]`.

    Convention: metres, +y up; triangles wind counter-clockwise seen from outside; u right, v up, texture row 0 is v=1.
    A cube with one chart for each side has v = 8, t = 24, f = 12: a seam is a vertex with several texture coordinates.

    Raises ValueError when shapes disagree, when an index points outside its array, or when only one of `uv` and
    `face_uv` is given. A texture without `uv` is refused too: nothing would say where it goes.
    """

    vertices: Float[Tensor, "v 3"]
    faces: Int[Tensor, "f 3"]
    """int64 indices into `vertices`."""
    uv: Float[Tensor, "t 2"] | None = None
    face_uv: Int[Tensor, "f 3"] | None = None
    """int64 indices into `uv`, corner by corner."""
    texture: Float[Tensor, "3 h w"] | None = None
    """RGB in [0, 1]."""
    vertex_colors: Float[Tensor, "v 3"] | None = None
    """RGB in [0, 1]."""

    def __post_init__(self) -> None:
        _require_rows("vertices", self.vertices, 3)
        _require_rows("faces", self.faces, 3)
        _require_indices("faces", self.faces, len(self.vertices), "vertices")
        if (self.uv is None) != (self.face_uv is None):
            raise ValueError("A mesh got only one of uv and face_uv: give both or neither.")
        if self.uv is not None and self.face_uv is not None:
            _require_rows("uv", self.uv, 2)
            if self.face_uv.shape != self.faces.shape:
                raise ValueError(
                    f"face_uv has the shape {tuple(self.face_uv.shape)}, faces {tuple(self.faces.shape)}: "
                    "give three texture coordinates to every face."
                )
            _require_indices("face_uv", self.face_uv, len(self.uv), "texture coordinates")
        if self.texture is not None:
            if self.uv is None:
                raise ValueError("A mesh got a texture without uv: give uv and face_uv, or leave the texture out.")
            if self.texture.ndim != 3 or self.texture.shape[0] != 3:
                raise ValueError(f"texture has the shape {tuple(self.texture.shape)}, expected (3, height, width).")
        if self.vertex_colors is not None and self.vertex_colors.shape != self.vertices.shape:
            raise ValueError(
                f"vertex_colors has the shape {tuple(self.vertex_colors.shape)}, expected "
                f"{tuple(self.vertices.shape)}: one RGB colour for every vertex."
            )

    @property
    def number_of_vertices(self) -> int:
        return len(self.vertices)

    @property
    def number_of_faces(self) -> int:
        return len(self.faces)

    def with_vertices(self, vertices: Float[Tensor, "v 3"]) -> "Mesh":
        """The same mesh at other positions."""
        return replace(self, vertices=vertices)

    def to(self, device: torch.device | str) -> "Mesh":
        """The same mesh on another device."""
        moved = {name: value.to(device) for name, value in vars(self).items() if value is not None}
        return replace(self, **moved)


def _require_rows(name: str, array: Tensor, width: int) -> None:
    if array.ndim != 2 or array.shape[1] != width:
        raise ValueError(f"{name} has the shape {tuple(array.shape)}, expected (n, {width}).")


def _require_indices(name: str, indices: Tensor, size: int, what: str) -> None:
    if indices.is_floating_point():
        raise ValueError(f"{name} has the type {indices.dtype}, expected integers: call .long() on it.")
    if indices.numel() and (int(indices.min()) < 0 or int(indices.max()) >= size):
        raise ValueError(
            f"{name} holds indices from {int(indices.min())} to {int(indices.max())}, but there are {size} {what}: "
            "count from 0 and leave no index outside."
        )
