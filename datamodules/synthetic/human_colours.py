"""Skin, hair and cloth colours of procedural people."""

import numpy as np

from datamodules.synthetic.human_parameters import Colour, Colours, Pattern

SKIN_TONES = ((0.93, 0.76, 0.66), (0.86, 0.66, 0.52), (0.74, 0.53, 0.39), (0.55, 0.37, 0.26), (0.36, 0.24, 0.18))
HAIR_COLOURS = (
    (0.07, 0.055, 0.05),
    (0.16, 0.10, 0.07),
    (0.30, 0.19, 0.11),
    (0.60, 0.45, 0.25),
    (0.45, 0.18, 0.08),
    (0.62, 0.62, 0.62),
)


def draw_colours(random: np.random.Generator) -> Colours:
    """Colours that do not depend on shape, pose or garments."""
    tone = random.uniform(0, len(SKIN_TONES) - 1)
    low = min(int(tone), len(SKIN_TONES) - 2)
    skin = np.array(SKIN_TONES[low]) * (1 - (tone - low)) + np.array(SKIN_TONES[low + 1]) * (tone - low)
    skin = skin * random.uniform(0.95, 1.05, 3)
    hair = np.array(HAIR_COLOURS[random.choice(6, p=[0.3, 0.27, 0.18, 0.13, 0.05, 0.07])]) * random.uniform(0.8, 1.2)
    upper, outer, lower, shoes, bag, hat, accessory, trim = (_cloth(random) for _ in range(8))
    lips = skin * np.array([1.0, 0.68, 0.68])
    eyes = np.array([(0.25, 0.16, 0.1), (0.2, 0.35, 0.5), (0.25, 0.4, 0.25)][random.choice(3, p=[0.6, 0.25, 0.15])])
    return Colours(
        *(_colour(one) for one in (skin, hair, upper, outer, lower, shoes, bag, hat, accessory, trim, lips, eyes)),
        upper_pattern=_pattern(random, [0.3, 0.22, 0.14, 0.16, 0.18]),
        lower_pattern=_pattern(random, [0.55, 0.12, 0.12, 0.21, 0.0]),
    )


def _cloth(random: np.random.Generator) -> np.ndarray:
    if random.random() < 0.35:
        return np.full(3, random.uniform(0.06, 0.9))
    colour = random.uniform(0.04, 0.9, 3)
    return colour * random.uniform(0.6, 1.0)


def _pattern(random: np.random.Generator, shares: list[float]) -> Pattern:
    kind = str(random.choice(["plain", "stripes", "checks", "noise", "logo"], p=shares))
    scale, angle = float(random.uniform(2, 6)), float(random.choice([0.0, np.pi / 2, random.uniform(0, np.pi)]))
    phases = tuple(float(x) for x in random.uniform(0, 2 * np.pi, 6))
    return Pattern(kind, scale, angle, _colour(_cloth(random)), phases)  # pyright: ignore[reportArgumentType]


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = (float(x) for x in np.clip(values, 0.02, 0.97))
    return red, green, blue
