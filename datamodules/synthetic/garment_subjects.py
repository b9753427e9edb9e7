"""Subjects of a data set by number, in the world frame of the clothing family."""

from typing import Literal

import numpy as np

from datamodules.synthetic.garment_birds import draw_bird
from datamodules.synthetic.garment_dresses import draw_dress
from datamodules.synthetic.garment_handbags import draw_handbag
from datamodules.synthetic.garment_people import draw_person
from datamodules.synthetic.garment_shapes import GarmentShape

Subject = Literal["people", "dresses", "handbags", "birds"]
SPECIES = 40
"""So many kinds of birds; individuals of one differ in pose."""
CELLS = 80
"""Cells of 2.6 cm."""
HALF_EXTENT = 0.9
"""Of the templates of people and birds, along their longest side."""


def draw_subject(kind: Subject, seed: int, index: int) -> GarmentShape:
    """Subject `index` of a seed: the longest side of its box is 1.8, give or take 6 %, its middle is the origin."""
    shape = _drawn(kind, seed, index)
    vertices = shape.mesh.vertices
    lower, upper = vertices.amin(0), vertices.amax(0)
    middle = (lower + upper) / 2
    if kind == "people":  # the trunk, not the hands and feet
        middle[[0, 2]] = vertices.median(0).values[[0, 2]]
    scale = 2 * HALF_EXTENT / float((upper - lower).max()) * random_of(seed, index, 1).uniform(0.94, 1.0)
    return shape._replace(mesh=shape.mesh.with_vertices((vertices - middle) * scale))


def _drawn(kind: Subject, seed: int, index: int) -> GarmentShape:
    random = random_of(seed, index, 0)
    if kind == "people":
        return draw_person(random, int(np.random.SeedSequence((seed, index)).generate_state(1)[0]))
    if kind == "dresses":
        return draw_dress(random, CELLS)
    if kind == "handbags":
        return draw_handbag(random, CELLS)
    species = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, index % SPECIES))))
    return draw_bird(random, species, CELLS)


def random_of(seed: int, index: int, topic: int) -> np.random.Generator:
    """Randomness of subject `index`, one stream for each topic."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, index, topic))))
