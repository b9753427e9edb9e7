"""What stands in front of the camera in each synthetic face picture: drawn from (seed, person) and (seed, picture)
alone."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from datamodules.synthetic.heads import HeadStyle
from models.morphable.coefficient_sampling import sample_albedo, sample_expression_weights, sample_identity
from models.morphable.linear import MorphableModel

AMBIENT_BAND = 0.2821
LOBE = (1.0, 2 / 3, 2 / 3, 2 / 3, 1 / 4, 1 / 4, 1 / 4, 1 / 4, 1 / 4)
"""Share of each harmonic that survives a cosine lobe (Ramamoorthi and Hanrahan 2001), divided by pi."""
SIDE_LIT_SHARE = 0.6
_PERSON, _PICTURE = 1, 2


@dataclass(frozen=True)
class Person:
    """Who is photographed: the same in all pictures of one person."""

    number: int
    identity: np.ndarray
    albedo: np.ndarray
    age: float
    style: HeadStyle


@dataclass(frozen=True)
class FaceScene:
    """One picture: person, expression, camera, light and what stands in the way."""

    index: int
    person: Person
    blendshape_weights: np.ndarray
    angles: np.ndarray
    """[3] pitch, yaw, roll in radians."""
    crop_share: float
    """Side of the face's crop as a share of the picture's; and"""
    crop_place: np.ndarray
    """[2] in 0..1: where in the remaining room the crop lies."""
    light: np.ndarray
    """[9, 3]"""
    glasses: bool
    strands: bool
    hand: bool
    blur_px: float
    noise: float
    jpeg_quality: int
    overlay_seed: int
    """For background, occluders and noise."""


def generator(seed: int, kind: int, number: int) -> np.random.Generator:
    """Independent streams for every (seed, kind, number)."""
    return np.random.default_rng(np.random.SeedSequence([seed, kind, number]))


def sample_person(model: MorphableModel, seed: int, number: int) -> Person:
    random = generator(seed, _PERSON, number)
    return Person(
        number=number,
        identity=sample_identity(model, _draws(random), 1)[0].numpy(),
        albedo=sample_albedo(model, _draws(random), 1)[0].numpy(),
        age=float(random.beta(1.1, 1.3)),
        style=_head_style(random),
    )


def sample_scene(model: MorphableModel, seed: int, index: int, *, images_per_identity: int) -> FaceScene:
    """The scene of picture `index`."""
    person = sample_person(model, seed, index // images_per_identity)
    random = generator(seed, _PICTURE, index)
    yaw = random.uniform(-25, 25) if random.random() < 0.6 else random.uniform(-60, 60)
    angles = np.deg2rad([random.uniform(-20, 20), yaw, random.uniform(-15, 15)])
    skin = model.albedo_mean.numpy() + np.tensordot(person.albedo, model.albedo_basis.numpy(), 1)
    scene = FaceScene(
        index=index,
        person=person,
        blendshape_weights=sample_expression_weights(_draws(random), 1)[0].numpy(),
        angles=angles.astype(np.float32),
        crop_share=random.uniform(0.8, 0.98),
        crop_place=random.uniform(0, 1, 2),
        light=sample_light(random, float(skin.mean())),
        glasses=random.random() < 0.12,
        strands=random.random() < 0.15,
        hand=random.random() < 0.08,
        blur_px=max(0.0, random.uniform(-0.6, 1.2)),
        noise=random.uniform(0, 6) / 255,
        jpeg_quality=int(random.integers(60, 97)),
        overlay_seed=int(random.integers(2**31)),
    )
    return scene


def sample_light(random: np.random.Generator, skin_level: float) -> np.ndarray:
    """[9, 3]: ambient light, one lamp and a small tint of each; six in ten lamps stand to the side.

    `skin_level` is the face's mean albedo: light that would leave the skin too dark or burnt is drawn again.
    """
    while True:
        beside = random.random() < SIDE_LIT_SHARE
        tilt = math.radians(random.uniform(45, 85) if beside else random.uniform(0, 45))
        turn = random.uniform(-math.pi / 6, 7 * math.pi / 6)  # seldom from below
        direction = np.array([math.sin(tilt) * math.cos(turn), math.sin(tilt) * math.sin(turn), math.cos(tilt)])
        ambient, lamp = random.uniform(0.35, 0.9), random.uniform(0.35, 1.1)
        tints = np.exp(random.normal(0, 0.06, (2, 3)))
        gain = random.uniform(0.88, 1.12, 3) if random.random() < 0.5 else np.ones(3)
        mean = skin_level * (ambient + 0.55 * lamp)
        if 65 / 255 < mean < 190 / 255 and skin_level * (ambient + 1.1 * lamp) < 1.2:
            break
    light = lamp * math.pi * (np.array(LOBE) * harmonics(direction))[:, None] * tints[0]
    light[0] += ambient / AMBIENT_BAND * tints[1]
    return light * gain


def harmonics(direction: np.ndarray) -> np.ndarray:
    """[9] real spherical harmonics of a unit vector in the order of Chen et al. (`models.rendering.lighting`)."""
    x, y, z = direction
    return np.array(
        [
            *(0.2821, 0.4886 * z, 0.4886 * x, 0.4886 * y, 0.3154 * (3 * z * z - 1)),
            *(1.0925 * x * z, 1.0925 * y * z, 0.5463 * (x * x - y * y), 1.0925 * x * y),
        ]
    )


def _draws(random: np.random.Generator) -> torch.Generator:
    """A generator for the samplers of the morphable models."""
    return torch.Generator().manual_seed(int(random.integers(2**62)))


def _head_style(random: np.random.Generator) -> HeadStyle:
    colours = np.array(
        [
            [0.07, 0.055, 0.05],
            [0.16, 0.10, 0.07],
            [0.30, 0.19, 0.11],
            [0.55, 0.40, 0.22],
            [0.45, 0.18, 0.08],
            [0.6, 0.6, 0.6],
        ]
    )
    hair = colours[random.choice(len(colours), p=[0.33, 0.27, 0.16, 0.12, 0.04, 0.08])] * random.uniform(0.7, 1.3)
    long_hair = random.random() < 0.45
    return HeadStyle(
        hair_colour=np.clip(hair * random.uniform(0.92, 1.08, 3), 0.02, 0.9),
        hair_thickness=random.uniform(3, 20),
        hairline_degrees=random.uniform(38, 52) if random.random() < 0.75 else random.uniform(27, 38),
        sideburn_degrees=random.uniform(-6, 22),
        hair_length=random.uniform(60, 220) if long_hair else 0.0,
        hair_waves=np.array([*random.uniform(0, 2 * math.pi, 3), random.uniform(0, 4)]),
        cloth_colour=random.uniform(0.03, 0.9, 3) if random.random() < 0.6 else np.full(3, random.uniform(0.03, 0.9)),
        collar=random.uniform(118, 168),
    )
