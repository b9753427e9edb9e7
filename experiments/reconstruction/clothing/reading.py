"""A reconstruction of clothing read back from its folder."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch

from experiments.errors import UserError
from experiments.reconstruction.saving import MARK
from models.clothing.attributes import ClothingAttributes, ClothingCamera
from models.clothing.template import ClothingTemplate, ellipsoid_template
from models.geometry.files import read_mesh


@dataclass(frozen=True)
class SavedGarment:
    """One garment as `threefold reconstruct` left it; a batch of one."""

    attributes: ClothingAttributes
    template: ClothingTemplate
    """Its faces and texture coordinates."""
    size: tuple[int, int]
    """(h, w) of what the network saw."""


def read_garment(folder: Path) -> SavedGarment:
    """Shape, texture, light and camera.

    Raises UserError when the folder is no reconstruction of clothing, or a file of it is missing or damaged.
    """
    path = folder / MARK
    if not path.is_file():
        raise UserError(
            f"{folder} is no reconstruction ({MARK} is missing); give a folder that `threefold reconstruct` wrote"
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.get("kind") != "clothing":
            raise UserError(f"{folder} is no reconstruction of clothing; give one that a run of clothing made")
        camera, light, (height, width) = values["camera"], values["light"]["values"], values["crop_size"]
        seen = ClothingCamera(
            torch.tensor([math.radians(camera["azimuth_degrees"])]),
            torch.tensor([math.radians(camera["elevation_degrees"])]),
            torch.tensor([float(camera["distance"])]),
            torch.tensor([camera["offset"]]),
            torch.tensor([camera["principal"]]),
        )
        lit = torch.tensor([light]).reshape(1, 9)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path} is damaged ({error}); run `threefold reconstruct` again") from None
    except (KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise UserError(f"{path} lacks {error}; run `threefold reconstruct` again") from None
    mesh, template = read_mesh(folder / "mesh.glb"), ellipsoid_template()
    if mesh.texture is None or mesh.faces.shape != template.faces.shape or not torch.equal(mesh.faces, template.faces):
        raise UserError(f"{folder / 'mesh.glb'} was changed by another program; run `threefold reconstruct` again")
    vertices = mesh.vertices[None]
    background = torch.ones(1, 3, height, width)
    attributes = ClothingAttributes(seen, torch.zeros_like(vertices), vertices, mesh.texture[None], lit, background)
    return SavedGarment(attributes, template, (height, width))
