"""A reconstruction of clothing read back from its folder."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from experiments.errors import UserError, one_line
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
        seen, (height, width) = camera_of(values["camera"]), map(int, values["crop_size"])
        if min(height, width) < 1:
            raise ValueError(f"crop_size is {values['crop_size']}")
        lit = numbers(values["light"]["values"], 9)
    except UserError:
        raise
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path} is damaged ({error}); run `threefold reconstruct` again") from None
    except KeyError as error:
        raise UserError(f"{path} lacks {error}; run `threefold reconstruct` again") from None
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise UserError(f"{path} was changed ({one_line(str(error))}); run `threefold reconstruct` again") from None
    mesh, template = read_mesh(folder / "mesh.glb"), ellipsoid_template()
    if mesh.texture is None or mesh.faces.shape != template.faces.shape or not torch.equal(mesh.faces, template.faces):
        raise UserError(f"{folder / 'mesh.glb'} was changed by another program; run `threefold reconstruct` again")
    vertices = mesh.vertices[None]
    background = torch.ones(1, 3, height, width)
    attributes = ClothingAttributes(seen, torch.zeros_like(vertices), vertices, mesh.texture[None], lit, background)
    return SavedGarment(attributes, template, (height, width))


def camera_of(values: dict[str, Any]) -> ClothingCamera:
    """Raises KeyError, TypeError, ValueError or RuntimeError for what is no camera."""
    azimuth, elevation = (numbers([math.radians(values[f"{name}_degrees"])], 1)[0] for name in ("azimuth", "elevation"))
    offset, principal = (numbers(values[name], 2) for name in ("offset", "principal"))
    return ClothingCamera(azimuth, elevation, numbers([values["distance"]], 1)[0], offset, principal)


def numbers(values: list[float], count: int) -> Float[Tensor, "1 n"]:
    """Raises TypeError, ValueError or RuntimeError for other than so many finite numbers."""
    found = torch.tensor(values, dtype=torch.float32).reshape(1, count)
    if not bool(found.isfinite().all()):
        raise ValueError(f"{values} are no finite numbers")
    return found
