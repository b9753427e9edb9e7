"""A displacement map for other programs: 16 bits, with the scale and the zero level that users otherwise have to
guess."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from experiments.reconstruction.faces.explanation import ExplainedFace

ZERO_LEVEL = 32768
HIGHEST = 65535


@dataclass(frozen=True)
class DisplacementMap:
    """Millimetres along `direction` of the coarse surface, laid out in UV (u right, v up, row 0 is v = 1)."""

    millimetres: Float[Tensor, "u u"]
    scale_mm: float
    """Displacement of the highest level."""
    direction: str

    def picture(self) -> Image.Image:
        """16-bit grey: mm = (level - zero_level) * mm_per_level, no displacement is exactly the zero level."""
        levels = self.millimetres / self.mm_per_level + ZERO_LEVEL
        return Image.fromarray(levels.round().clamp(0, HIGHEST).cpu().numpy().astype(np.uint16))

    @property
    def mm_per_level(self) -> float:
        return self.scale_mm / (HIGHEST - ZERO_LEVEL)

    def description(self) -> dict[str, Any]:
        """What a program must know to apply the picture."""
        return {
            "mm_min": -ZERO_LEVEL * self.mm_per_level,
            "mm_max": self.scale_mm,
            "zero_level": ZERO_LEVEL,
            "mm_per_level": self.mm_per_level,
            "bits": 16,
            "direction": self.direction,
            "note": "mm = (level - zero_level) * mm_per_level, along the direction, on coarse.obj; midlevel for "
            "Blender's "
            "Displace modifier: zero_level / 65535, strength in metres: (mm_max - mm_min) / 1000",
        }


def displacement_map(face: ExplainedFace) -> DisplacementMap | None:
    """The displacement of a detailed reconstruction; None for a coarse one."""
    if face.surface is None or face.networks.detail is None:
        return None
    detail = face.networks.detail
    direction = "coarse surface normal" if detail.direction == "normal" else "model z axis (forward)"
    return DisplacementMap(face.surface.displacement_mm[0, 0].detach(), float(detail.maximum_mm), direction)


def tangent_normals(face: ExplainedFace) -> Float[Tensor, "3 u u"] | None:
    """Normals of the detailed surface in the coarse surface's own frame (tangent along u, bitangent along v, normal).

    (0, 0, 1) where nothing is displaced; None for a coarse reconstruction.
    """
    if face.surface is None or face.networks.detail is None:
        return None
    surface, valid = face.surface, face.networks.detail.valid
    along_u = (torch.roll(surface.positions_mm, -1, 3) - torch.roll(surface.positions_mm, 1, 3))[0]
    normal = surface.coarse_normals[0]
    tangent = normalize(along_u - (along_u * normal).sum(0) * normal, dim=0)
    bitangent = torch.linalg.cross(normal, tangent, dim=0)
    fine = surface.normals[0]
    in_frame = torch.stack([(fine * axis).sum(0) for axis in (tangent, bitangent, normal)])
    flat = fine.new_tensor([0.0, 0.0, 1.0])[:, None, None]
    return torch.where(valid, in_frame, flat)
