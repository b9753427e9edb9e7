"""A reconstruction read back from its folder, to change its expression or its light."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from datamodules.crops import Crop
from datamodules.pictures import read_picture
from experiments.errors import UserError, one_line
from experiments.reconstruction.faces.explanation import ExplainedFace, FaceNetworks, load_networks
from experiments.reconstruction.saving import MARK
from models.faces.parameters import FaceParameters
from models.geometry.array_files import read_array
from models.geometry.whole_pictures import whole_picture

LARGEST_DISPLACEMENT_MM = 1000.0


@dataclass(frozen=True)
class SavedFace:
    """One face as `threefold reconstruct` left it."""

    face: ExplainedFace
    photo: Image.Image
    texture: Float[Tensor, "3 t t"]


def read_values(folder: Path) -> dict[str, Any]:
    """The numbers of a reconstruction.

    Raises:
        UserError: the folder is no reconstruction, or its numbers are damaged.
    """
    path = folder / MARK
    if not path.is_file():
        raise UserError(
            f"{folder} is no reconstruction ({MARK} is missing); give a folder that `threefold reconstruct` wrote"
        )
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path} is damaged ({error}); run `threefold reconstruct` again") from None


def read_face(folder: Path, run: Path | None = None, networks: FaceNetworks | None = None) -> SavedFace:
    """A reconstruction with the run that made it (or another one given by `run`, or `networks` already loaded).

    Raises:
        UserError: a file of the folder is missing or damaged, or the run has another face model.
    """
    values = read_values(folder)
    try:
        networks = networks or load_networks(Path(values["run"]) if run is None else run)
        parameters = parameters_of(values)
        crop = Crop(**values["camera"]["crop"])
        size = int(values["camera"]["crop_size"])
        picture = Path(values["picture"])
        name, provenance = values["face_model"]["name"], values["face_model"]["provenance"]
    except (KeyError, TypeError) as error:
        raise UserError(f"{folder / MARK} lacks {error}; run `threefold reconstruct` again") from None
    model = networks.face_model
    sizes = [parameters.identity.shape[1], parameters.expression.shape[1], parameters.albedo.shape[1]]
    if provenance != model.provenance or sizes != [model.identity_size, model.expression_size, model.albedo_size]:
        raise UserError(
            f"{folder} was made with the face model {name} and {sizes} coefficients, the run has {model.name}; "
            "give the run that made it with --run"
        )
    with torch.no_grad():
        geometry = networks.reconstructor.deform(parameters, size)
        surface = None
        if networks.detail is not None and (folder / "displacement_mm.npy").is_file():
            displacement = read_displacement(folder / "displacement_mm.npy")
            if displacement.shape == networks.detail.valid.shape:
                surface = networks.detail.displace(model, geometry, displacement[None, None].float())
    face = ExplainedFace(networks, crop, size, parameters, geometry, surface)
    return SavedFace(face, read_picture(picture), read_texture(folder / "texture.png"))


def parameters_of(values: dict[str, Any]) -> FaceParameters:
    """The parameters behind the numbers of `parameter_values`."""
    pose = values["pose"]
    angles = [float(np.deg2rad(pose[f"{name}_degrees"])) for name in ("pitch", "yaw", "roll")]
    shift = [pose["shift_right_share_of_crop"], pose["shift_up_share_of_crop"], pose["log_scale"]]
    return FaceParameters(
        *(torch.tensor([values[name]["values"]]) for name in ("identity", "expression", "albedo")),
        pose=torch.tensor([angles + shift]),
        light=torch.tensor([values["light"]["values"]]),
    )


def read_displacement(path: Path) -> Float[Tensor, "u u"]:
    try:
        displacement = torch.from_numpy(read_array(path))
        if not bool((displacement.abs() < LARGEST_DISPLACEMENT_MM).all()):
            raise ValueError("it holds numbers that are no displacement of skin")
        return displacement
    except (OSError, TypeError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({one_line(str(error))}); run `threefold reconstruct` again") from None


def read_texture(path: Path) -> Float[Tensor, "3 t t"]:
    try:
        with whole_picture(path) as picture:
            pixels = np.array(picture.convert("RGB"))
    except Exception as error:  # damaged files end in OSError, SyntaxError, struct.error and more
        raise UserError(f"{path} cannot be read ({one_line(str(error))}); run `threefold reconstruct` again") from None
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
