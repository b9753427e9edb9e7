"""The float64 reference on some rows of a large picture: all of it would take hours."""

import torch
from torch import Tensor

from experiments.benchmarks.rasterizer_scenes import RasterizerScene
from models.rendering.reference import reference_face_index


def differing_from_reference(face_index: Tensor, scene: RasterizerScene, rows: int) -> tuple[int, int]:
    """(pixels that differ, pixels compared) in the first picture, on rows spread evenly over its height."""
    vertices, faces = scene.vertices_screen[:1].double().cpu(), scene.faces.cpu()
    h, w = scene.size
    y = vertices[0, :, 1][faces]
    low, high = y.amin(1), y.amax(1)
    different = 0
    chosen_rows = torch.linspace(0, h - 1, rows).round().long().unique().tolist()
    for row in chosen_rows:
        touching = ((low <= row + 0.5) & (high >= row + 0.5)).nonzero().squeeze(1)
        shifted = vertices - torch.tensor([0.0, row, 0.0], dtype=torch.float64)
        seen = reference_face_index(shifted, faces[touching], (1, w), perspective=True, cull="none", near=1e-2)[0, 0]
        if touching.numel():
            seen = torch.where(seen >= 0, touching[seen.clamp(min=0)], -1)
        different += int((seen != face_index[row].cpu()).sum())
    return different, len(chosen_rows) * w
