"""Which triangle does each pixel see: the definition of truth, float64, one triangle after the other, made to be
read."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.rendering.barycentrics import MINIMUM_DOUBLED_AREA


def reference_face_index(
    vertices_screen: Float[Tensor, "b v 3"],
    faces: Int[Tensor, "f 3"],
    size: tuple[int, int],
    *,
    perspective: bool,
    cull: str,
    near: float,
) -> Int[Tensor, "b h w"]:
    """Index of the nearest triangle under each pixel centre, -1 where there is none. Conventions: see rasterize."""
    h, w = size
    device = vertices_screen.device
    centre_y, centre_x = torch.meshgrid(
        torch.arange(h, device=device, dtype=torch.float64) + 0.5,
        torch.arange(w, device=device, dtype=torch.float64) + 0.5,
        indexing="ij",
    )
    pictures = []
    for vertices in vertices_screen.double():
        nearest = torch.full((h, w), torch.inf, dtype=torch.float64, device=device)
        seen = torch.full((h, w), -1, dtype=torch.int64, device=device)
        for index, corners in enumerate(vertices[faces]):
            if not is_drawn(corners, perspective=perspective, cull=cull, near=near):
                continue
            depth = depth_within(corners, centre_x, centre_y, perspective=perspective)
            nearer = (depth >= near) & (depth < nearest)  # at equal depth the lower index stays
            nearest = torch.where(nearer, depth, nearest)
            seen = torch.where(nearer, index, seen)
        pictures.append(seen)
    return torch.stack(pictures)


def is_drawn(corners: Float[Tensor, "3 3"], *, perspective: bool, cull: str, near: float) -> bool:
    """False for a triangle that is not finite, degenerate, wholly before the near plane, or culled."""
    if not bool(corners.isfinite().all()) or float(corners[:, 2].max()) < near:
        return False
    (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) = corners.tolist()
    doubled_area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    if abs(doubled_area) <= MINIMUM_DOUBLED_AREA:
        return False
    if perspective and z0 * z1 * z2 < 0:  # an odd number of corners behind the camera mirrors the divided triangle
        doubled_area = -doubled_area
    return cull == "none" or doubled_area < 0  # counter-clockwise is negative where y points down


def depth_within(
    corners: Float[Tensor, "3 3"], x: Float[Tensor, "h w"], y: Float[Tensor, "h w"], *, perspective: bool
) -> Float[Tensor, "h w"]:
    """View depth of the triangle at the screen points, NaN where they lie outside it."""
    rx, ry = x - corners[:, 0, None, None], y - corners[:, 1, None, None]
    z = corners[:, 2, None, None]
    edge = torch.stack([rx[1] * ry[2] - rx[2] * ry[1], rx[2] * ry[0] - rx[0] * ry[2], rx[0] * ry[1] - rx[1] * ry[0]])
    weight = edge / z if perspective else edge
    inside = (weight >= 0).all(0) | (weight <= 0).all(0)
    depth = (weight * z).sum(0) / weight.sum(0)
    return torch.where(inside, depth, torch.nan)
