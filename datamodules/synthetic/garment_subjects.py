"""Subjects of a data set by number, in the world frame of the clothing family."""

from typing import Literal

import numpy as np

from datamodules.synthetic.garment_people import draw_person
from datamodules.synthetic.garment_shapes import GarmentShape

Subject = Literal["people", "dresses", "handbags", "birds"]
HALF_EXTENT = 0.9
"""Of the templates of people and birds, along their longest side."""


def draw_subject(kind: Subject, seed: int, index: int) -> GarmentShape:
    """Subject `index` of a seed, its box of longest side 1.8 centred in the origin (give or take 6 % of size)."""
    if kind != "people":
        raise ValueError(f"Subjects are people so far, not {kind}.")
    random = random_of(seed, index, 0)
    shape = draw_person(random, int(np.random.SeedSequence((seed, index)).generate_state(1)[0]))
    vertices = shape.mesh.vertices
    lower, upper = vertices.amin(0), vertices.amax(0)
    middle = (lower + upper) / 2
    if kind == "people":  # the trunk, not the hands and feet
        middle[[0, 2]] = vertices.median(0).values[[0, 2]]
    scale = 2 * HALF_EXTENT / float((upper - lower).max()) * random.uniform(0.94, 1.0)
    return shape._replace(mesh=shape.mesh.with_vertices((vertices - middle) * scale))


def random_of(seed: int, index: int, topic: int) -> np.random.Generator:
    """Randomness of subject `index`, one stream for each topic."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, index, topic))))
