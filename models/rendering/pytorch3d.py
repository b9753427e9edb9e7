"""Which triangle does each pixel see, answered by PyTorch3D (facebookresearch/pytorch3d) where it is installed.

The same numbers are handed over in its frame: x left, y up, the shorter side of the picture spans [-1, 1]. Two of its
rules differ from ours, both on a set of pixels of almost no size: a centre exactly on an edge belongs to neither
neighbour, and triangles of a doubled area below 1e-8 in its units are not drawn.
"""

import importlib

import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor


def pytorch3d_face_index(
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    size: tuple[int, int],
    *,
    perspective: bool,
    cull: str,
    near: float,
) -> Int64[Tensor, "b h w"]:
    """Index of the nearest triangle under each pixel centre, -1 where there is none. Conventions: see rasterize.

    Raises ImportError when PyTorch3D is not installed.
    """
    structures, renderer = _pytorch3d()
    (h, w), b, f = size, vertices_screen.shape[0], faces.shape[0]
    vertices = vertices_screen.float()
    finite = vertices.isfinite().all(-1)
    if not (b and f and bool(finite.any())):
        return torch.full((b, h, w), -1, dtype=torch.int64, device=vertices.device)
    x, y, z = vertices.unbind(-1)
    shorter = min(h, w)
    vertices = torch.stack([(w - 2 * x) / shorter, (h - 2 * y) / shorter, z], -1)
    vertices = torch.where(finite[..., None], vertices, 0.0)
    faces_of_picture = torch.where(
        finite[:, faces].all(-1, keepdim=True), faces, 0
    )  # [0, 0, 0] is degenerate: not drawn
    packed_index = renderer.rasterize_meshes(
        structures.Meshes(vertices, faces_of_picture),
        (h, w),
        blur_radius=0.0,
        faces_per_pixel=1,
        perspective_correct=perspective,
        cull_backfaces=cull == "back",
        z_clip_value=near if bool((z < near).any()) else None,
    )[0]
    packed_index = packed_index[..., 0]
    faces_before = torch.arange(b, device=packed_index.device)[:, None, None] * f
    return torch.where(packed_index >= 0, packed_index - faces_before, -1)


def _pytorch3d():
    try:
        return importlib.import_module("pytorch3d.structures"), importlib.import_module(
            "pytorch3d.renderer.mesh.rasterize_meshes"
        )
    except ImportError as error:
        raise ImportError(
            f"backend 'pytorch3d' was asked for but PyTorch3D cannot be imported ({error}); "
            "build it from its repository or use backend='native'."
        ) from error
