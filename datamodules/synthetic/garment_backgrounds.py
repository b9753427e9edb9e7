"""What lies behind garments: streets, studios, and for birds leaves, branches, water and sky."""

from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Scenery = Literal["street", "studio", "nature"]
FINER = 2
"""Backgrounds are drawn at twice their size."""
Rgb = tuple[int, int, int]


def garment_background(random: np.random.Generator, size: tuple[int, int], scenery: Scenery) -> np.ndarray:
    """[h, w, 3] float32 in [0, 1]."""
    height, width = size[0] * FINER, size[1] * FINER
    draw_scene = {"street": _street, "studio": _studio, "nature": _nature}[scenery]
    picture = draw_scene(random, height, width)
    picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0.4, 2.2) * FINER * size[0] / 128))
    small = np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BOX), np.float32) / 255
    tint = random.uniform(0.88, 1.12, 3) * random.uniform(0.75, 1.1)
    return np.clip(small * tint + _noise(random, size, random.uniform(0.0, 0.03)), 0, 1).astype(np.float32)


def _street(random: np.random.Generator, height: int, width: int) -> Image.Image:
    picture = Image.new("RGB", (width, height), _grey(random, 90, 235))
    draw = ImageDraw.Draw(picture)
    horizon = int(height * random.uniform(0.2, 0.65))
    for _ in range(int(random.integers(1, 5))):
        _building(draw, random, horizon, width)
    for _ in range(int(random.integers(0, 4))):
        _foliage(draw, random, random.uniform(0, width), horizon * random.uniform(0.3, 1.0), width * 0.25, (40, 120))
    _ground(draw, random, horizon, height, width)
    things = [_car, _passer_by, _passer_by, _pole, _bicycle, _box]
    for place in np.sort(random.uniform(0, 0.35, int(random.integers(1, 7)))):  # the nearest last
        things[int(random.integers(len(things)))](draw, random, horizon + int(place * height), height, width)
    return picture


def _studio(random: np.random.Generator, height: int, width: int) -> Image.Image:
    wall = np.array(_grey(random, 150, 252) if random.random() < 0.7 else _vivid(random))
    floor = np.clip(wall * random.uniform(0.75, 1.05), 0, 255)
    edge = random.uniform(0.7, 1.0)
    rows = np.clip((np.linspace(0, 1, height) - edge) * random.uniform(4, 40) + 0.5, 0, 1)[:, None, None]
    x = np.linspace(-1, 1, width)[None, :, None]
    y = np.linspace(-1, 1, height)[:, None, None]
    vignette = 1 - random.uniform(0, 0.3) * (x * x + y * y) / 2 + random.uniform(-0.1, 0.1) * x
    picture = Image.fromarray(np.clip((wall * (1 - rows) + floor * rows) * vignette, 0, 255).astype(np.uint8))
    if random.random() < 0.3:
        draw = ImageDraw.Draw(picture)
        left = random.uniform(0, width)
        draw.rectangle((left, 0, left + random.uniform(0.1, 0.6) * width, height), fill=_grey(random, 120, 240))
    return picture


def _nature(random: np.random.Generator, height: int, width: int) -> Image.Image:
    kind = random.choice(["leaves", "sky", "water", "meadow", "ground"], p=[0.32, 0.18, 0.16, 0.2, 0.14])
    base = {
        "leaves": (random.uniform(25, 110), random.uniform(70, 150), random.uniform(20, 80)),
        "sky": (random.uniform(120, 205), random.uniform(160, 220), random.uniform(200, 250)),
        "water": (random.uniform(40, 130), random.uniform(80, 150), random.uniform(100, 180)),
        "meadow": (random.uniform(90, 170), random.uniform(120, 180), random.uniform(50, 110)),
        "ground": (random.uniform(120, 200), random.uniform(100, 170), random.uniform(80, 140)),
    }[str(kind)]
    picture = Image.new("RGB", (width, height), _rgb(np.array(base)))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(8, 45))):  # discs out of focus
        radius = random.uniform(0.03, 0.22) * width
        x, y = random.uniform(0, width), random.uniform(0, height)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_near(random, base, 45))
    if kind == "water":
        for y in np.sort(random.uniform(0, height, 30)):
            x, length = random.uniform(-0.3, 1) * width, random.uniform(0.1, 0.9) * width
            draw.line((x, y, x + length, y), fill=_near(random, base, 60), width=int(random.integers(1, 5)))
    if kind in ("meadow", "leaves"):
        for _ in range(60):
            x, y, lean = random.uniform(0, width), random.uniform(0.4, 1.1) * height, random.uniform(-30, 30)
            draw.line((x, y, x + lean, y - random.uniform(20, 90)), fill=_near(random, base, 60), width=3)
    if random.random() < 0.55:
        brown = _rgb(np.array([random.uniform(60, 150)] * 3) * [1.0, 0.8, 0.6])
        for _ in range(int(random.integers(1, 4))):
            ends = random.uniform(-0.2, 1.2, 4) * [width, height, width, height]
            draw.line(tuple(float(x) for x in ends), fill=brown, width=int(random.uniform(0.01, 0.06) * width) + 1)
    return picture


def _building(draw: ImageDraw.ImageDraw, random: np.random.Generator, horizon: int, width: int) -> None:
    left, wide = random.uniform(-0.3, 0.9) * width, random.uniform(0.3, 1.0) * width
    top = horizon * random.uniform(-0.2, 0.5)
    wall = np.array(_grey(random, 60, 220) if random.random() < 0.6 else _vivid(random), float)
    draw.rectangle((left, top, left + wide, horizon + 2), fill=_rgb(wall))
    step_x, step_y = random.uniform(0.08, 0.3) * width, random.uniform(0.08, 0.25) * width
    window = _rgb(wall * random.uniform(0.3, 1.3))
    for x in np.arange(left + step_x * 0.3, left + wide - step_x * 0.5, step_x):
        for y in np.arange(top + step_y * 0.3, horizon - step_y * 0.3, step_y):
            draw.rectangle((x, y, x + step_x * 0.55, y + step_y * 0.6), fill=window)


def _ground(draw: ImageDraw.ImageDraw, random: np.random.Generator, horizon: int, height: int, width: int) -> None:
    colour = np.array(_grey(random, 70, 200), float)
    if random.random() < 0.25:
        colour *= [0.7, 0.95, 0.55]
    draw.rectangle((0, horizon, width, height), fill=_rgb(colour))
    line = _rgb(colour * random.uniform(0.75, 1.25))
    vanishing = random.uniform(-0.5, 1.5) * width
    if random.random() < 0.7:
        for x in np.arange(-4, 5, random.uniform(0.3, 0.9)):
            draw.line((vanishing, horizon, vanishing + x * width, height), fill=line, width=2)
        for depth in np.arange(1, 9, random.uniform(0.4, 1.2)):
            y = horizon + (height - horizon) / depth
            draw.line((0, y, width, y), fill=line, width=2)
    for _ in range(int(random.integers(0, 5))):  # shadows and stains
        x, y = random.uniform(0, width), random.uniform(horizon, height)
        wide, high = random.uniform(0.1, 0.6) * width, random.uniform(0.01, 0.06) * height
        draw.ellipse((x - wide, y - high, x + wide, y + high), fill=_rgb(colour * random.uniform(0.6, 1.15)))


def _foliage(
    draw: ImageDraw.ImageDraw, random: np.random.Generator, x: float, y: float, spread: float, greens: tuple[int, int]
) -> None:
    for _ in range(int(random.integers(10, 40))):
        green = random.uniform(*greens)
        cx, cy = x + random.normal(0, spread), y + random.normal(0, spread)
        radius = random.uniform(0.1, 0.45) * spread
        colour = _rgb(np.array([random.uniform(0.4, 0.9) * green, green, random.uniform(0.3, 0.6) * green]))
        draw.ellipse((cx - radius, cy - radius, cx + radius, cy + radius), fill=colour)


def _car(draw: ImageDraw.ImageDraw, random: np.random.Generator, foot: int, height: int, width: int) -> None:
    x, wide, high = (
        random.uniform(-0.5, 0.9) * width,
        random.uniform(0.5, 1.2) * width,
        random.uniform(0.1, 0.2) * height,
    )
    paint = _vivid(random)
    draw.rounded_rectangle((x, foot - high * 0.6, x + wide, foot), radius=high * 0.2, fill=paint)
    cabin = (x + wide * 0.2, foot - high, x + wide * 0.8, foot - high * 0.5)
    draw.rounded_rectangle(cabin, radius=high * 0.2, fill=_grey(random, 20, 90))
    for share in (0.2, 0.8):
        centre = x + wide * share
        draw.ellipse(
            (centre - high * 0.2, foot - high * 0.2, centre + high * 0.2, foot + high * 0.2), fill=(25, 25, 25)
        )


def _passer_by(draw: ImageDraw.ImageDraw, random: np.random.Generator, foot: int, height: int, width: int) -> None:
    tall = random.uniform(0.25, 0.75) * height
    x, half = random.uniform(0, 1) * width, 0.12 * tall
    skin = _rgb(np.array([220, 170, 140]) * random.uniform(0.4, 1.0))
    draw.rectangle((x - half * 0.6, foot - 0.48 * tall, x + half * 0.6, foot), fill=_vivid(random))
    draw.rounded_rectangle(
        (x - half, foot - 0.83 * tall, x + half, foot - 0.42 * tall), radius=half, fill=_vivid(random)
    )
    draw.ellipse((x - half * 0.5, foot - tall, x + half * 0.5, foot - 0.85 * tall), fill=skin)


def _pole(draw: ImageDraw.ImageDraw, random: np.random.Generator, foot: int, height: int, width: int) -> None:
    x, wide = random.uniform(0, width), random.uniform(0.01, 0.08) * width
    top = min(random.uniform(-0.2, 0.4) * height, foot)
    draw.rectangle((x, top, x + wide, foot), fill=_grey(random, 30, 200))
    if random.random() < 0.4:
        side = random.uniform(0.1, 0.3) * width
        top = random.uniform(0, 0.3) * height
        draw.rectangle((x - side, top, x + side, top + 1.2 * side), fill=_vivid(random))


def _bicycle(draw: ImageDraw.ImageDraw, random: np.random.Generator, foot: int, height: int, width: int) -> None:
    radius, x = random.uniform(0.05, 0.09) * height, random.uniform(0, width)
    for centre in (x, x + 2.3 * radius):
        draw.ellipse((centre - radius, foot - 2 * radius, centre + radius, foot), outline=(30, 30, 30), width=3)
    frame = [(x, foot - radius), (x + radius, foot - 2.2 * radius), (x + 2.3 * radius, foot - radius)]
    draw.line([*frame, (x + 1.1 * radius, foot - radius), frame[1]], fill=_vivid(random), width=4)


def _box(draw: ImageDraw.ImageDraw, random: np.random.Generator, foot: int, height: int, width: int) -> None:
    x, wide, high = (
        random.uniform(-0.2, 1) * width,
        random.uniform(0.1, 0.5) * width,
        random.uniform(0.05, 0.35) * height,
    )
    draw.rectangle((x, foot - high, x + wide, foot), fill=_vivid(random))
    draw.rectangle((x, foot - high, x + wide, foot - high * 0.9), fill=_grey(random, 30, 230))


def _noise(random: np.random.Generator, size: tuple[int, int], strength: float) -> np.ndarray:
    """[h, w, 1] the same in all colours, in two sizes of grain."""
    coarse = Image.fromarray(random.standard_normal((size[0] // 4, size[1] // 4)).astype(np.float32))
    coarse = np.asarray(coarse.resize((size[1], size[0]), Image.Resampling.BICUBIC))
    return strength * (0.5 * random.standard_normal(size) + coarse)[..., None]


def _grey(random: np.random.Generator, low: float, high: float) -> Rgb:
    return _rgb(random.uniform(low, high) * random.uniform(0.92, 1.08, 3))


def _vivid(random: np.random.Generator) -> Rgb:
    return _rgb(random.uniform(15, 245, 3) * random.uniform(0.5, 1))


def _near(random: np.random.Generator, base: tuple[float, ...], spread: float) -> Rgb:
    return _rgb(np.array(base) + random.uniform(-spread, spread) + random.uniform(-0.3, 0.3, 3) * spread)


def _rgb(values: np.ndarray) -> Rgb:
    red, green, blue = (int(x) for x in np.clip(values, 0, 255))
    return red, green, blue
