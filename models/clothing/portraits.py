"""Pictures of reconstructed garments for people to look at."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from models.clothing.attributes import ClothingAttributes, with_azimuth
from models.clothing.reconstructor import ClothingReconstructor

TURNS = (math.pi / 2, math.pi)


@torch.no_grad()
def clothing_panel(
    reconstructor: ClothingReconstructor,
    attributes: ClothingAttributes,
    images: Float[Tensor, "b 3 h w"],
    masks: Float[Tensor, "b 1 h w"],
) -> Float[Tensor, "b 3 h _"]:
    """Photograph | mask (red: garment missed, blue: mesh beyond it) | reconstruction | from 90 and 180 degrees farther
    round | the shape's normals | texture, at half its height."""
    size = (images.shape[2], images.shape[3])
    seen = reconstructor.render(attributes, size)
    missed, beyond = masks * (1 - seen.hard_mask), seen.hard_mask * (1 - masks)
    both = masks * seen.hard_mask
    outlines = torch.cat([both + missed, both, both + beyond], 1)
    turned = [
        reconstructor.render(with_azimuth(attributes, attributes.camera.azimuth + turn), size).image for turn in TURNS
    ]
    normals = (seen.normals + 1) / 2 * seen.hard_mask
    texture = interpolate(attributes.texture.clamp(0, 1), size=size, mode="area")
    return torch.cat([images, outlines, seen.image, *turned, normals, texture], 3)
