"""A photograph of clothing, explained by a trained run: its shape, texture, light and camera."""

from dataclasses import dataclass
from pathlib import Path

import torch

from experiments.errors import UserError
from experiments.reconstruction.clothing.photos import GarmentPhoto
from experiments.runs import data_argument, load_module
from lightning_modules.clothing import Clothing
from models.clothing.attributes import ClothingAttributes
from models.clothing.renderer import ClothingRendering
from models.clothing.template import ClothingTemplate

PEOPLE_SIZE, SQUARE_SIZE = (128, 64), (128, 128)


@dataclass(frozen=True)
class ClothingRun:
    """A trained run and what reconstruction needs to know of it."""

    path: Path
    module: Clothing
    size: tuple[int, int]
    """(h, w) of the pictures that it was trained on."""

    @property
    def template(self) -> ClothingTemplate:
        return self.module.reconstructor.template


@dataclass(frozen=True)
class ExplainedGarment:
    """What a run says about one photograph; a batch of one."""

    run: ClothingRun
    photo: GarmentPhoto
    attributes: ClothingAttributes
    rendering: ClothingRendering
    """Over white, on the network's pixels, as evaluations see it."""


def load_clothing_run(path: Path) -> ClothingRun:
    """Raises UserError as `experiments.runs.load_module`, or when the run trained something else than clothing."""
    module = load_module(path)
    if not isinstance(module, Clothing):
        raise UserError(f"{path} trained {type(module).__name__}, not clothing; give a run of clothing")
    return ClothingRun(path, module, trained_size(path, module))


def trained_size(path: Path, module: Clothing) -> tuple[int, int]:
    """From the run's config.yaml; where there is none, that of Market-HQ, or a square for templates as wide as high."""
    size = data_argument(path, "image_size")
    if isinstance(size, (list, tuple)) and len(size) == 2:
        return int(size[0]), int(size[1])
    x, y, _ = module.reconstructor.template.vertices.amax(0).tolist()
    return SQUARE_SIZE if x > 0.9 * y else PEOPLE_SIZE


@torch.no_grad()
def explain(run: ClothingRun, photo: GarmentPhoto) -> ExplainedGarment:
    """Encode and render, with averaged weights where the run has them."""
    attributes, rendering = run.module.explain(photo.image, photo.mask)
    return ExplainedGarment(run, photo, attributes, rendering)
