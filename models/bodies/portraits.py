"""Pictures to look at: what went in, what came out, and the truth beside."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from models.geometry.mesh import Mesh
from models.geometry.view_cameras import orthographic_views
from models.rendering.view_normals import view_normals

SIDE = 256
YAWS = (0.0, math.pi / 4, math.pi / 2, math.pi)


def body_panel(
    images: Float[Tensor, "n 3 h w"], predicted: Mesh | None, truth: Mesh | None = None
) -> Float[Tensor, "3 256 _"]:
    """A row: the first picture, the predicted normals from four sides, and those of the truth below each other.

    A body that could not be reconstructed leaves its squares black.
    """
    yaws = torch.tensor(YAWS)
    squares = [interpolate(images[:1].float().cpu(), (SIDE, SIDE), mode="bilinear", align_corners=False)[0]]
    for mesh in (predicted, truth):
        shown = torch.zeros(len(YAWS), 3, SIDE, SIDE) if mesh is None else shaded(mesh, orthographic_views(yaws))
        squares += list(shown)
    return torch.cat(squares, 2)


def shaded(mesh: Mesh, view_from_body: Float[Tensor, "b 4 4"], side: int = SIDE) -> Float[Tensor, "b 3 s s"]:
    """Normals as colours, (n + 1) / 2, over black: folds and mirrored sides show at once."""
    vertices = mesh.vertices.float().cpu()[None].expand(len(view_from_body), -1, -1)
    seen = view_normals(vertices, mesh.faces.cpu(), view_from_body, (side, side))
    return (seen.normals + 1) / 2 * seen.covered[:, None]
