"""What is printed on cloth: patterns and emblems in two coordinates."""

import math
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from datamodules.synthetic.human_parameters import Colour

PrintKind = Literal["plain", "stripes", "checks", "dots", "patches", "waves"]
EmblemKind = Literal["disc", "ring", "box", "bars", "star", "number", "heart"]
PRINT_SHARES: dict[PrintKind, float] = {
    "plain": 0.34,
    "stripes": 0.18,
    "checks": 0.12,
    "dots": 0.12,
    "patches": 0.14,
    "waves": 0.10,
}
EMBLEMS: tuple[EmblemKind, ...] = ("disc", "ring", "box", "bars", "star", "number", "heart")


class Print(NamedTuple):
    """A second colour on a cloth."""

    kind: PrintKind
    scale_cm: float
    angle: float
    colour: Colour
    phases: tuple[float, ...]


class Emblem(NamedTuple):
    """A figure at one place."""

    kind: EmblemKind
    half_width_cm: float
    half_height_cm: float
    colour: Colour
    turns: float
    """What makes two emblems of one kind differ: 0 to 1."""


def draw_colour(random: np.random.Generator) -> Colour:
    """A dye: grey, black or white for a third, otherwise of any hue and rather full."""
    if random.random() < 0.33:
        red = green = blue = float(random.choice([random.uniform(0.06, 0.2), random.uniform(0.3, 0.6), 0.93]))
        return red, green, blue
    hue, value, fullness = random.uniform(0, 6), random.uniform(0.25, 0.95), random.uniform(0.3, 0.95)
    wheel = np.clip(np.abs((hue + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    red, green, blue = (float(x) for x in value * (1 - fullness * (1 - wheel)))
    return red, green, blue


def draw_print(random: np.random.Generator, scale_cm: tuple[float, float] = (5.0, 14.0)) -> Print:
    """A print whose period lies in a range."""
    kind = str(random.choice(list(PRINT_SHARES), p=list(PRINT_SHARES.values())))
    angle = float(random.choice([0.0, math.pi / 2, random.uniform(0, math.pi)]))
    phases = tuple(float(x) for x in random.uniform(0, 2 * math.pi, 6))
    return Print(kind, float(random.uniform(*scale_cm)), angle, draw_colour(random), phases)  # pyright: ignore[reportArgumentType]


def draw_emblem(random: np.random.Generator, largest_cm: float) -> Emblem:
    """An emblem no larger than twice `largest_cm`."""
    half = largest_cm * random.uniform(0.5, 1.0)
    kind: EmblemKind = EMBLEMS[int(random.integers(len(EMBLEMS)))]
    return Emblem(
        kind, float(half), float(half * random.uniform(0.6, 1.2)), draw_colour(random), float(random.random())
    )


def printed(albedo: Tensor, pattern: Print, u: Tensor, v: Tensor) -> Tensor:
    """Colours [p, 3] with the print at cloth coordinates u (across) and v (along) [p] in cm."""
    return blended(albedo, pattern.colour, print_share(pattern, u, v))


def print_share(pattern: Print, u: Tensor, v: Tensor) -> Tensor:
    """[p] how much of the second colour shows, 0 to 1."""
    c, s = math.cos(pattern.angle), math.sin(pattern.angle)
    a, b = c * u + s * v, c * v - s * u
    turn = 2 * math.pi / pattern.scale_cm
    first, second = pattern.phases[:2]
    if pattern.kind == "stripes":
        return step(torch.sin(turn * b + first) + 0.4 * math.sin(second))
    if pattern.kind == "checks":
        return 0.55 * step(torch.sin(turn * a + first)) + 0.45 * step(torch.sin(turn * b + second))
    if pattern.kind == "dots":
        return step(torch.sin(turn * a + first) * torch.sin(turn * b + second) * 2 - 0.8)
    if pattern.kind == "patches":
        waves = torch.zeros_like(u)
        for index, phase in enumerate(pattern.phases):
            frequency = turn * (0.3 + 0.2 * index)
            waves += torch.sin(frequency * (u * math.cos(2.3 * phase) + v * math.sin(2.3 * phase)) + phase)
        return step(waves - 0.3)
    if pattern.kind == "waves":
        return step(torch.sin(turn * b + 1.5 * torch.sin(0.7 * turn * a + second) + first))
    return torch.zeros_like(u)


def stamped(albedo: Tensor, emblem: Emblem, u: Tensor, v: Tensor, on: Tensor) -> Tensor:
    """Colours [p, 3] with the emblem about u = v = 0 (cm) where `on` [p] is true."""
    return blended(albedo, emblem.colour, emblem_share(emblem, u, v) * on)


def emblem_share(emblem: Emblem, u: Tensor, v: Tensor) -> Tensor:
    """[p] how much of the emblem's colour shows, 0 to 1."""
    x, y = u / emblem.half_width_cm, v / emblem.half_height_cm
    box = torch.maximum(x.abs(), y.abs())
    radius = (x * x + y * y).sqrt()
    if emblem.kind == "disc":
        return step(2 - 2 * radius)
    if emblem.kind == "ring":
        return step(2 - 2 * radius) * step(2 * radius - 0.9)
    if emblem.kind == "box":
        return step(2 - 2 * box)
    if emblem.kind == "bars":
        return step(2 - 2 * box) * step(torch.sin((y + emblem.turns) * 3 * math.pi))
    if emblem.kind == "star":
        return step(1.3 + 0.6 * torch.cos(5 * torch.atan2(x, y)) - 2 * radius)
    if emblem.kind == "heart":
        return step(1.6 - 2 * (x * x + (y * 1.1 + 0.15 - 0.65 * x.abs().sqrt()).square()).sqrt())
    # two digits of seven strokes each
    column, local = x > 0, x.abs() * 2 - 1
    stroke, bits = torch.zeros_like(x), torch.tensor(int(emblem.turns * (1 << 14)))
    for index in range(7):
        shown = ((bits >> torch.where(column, index, index + 7)) & 1).float()
        if index < 3:
            distance = torch.maximum(local.abs() - 0.55, (y - (index - 1) * 0.75).abs() - 0.17)
        else:
            across, up = (-0.55, 0.55)[index % 2], (-0.38, 0.38)[index // 2 % 2]
            distance = torch.maximum((local - across).abs() - 0.2, (y - up).abs() - 0.38)
        stroke = torch.maximum(stroke, shown * step(-3 * distance + 0.3))
    return stroke


def blended(albedo: Tensor, colour: Colour, share: Tensor) -> Tensor:
    """Colours [p, 3] of which a share [p] is another colour."""
    share = share[:, None]
    return albedo * (1 - share) + albedo.new_tensor(colour) * share


def step(value: Tensor) -> Tensor:
    """0 below 0, 1 above, with a narrow ramp."""
    return (0.5 + 4 * value).clamp(0, 1)
