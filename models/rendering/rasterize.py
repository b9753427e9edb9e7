"""The rasterizer: vertices on the screen in, what each pixel sees out."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.rendering.barycentrics import barycentrics_and_depth
from models.rendering.fragments import Fragments
from models.rendering.native import native_face_index
from models.rendering.pytorch3d import pytorch3d_face_index
from models.rendering.reference import reference_face_index

_FACE_INDEX = {
    "native": native_face_index,
    "pytorch3d": pytorch3d_face_index,
    "reference": reference_face_index,
}


def rasterize(
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    size: tuple[int, int],
    *,
    perspective: bool = True,
    cull: Literal["none", "back"] = "none",
    near: float = 1e-2,
    backend: Literal["native", "pytorch3d", "reference"] = "native",
) -> Fragments:
    """The nearest triangle under every pixel centre of pictures of ``size`` (height, width).

    ``vertices_screen``: x right, y down, in pixels (the pixel in row i and column j has its centre at (j + 1/2, i +
    1/2)), z = view depth. One topology serves the whole batch. A point behind the camera keeps the signed division, x
    = f X / z + c with z < 0: the visible piece of its triangle is then drawn without cutting it (near_plane.py). What
    is nearer than ``near`` is not seen.

    A backend answers only which triangle each pixel sees, without gradient. Barycentrics and depth are computed here
    for all of them, in the dtype of the vertices (float32 for half precision), differentiable once to the vertices. A
    pixel centre on a shared edge belongs to both neighbours: the nearer one wins, at equal depth the one of lower
    index. Degenerate triangles (doubled area ≤ 1e-8 px²) and triangles with a NaN or infinite vertex are not drawn
    and get no gradient.

    ``perspective=False``: an orthographic picture, weights are linear on the screen. ``cull="back"`` drops triangles
    that are clockwise on the screen; outsides are counter-clockwise.

    Raises ValueError for a size, near or backend that cannot be, ImportError when PyTorch3D is asked for and absent.
    """
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size is {size}; give (height, width) of at least one pixel each.")
    if not near > 0:
        raise ValueError(f"near is {near}; depth is positive in front of the camera, so give a positive distance.")
    if cull not in ("none", "back"):
        raise ValueError(f"cull is {cull!r}; choose none or back.")
    if backend not in _FACE_INDEX:
        raise ValueError(f"backend is {backend!r}; choose one of {', '.join(_FACE_INDEX)}.")
    v = vertices_screen.shape[1]
    if faces.numel() and (int(faces.min()) < 0 or int(faces.max()) >= v):
        raise ValueError(
            f"faces refer to vertices {int(faces.min())} to {int(faces.max())} but there are {v}; "
            "check that the faces belong to these vertices."
        )
    if vertices_screen.dtype not in (torch.float32, torch.float64):
        vertices_screen = vertices_screen.float()
    with torch.autocast(vertices_screen.device.type, enabled=False):
        with torch.no_grad():
            face_index = _FACE_INDEX[backend](
                vertices_screen.detach(), faces, size, perspective=perspective, cull=cull, near=near
            )
        weights, depth = barycentrics_and_depth(vertices_screen, faces, face_index, perspective=perspective)
    return Fragments(face_index, weights, depth)
