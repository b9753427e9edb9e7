"""Fine relief of the procedural face over (u, v): wrinkles that follow age and expression, pores, moles."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

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
from models.morphable.smooth_fields import pair, smooth_step, spot

LARGEST_DISPLACEMENT_MM = 0.95
SHOULDER = 0.35
"""How high the skin is raised beside a valley."""


def wrinkle_displacement_mm(
    size: int,
    age: float | int,
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
    place, masks = _places(size)
    relief = torch.zeros(size, size)
    for wrinkles, (highest, lowest), (leftmost, rightmost) in _WINDOWS:
        window = place.crop(place.rows(highest, lowest), place.columns(leftmost, rightmost))
        relief[window.rows_here, window.columns_here] += wrinkles(window, drive, draw)
    relief += masks.pores * _pore_noise(size, generator)
    _add_moles(relief, place, draw)
    relief *= masks.face
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
        return 1.2 * amplitude_mm * (enlarge[like.rows_here] @ coarse @ enlarge[like.columns_here].T)


@functools.lru_cache(maxsize=32)
def _bicubic(cells: int, size: int) -> Tensor:
    """[size, cells] weights of bicubic enlargement: two small products for a band instead of a whole picture."""
    return interpolate(torch.eye(cells)[None, None], size=(size, cells), mode="bicubic", align_corners=False)[0, 0]


@dataclasses.dataclass(frozen=True)
class _Places:
    """Where the texels of some rows and columns lie on the face (feature frame, mm)."""

    size: int
    rows_here: slice
    columns_here: slice
    x: Tensor
    y: Tensor

    def rows(self, highest: float, lowest: float) -> slice:
        """Rows between two heights; heights fall with the row."""
        heights = self.y[:, 0]
        return slice(int((heights > highest).sum()), int((heights >= lowest).sum()))

    def columns(self, leftmost: float, rightmost: float) -> slice:
        """Columns of which some row lies between two abscissae; abscissae grow with the column."""
        return slice(int((self.x.amax(0) < leftmost).sum()), int((self.x.amin(0) <= rightmost).sum()))

    def crop(self, rows: slice, columns: slice) -> "_Places":
        return _Places(self.size, rows, columns, self.x[rows, columns], self.y[rows, columns])


class _Masks(NamedTuple):
    face: Tensor
    """1 on the front of the face, 0 beside and behind it."""
    pores: Tensor
    """How deep pores are, mm rms."""


@functools.lru_cache(maxsize=4)
def _places(size: int) -> tuple[_Places, _Masks]:
    u, v = np.meshgrid((np.arange(size) + 0.5) / size, 1.0 - (np.arange(size) + 0.5) / size)
    points = mean_surface(u.ravel(), v.ravel())
    x, y = points.x, points.y
    face = smooth_step(10.0, 45.0, points.position_mm[:, 2]) * inside_face(u, v).ravel()
    upper, lower = lid_lines(x)
    lids = smooth_step(-1.0, 0.0, upper - y) * smooth_step(-1.0, 0.0, y - lower)
    pores = 0.03 * (0.4 + pair(x, y, 32, 5, 22, 16) + spot(x, y, 0, 5, 12, 18)) * (1.0 - lids)
    planes = [torch.from_numpy(plane).reshape(size, size).float() for plane in (x, y, face, pores)]
    return _Places(size, slice(0, size), slice(0, size), planes[0], planes[1]), _Masks(planes[2], planes[3])


def _step(t: Tensor, start: float, end: float) -> Tensor:
    r = ((t - start) / (end - start)).clamp(0, 1)
    return r * r * (3 - 2 * r)


def _valley(distance: Tensor, width: float, depth: Tensor | float) -> Tensor:
    t = (distance / width).square()
    return -depth * (1 - SHOULDER * t) * torch.exp(-0.5 * t)


def _forehead(at: _Places, drive: _Drive, draw: _Draw) -> Tensor:
    depth = 0.10 + 0.3 * drive.age + 0.7 * drive.brow_up * (0.4 + 0.6 * drive.age)
    relief = torch.zeros_like(at.x)
    lines = 3 + int(draw.uniform(0.0, 2.999))
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


def _crows_feet(side: int) -> Callable[[_Places, _Drive, _Draw], Tensor]:
    """Four rays from the outer corner of the eye on one side (-1: x < 0)."""

    def rays(at: _Places, drive: _Drive, draw: _Draw) -> Tensor:
        depth = 0.05 + 0.3 * drive.age + 0.55 * drive.smile[(side + 1) // 2]
        relief = torch.zeros_like(at.x)
        dx, dy = side * at.x - 48.0, at.y - 30.0
        for angle in (-32.0, -12.0, 10.0, 30.0):
            direction = math.radians(angle + draw.normal(4.0))
            along = dx * math.cos(direction) + dy * math.sin(direction)
            across = dy * math.cos(direction) - dx * math.sin(direction) + draw.waviness(at, 24, 0.25)
            reach = _step(along, -1.0, 3.0) * _step(along, 17.0, 8.0)
            relief += _valley(across, 0.9, depth * draw.uniform(0.6, 1.0) * reach)
        return relief

    return rays


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


def _pore_noise(size: int, generator: torch.Generator) -> Tensor:
    """Band-passed noise of unit strength."""
    fine = _blur(torch.randn(1, 1, size, size, generator=generator), 0.8)
    band = (fine - _blur(fine, 2.2))[0, 0]
    return band / band.std()


def _blur(image: Tensor, sigma: float) -> Tensor:
    radius = math.ceil(3 * sigma)
    taps = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    taps = taps / taps.sum()
    across = conv2d(image, taps.view(1, 1, 1, -1), padding=(0, radius))
    return conv2d(across, taps.view(1, 1, -1, 1), padding=(radius, 0))


def _add_moles(relief: Tensor, place: _Places, draw: _Draw) -> None:
    """None to six small domes, away from eyes and mouth."""
    number = int(draw.uniform(0.0, 6.999))
    for k in range(6):
        x, y = draw.uniform(-55.0, 55.0), draw.uniform(-65.0, 70.0)
        width, height = draw.uniform(1.0, 1.5), draw.uniform(0.3, 0.8)
        near_eye = abs(abs(x) - EYE_X) < 20.0 and 18.0 < y < 42.0
        near_mouth = abs(x) < 30.0 and -45.0 < y < -20.0
        if k < number and not near_eye and not near_mouth:
            at = place.crop(place.rows(y + 6.0, y - 6.0), place.columns(x - 6.0, x + 6.0))
            distance = (at.x - x).square() + (at.y - y).square()
            relief[at.rows_here, at.columns_here] += height * torch.exp(-0.5 * distance / width**2)


_Window = tuple[Callable[[_Places, _Drive, _Draw], Tensor], tuple[float, float], tuple[float, float]]
_WINDOWS: tuple[_Window, ...] = (
    (_forehead, (94.0, 49.0), (-62.0, 62.0)),
    (_between_brows, (66.0, 24.0), (-24.0, 24.0)),
    (_crows_feet(-1), (46.0, 14.0), (-70.0, -42.0)),
    (_crows_feet(1), (46.0, 14.0), (42.0, 70.0)),
    (_under_eyes, (32.0, 6.0), (-47.0, 47.0)),
    (_cheek_folds, (0.0, -64.0), (-62.0, 62.0)),
    (_lip_lines, (-14.0, -54.0), (-55.0, 55.0)),
)
"""Each kind of wrinkle with the heights and abscissae (mm) outside which it leaves nothing: only these are computed."""
