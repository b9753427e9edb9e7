"""The photograph as a texture of the face, with what the camera did not see filled in."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree
from torch import Tensor
from torch.nn.functional import avg_pool2d, normalize

from datamodules.crops import crop_photo, crop_segmentation
from experiments.reconstruction.faces.explanation import ExplainedFace
from experiments.reconstruction.faces.photos import FaceInPhoto
from models.faces.reconstructor import screen_normals
from models.geometry.cameras import project_scaled_orthographic
from models.morphable.linear import MorphableModel
from models.rendering.lighting import shade_chen2020
from models.rendering.rasterize import rasterize
from models.rendering.textures import UvGrid, dilate, to_uv, uv_rasterization
from models.rendering.unwrapping import unwrap

LARGEST_PHOTO_SIDE = 1024
FACE_CLASSES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
"""Classes that belong on the face's texture; hair, hats, hands and the background do not."""
SLANTED, FRONTAL = 0.15, 0.45
"""Cosine between normal and camera from which a texel begins to trust the photograph, and trusts it wholly."""
FEATHER = 13
"""Width in texels over which the sources blend."""


@dataclass(frozen=True)
class FaceTexture:
    """Colours of the face as photographed, light included."""

    image: Float[Tensor, "3 t t"]
    observed: Float[Tensor, "1 t t"]
    """How far each texel comes from the photograph itself: 1 seen from the front, 0 filled in."""


@torch.no_grad()
def photo_texture(face: ExplainedFace, found: FaceInPhoto, size: int = 512) -> FaceTexture:
    """Unwraps the photograph at its own resolution; unseen texels take the mirror-symmetric texel, and where that was
    not
    seen either the model's albedo in the estimated light, matched in colour to what was seen."""
    model = face.face_model
    grid = uv_rasterization(model.uv, model.face_uv, (size, size))
    photo, trust = unwrapped(face, found, grid)
    expected = expected_colours(face, grid)

    mirror = mirrored_texels(model, grid)
    mirrored_photo = at_texels(photo * light_ratio_guard(expected, mirror), mirror)
    mirrored_trust = at_texels(trust, mirror) * (1 - trust)

    seen_share = trust.sum().clamp_min(1.0)
    gain = (photo * trust).sum((1, 2), keepdim=True) / (expected * trust).sum((1, 2), keepdim=True).clamp_min(1e-3)
    gain = gain if float(seen_share) > 50 else torch.ones_like(gain)
    filled = expected * gain.clamp(0.5, 2.0)
    image = trust * photo + mirrored_trust * mirrored_photo + (1 - trust - mirrored_trust) * filled
    image = dilate(image[None].clamp(0, 1), grid.valid, steps=8)[0]
    return FaceTexture(image, trust * grid.valid)


def unwrapped(
    face: ExplainedFace, found: FaceInPhoto, grid: UvGrid
) -> tuple[Float[Tensor, "3 t t"], Float[Tensor, "1 t t"]]:
    """The photograph in UV, and how far to trust each texel: seen, facing the camera, a part that belongs to a face."""
    side = int(min(LARGEST_PHOTO_SIDE, max(face.size, round(face.crop.side))))
    image, _ = crop_photo(found.photo, face.crop, side)
    model = face.face_model
    screen = project_scaled_orthographic(face.geometry.vertices_mm, face.parameters.pose, side)
    fragments = rasterize(screen, model.faces, (side, side), perspective=False)
    layers = [image, inside_photo(found, face, side)]
    if found.segmentation is not None:
        classes = torch.from_numpy(crop_segmentation(found.segmentation, face.crop, side)).long()
        layers[1] = layers[1] * torch.isin(classes, torch.tensor(FACE_CLASSES))[None].float()
    uv_layers, visible = unwrap(torch.cat(layers)[None], screen, model.faces, grid, fragments, perspective=False)
    normals = normalize(to_uv(screen_normals(screen, model.faces), model.faces, grid), dim=1)
    facing = ((normals[:, 2:] - SLANTED) / (FRONTAL - SLANTED)).clamp(0, 1)
    trust = facing * visible[:, None] * (uv_layers[:, 3:] > 0.9)
    return uv_layers[0, :3], feathered(trust, grid.valid)[0]


def inside_photo(found: FaceInPhoto, face: ExplainedFace, side: int) -> Float[Tensor, "1 s s"]:
    """1 where the crop lies inside the photograph."""
    step = face.crop.side / side
    centres = (torch.arange(side) + 0.5) * step - face.crop.side / 2
    x, y = face.crop.center_x + centres, face.crop.center_y + centres
    columns = (x > 0) & (x < found.photo.width)
    rows = (y > 0) & (y < found.photo.height)
    return (rows[:, None] & columns[None]).float()[None]


def feathered(trust: Float[Tensor, "1 1 t t"], valid: Bool[Tensor, "t t"]) -> Float[Tensor, "1 1 t t"]:
    """Trust that fades towards the unseen and never grows into it."""
    reach = FEATHER // 2
    known = valid[None, None].to(trust)
    eroded = -torch.nn.functional.max_pool2d(torch.where(known > 0, -trust, -torch.ones_like(trust)), FEATHER, 1, reach)
    around = avg_pool2d(eroded * known, FEATHER, 1, reach) / avg_pool2d(known, FEATHER, 1, reach).clamp_min(1e-6)
    return torch.minimum(around, trust) * known


def expected_colours(face: ExplainedFace, grid: UvGrid) -> Float[Tensor, "3 t t"]:
    """The model's own albedo in the estimated light, in UV."""
    model, parameters = face.face_model, face.parameters
    normals = screen_normals(face.geometry.vertices_screen, model.faces)
    both = to_uv(torch.cat([model.albedo(parameters.albedo), normals], -1), model.faces, grid)
    return shade_chen2020(both[:, :3].clamp(0, 1), normalize(both[:, 3:], dim=1), parameters.light)[0].clamp(0.02, 1)


def mirrored_texels(model: MorphableModel, grid: UvGrid) -> Int[Tensor, "t t"]:
    """Flat index of the texel on the other half of the face, by nearest point of the mirrored mean shape: no assumption
    about how the UV layout is arranged."""
    positions = to_uv(model.mean_mm[None], model.faces, grid)[0]
    texels = grid.valid.flatten().nonzero().squeeze(1)
    points = positions.flatten(1).T[texels].double().cpu().numpy()
    _, nearest = KDTree(points).query(points * np.array([-1.0, 1.0, 1.0]))
    mirror = torch.arange(grid.valid.numel(), device=texels.device)
    mirror[texels] = texels[torch.from_numpy(nearest).to(texels.device)]
    return mirror.reshape(grid.valid.shape)


def at_texels(picture: Float[Tensor, "c t t"], texels: Int[Tensor, "t t"]) -> Float[Tensor, "c t t"]:
    return picture.flatten(1)[:, texels.flatten()].reshape(picture.shape)


def light_ratio_guard(expected: Float[Tensor, "3 t t"], mirror: Int[Tensor, "t t"]) -> Float[Tensor, "3 t t"]:
    """What a texel's colour is multiplied with before it crosses to the other half: the light there against the light
    here, as the model expects them."""
    return (at_texels(expected, mirror) / expected).clamp(0.4, 2.5)
