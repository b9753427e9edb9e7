"""How the template grew while a run trained, as an animation."""

from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor

from experiments.errors import UserError
from experiments.reconstruction.clothing.views import grey
from experiments.reconstruction.overlay import picture_of
from models.clothing.attributes import ClothingCamera
from models.geometry.files import read_mesh
from models.geometry.mesh import Mesh

AZIMUTHS_DEGREES = (0.0, 45.0, 90.0, 180.0)
DISTANCE = 3.0
SIDE = 192
CAPTION = 16
STRIP = 8
"""Templates in the strip, from the first to the last."""


class Epoch(NamedTuple):
    finished: int
    """Epochs before it; 0 is what training began with."""
    template: Mesh


def read_history(run: Path) -> list[Epoch]:
    """The templates that a run left in RUN/template, in order.

    Raises UserError when there are none, ValueError naming a damaged file.
    """
    if not run.is_dir():
        raise UserError(f"{run} does not exist; give the folder of a run of clothing")
    files = sorted((run / "template").glob("epoch-*.obj"))
    if not files:
        raise UserError(
            f"{run} holds no templates (template/epoch-*.obj); give the folder of a run of clothing, which writes them "
            "while it trains"
        )
    strange = next((path for path in files if not path.stem.removeprefix("epoch-").isdecimal()), None)
    if strange is not None:
        raise UserError(f"{strange} has no number of an epoch in its name; take it away or name it epoch-0012.obj")
    return [Epoch(int(path.stem.removeprefix("epoch-")), read_mesh(path, texture=False)) for path in files]


def animation(history: list[Epoch], side: int = SIDE) -> list[Image.Image]:
    """A picture for every template, with its epoch: from the front, half left, the left and behind."""
    return [captioned(picture_of(all_sides(epoch.template, side)), epoch) for epoch in history]


def strip(history: list[Epoch], side: int = SIDE) -> Image.Image:
    """Some templates, the first and the last among them, one above the other as in the animation."""
    last = len(history) - 1
    places = sorted({round(step * last / (STRIP - 1)) for step in range(STRIP)})
    rows = animation([history[place] for place in places], side)
    whole = Image.new("RGB", (rows[0].width, len(rows) * rows[0].height))
    for number, picture in enumerate(rows):
        whole.paste(picture, (0, number * picture.height))
    return whole


def all_sides(template: Mesh, side: int) -> Float[Tensor, "3 s _"]:
    number = len(AZIMUTHS_DEGREES)
    still, centre = torch.zeros(number), torch.zeros(number, 2)
    camera = ClothingCamera(torch.deg2rad(torch.tensor(AZIMUTHS_DEGREES)), still, still + DISTANCE, centre, centre)
    vertices = template.vertices.expand(number, -1, -1)
    return torch.cat(list(grey(camera, vertices, template.faces, (side, side))), 2)


def captioned(picture: Image.Image, epoch: Epoch) -> Image.Image:
    result = Image.new("RGB", (picture.width, picture.height + CAPTION), "white")
    result.paste(picture, (0, CAPTION))
    words = "before training" if epoch.finished == 0 else f"after epoch {epoch.finished}"
    ImageDraw.Draw(result).text((4, 2), words, fill="black")
    return result
