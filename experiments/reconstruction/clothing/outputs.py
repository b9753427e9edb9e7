"""Everything that the reconstruction of clothing hands to its user, computed; `saving` writes it."""

from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from experiments.reconstruction.clothing import placement, views
from experiments.reconstruction.clothing.explanation import ExplainedGarment
from experiments.reconstruction.clothing.strip import strip
from experiments.reconstruction.clothing.values import garment_values
from experiments.reconstruction.overlay import outlined, overlap, picture_of
from models.geometry.mesh import Mesh


@dataclass(frozen=True)
class GarmentOutputs:
    """One garment's mesh, pictures and numbers."""

    mesh: Mesh
    """Model units, +z to the front, with the whole texture: the half that is predicted, and its mirror image."""
    pictures: dict[str, Image.Image]
    """File name without suffix -> picture."""
    turntable: list[Image.Image]
    values: dict[str, Any]


def garment_mesh(garment: ExplainedGarment) -> Mesh:
    """The deformed template with its texture, without light."""
    texture = garment.attributes.texture[0].clamp(0, 1)
    return garment.run.template.mesh(garment.attributes.vertices[0], texture)


@torch.no_grad()
def garment_outputs(garment: ExplainedGarment) -> GarmentOutputs:
    """Composes mesh, pictures and numbers of one explained photograph."""
    person, mesh = garment.photo.person, garment_mesh(garment)
    assert mesh.texture is not None
    over, silhouette = placement.in_photo(garment)
    outlines = outlined(person.picture, person.mask, silhouette)
    size = views.shown_size(garment.photo.size)
    ranges = garment.run.module.reconstructor.encoder.camera.ranges
    pictures = {
        "overlay": outlines,
        "overlay_colours": over,
        "mask": Image.fromarray(person.mask),
        "crop": picture_of(garment.photo.image[0]),
        "texture": picture_of(mesh.texture),
        "strip": strip(garment, outlines, size),
        **views.rotations(garment.attributes, garment.run.template, size, ranges),
    }
    turning = views.turntable(garment.attributes, garment.run.template, size)
    return GarmentOutputs(mesh, pictures, turning, garment_values(garment, overlap(silhouette, person.mask)))
