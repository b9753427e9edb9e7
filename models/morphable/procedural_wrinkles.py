"""Fine relief of the procedural face over (u, v): wrinkles that follow age and expression, pores, moles."""

import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, interpolate

from models.morphable.procedural_expressions import BLENDSHAPE_NAMES
from models.morphable.procedural_surface import (
    EYE_X,
    LIP_LINE_Y,
    inside_face,
    lid_lines,
    mean_surface,
    nasolabial_x,
)

LARGEST_DISPLACEMENT_MM = 0.95
SHOULDER = 0.35
"""How high the skin is raised beside a valley."""


def wrinkle_displacement_mm(
    size: int,
    age: float,
    blendshape_weights: Float[Tensor, " n"],
    generator: torch.Generator,
) -> Float[Tensor, "1 h w"]:
    """Displacement along the normal in mm on a size x size texture (row 0 is v = 1); valleys negative, 0 off the face.

    `age` runs from 0 to 1; `blendshape_weights` are the 24 weights of BLENDSHAPE_NAMES: raised brows draw lines
    on the forehead, lowered ones between the eyes, a smile deepens crow's feet and the folds beside the mouth.
    A generator in the same state draws the same person whatever the age, the expression and (but for pores) the
    size. Smoothly limited to +-0.95 mm. Runs without gradient on the CPU.

    Raises:
        ValueError: when age is outside 0..1 or the number of weights is not 24.
    """
    if not 0.0 <= age <= 1.0:
        raise ValueError(f"age was {age}; give a number from 0 (young) to 1 (old).")
    if len(blendshape_weights) != len(BLENDSHAPE_NAMES):
        raise ValueError(f"{len(blendshape_weights)} blendshape weights were given; give {len(BLENDSHAPE_NAMES)}.")
    drive = _Drive.of(age, dict(zip(BLENDSHAPE_NAMES, blendshape_weights.tolist())))
    draw = _Draw(generator)
    place = _places(size)
    relief = torch.zeros(size, size)
    for wrinkles, highest, lowest in _BANDS:
        top, bottom = place.rows(highest, lowest)
        band = place.crop(top, bottom)
        relief[top:bottom] += wrinkles(band, drive, draw)
    relief += _pores(place, generator)
    relief += _moles(place, draw)
    relief *= place.front * place.inside
    return (LARGEST_DISPLACEMENT_MM * torch.tanh(relief / LARGEST_DISPLACEMENT_MM))[None]


@dataclasses.dataclass(frozen=True)
class _Drive:
    """What makes wrinkles deep; each 0..1."""

    age: float
    brow_up: float
    brow_down: float
    smile: tuple[float, float]
    """On the side x < 0 and on the side x > 0."""

    @staticmethod
    def of(age: float, weights: dict[str, float]) -> "_Drive":
        up = max(weights["browInnerUp"], 0.5 * (weights["browOuterUpLeft"] + weights["browOuterUpRight"]))
        down = 0.5 * (weights["browDownLeft"] + weights["browDownRight"])
        right = max(weights["smileRight"], 0.6 * weights["squintRight"])
        left = max(weights["smileLeft"], 0.6 * weights["squintLeft"])
        return _Drive(age, min(up, 1.0), min(down, 1.0), (min(right, 1.0), min(left, 1.0)))


class _Draw:
    """Random numbers in a fixed order."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def normal(self, sigma: float) -> float:
        return sigma * float(torch.randn((), generator=self.generator))

    def waviness(self, like: "_Places", cells: int, amplitude_mm: float) -> Tensor:
        """Smooth noise, the same at every size: a few cells over the whole square, resampled to the band."""
        coarse = torch.randn(cells, cells, generator=self.generator)
        enlarge = _bicubic(cells, like.size)
        rows = enlarge[like.first_row : like.first_row + like.x.shape[0]]
        return 1.2 * amplitude_mm * (rows @ coarse @ enlarge.T)


@functools.lru_cache(maxsize=32)
def _bicubic(cells: int, size: int) -> Tensor:
    """[size, cells] weights of bicubic enlargement: two small products for a band instead of a whole picture."""
    return interpolate(torch.eye(cells)[None, None], size=(size, cells), mode="bicubic", align_corners=False)[0, 0]


@dataclasses.dataclass(frozen=True)
class _Places:
    """Where the texels of some rows lie on the face (feature frame, mm)."""

    size: int
    first_row: int
    x: Tensor
    y: Tensor
    front: Tensor
    inside: Tensor

    def rows(self, highest: float, lowest: float) -> tuple[int, int]:
        """Rows between two heights; heights fall with the row."""
        heights = self.y[:, 0]
        return int((heights > highest).sum()), int((heights >= lowest).sum())

    def crop(self, top: int, bottom: int) -> "_Places":
        rows = slice(top, bottom)
        return _Places(self.size, top, self.x[rows], self.y[rows], self.front[rows], self.inside[rows])


@functools.lru_cache(maxsize=4)
def _places(size: int) -> _Places:
    u, v = np.meshgrid((np.arange(size) + 0.5) / size, 1.0 - (np.arange(size) + 0.5) / size)
    points = mean_surface(u.ravel(), v.ravel())
    depth = points.position_mm[:, 2]
    front = _step(torch.from_numpy(depth), 10.0, 45.0)
    planes = (points.x, points.y, front.numpy(), inside_face(u, v).ravel())
    return _Places(size, 0, *(torch.from_numpy(np.asarray(p)).reshape(size, size).float() for p in planes))


def _step(t: Tensor, start: float, end: float) -> Tensor:
    r = ((t - start) / (end - start)).clamp(0, 1)
    return r * r * (3 - 2 * r)


def _valley(distance: Tensor, width: float, depth: Tensor | float) -> Tensor:
    t = (distance / width).square()
    return -depth * (1 - SHOULDER * t) * torch.exp(-0.5 * t)


def _forehead(at: _Places, drive: _Drive, draw: _Draw) -> Tensor:
    depth = 0.10 + 0.3 * drive.age + 0.7 * drive.brow_up * (0.4 + 0.6 * drive.age)
    relief = torch.zeros_like(at.x)
    lines = 3 + int(draw.uniform(0, 2.999))
    window = _step(at.y, 50.0, 56.0) * _step(at.y, 92.0, 84.0)
    for k in range(lines):
        middle = 57.0 + 6.2 * k + draw.normal(1.0)
        bow = (
            3.0 * draw.uniform(0.4, 1.0) * torch.cos(at.x / 38.0 * math.pi * draw.uniform(0.8, 1.2) + draw.normal(0.3))
        )
        curve = middle + bow + draw.waviness(at, 18, 0.7)
        strength = depth * draw.uniform(0.5, 1.0) * _step(at.x.abs(), 52.0 + draw.normal(3.0), 30.0) * window
        relief += _valley(at.y - curve, draw.uniform(1.0, 1.6), strength)
    return relief


def _between_brows(at: _Places, drive: _Drive, draw: _Draw) -> Tensor:
    depth = 0.05 + 0.35 * drive.age + 0.8 * drive.brow_down
    relief = torch.zeros_like(at.x)
    for side in (-1, 1):
        line = side * 6.0 + draw.normal(0.7)
        window = torch.exp(-0.5 * (((at.x - line) / 4.0) ** 2 + ((at.y - 45.0) / 7.0) ** 2))
        relief += _valley(at.x - line - 0.12 * side * (at.y - 44.0), 1.1, depth * window)
    return relief


def _crows_feet(at: _Places, drive: _Drive, draw: _Draw) -> Tensor:
    relief = torch.zeros_like(at.x)
    for side, smile in zip((-1, 1), drive.smile):
        depth = 0.05 + 0.3 * drive.age + 0.55 * smile
        for angle in (-32.0, -12.0, 10.0, 30.0):
            direction = math.radians(angle + draw.normal(4.0))
            dx, dy = side * at.x - 48.0, at.y - 30.0
            along = dx * math.cos(direction) + dy * math.sin(direction)
            across = dy * math.cos(direction) - dx * math.sin(direction) + draw.waviness(at, 24, 0.25)
            reach = _step(along, -1.0, 3.0) * _step(along, 17.0, 8.0)
            relief += _valley(across, 0.9, depth * draw.uniform(0.6, 1.0) * reach)
    return relief


def _under_eyes(at: _Places, drive: _Drive, draw: _Draw) -> Tensor:
    relief = torch.zeros_like(at.x)
    off_eye = at.x.abs() - EYE_X
    smile = torch.where(at.x < 0, drive.smile[0], drive.smile[1])
    for k, below in enumerate((0.0, 3.5)):
        curve = 23.5 - below - 3.0 * (1.0 - (off_eye / 16.0) ** 2) + draw.normal(0.3)
        depth = (0.05 + 0.25 * drive.age + 0.2 * smile) * (1.0 - 0.4 * k)
        relief += _valley(at.y - curve, 1.1, depth * _step(off_eye.abs(), 15.0, 9.0))
    return relief


def _cheek_folds(at: _Places, drive: _Drive, draw: _Draw) -> Tensor:
    smile = torch.where(at.x < 0, drive.smile[0], drive.smile[1])
    fold = torch.from_numpy(nasolabial_x(at.y.double().numpy())).float() + draw.normal(0.6)
    window = _step(at.y, -42.0, -30.0) * _step(at.y, -3.0, -11.0)
    depth = (0.15 + 0.6 * drive.age + 0.9 * smile) * window * draw.uniform(0.8, 1.0)
    relief = _valley(at.x.abs() - fold - draw.waviness(at, 16, 0.4), 2.0, depth)
    below_mouth = _step(at.y, -62.0, -53.0) * _step(at.y, -36.0, -42.0)
    line = 29.5 - 0.12 * (at.y + 38.0)
    return relief + _valley(at.x.abs() - line, 1.6, 0.5 * drive.age * below_mouth * draw.uniform(0.7, 1.0))


def _lip_lines(at: _Places, drive: _Drive, draw: _Draw) -> Tensor:
    phase = at.x * (2.0 * math.pi / 2.2) + draw.waviness(at, 40, 0.6)
    window = torch.exp(-0.5 * ((at.x / 18.0) ** 2 + ((at.y - LIP_LINE_Y) / 6.0) ** 2))
    return -(0.05 + 0.08 * drive.age) * torch.sin(phase).clamp(min=0.0) * window


def _pores(place: _Places, generator: torch.Generator) -> Tensor:
    """Band-passed noise, 0.03 mm strong, most on cheeks and nose."""
    noise = torch.randn(1, 1, place.size, place.size, generator=generator)
    fine = _blur(noise, 0.8)
    band = (fine - _blur(fine, 2.2))[0, 0]
    cheeks = torch.exp(-0.5 * (((place.x.abs() - 32.0) / 22.0) ** 2 + ((place.y - 5.0) / 16.0) ** 2))
    nose = torch.exp(-0.5 * ((place.x / 12.0) ** 2 + ((place.y - 5.0) / 18.0) ** 2))
    upper, lower = (torch.from_numpy(line).float() for line in lid_lines(place.x.double().numpy()))
    skin = 1.0 - _step(upper + 1.0 - place.y, 0.0, 1.0) * _step(place.y - lower + 1.0, 0.0, 1.0)
    return 0.03 * band / band.std() * (0.4 + cheeks + nose) * skin


def _blur(image: Tensor, sigma: float) -> Tensor:
    radius = math.ceil(3 * sigma)
    taps = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    taps = taps / taps.sum()
    across = conv2d(image, taps.view(1, 1, 1, -1), padding=(0, radius))
    return conv2d(across, taps.view(1, 1, -1, 1), padding=(radius, 0))


def _moles(place: _Places, draw: _Draw) -> Tensor:
    relief = torch.zeros_like(place.x)
    number = int(draw.uniform(0, 6.999))
    for k in range(6):
        x, y = draw.uniform(-55.0, 55.0), draw.uniform(-65.0, 70.0)
        width, height = draw.uniform(1.0, 1.5), draw.uniform(0.3, 0.8)
        near_eye = abs(abs(x) - EYE_X) < 20.0 and 18.0 < y < 42.0
        near_mouth = abs(x) < 30.0 and -45.0 < y < -20.0
        if k < number and not near_eye and not near_mouth:
            top, bottom = place.rows(y + 6.0, y - 6.0)
            dx, dy = place.x[top:bottom] - x, place.y[top:bottom] - y
            relief[top:bottom] += height * torch.exp(-0.5 * (dx.square() + dy.square()) / width**2)
    return relief


_BANDS: tuple[tuple[Callable[[_Places, _Drive, _Draw], Tensor], float, float], ...] = (
    (_forehead, 94.0, 49.0),
    (_between_brows, 66.0, 24.0),
    (_crows_feet, 46.0, 14.0),
    (_under_eyes, 32.0, 6.0),
    (_cheek_folds, 0.0, -64.0),
    (_lip_lines, -14.0, -54.0),
)
"""Each kind of wrinkle with the heights (mm) outside which it leaves nothing: only those rows are computed."""
