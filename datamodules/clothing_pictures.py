"""A photograph with its mask, cut and shown on few pixels, augmented or not."""

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from datamodules.clothing_records import ClothingLayout, ClothingRecord
from datamodules.masks import require_object
from datamodules.pictures import read_picture

Box = tuple[float, float, float, float]
"""left, top, right, bottom in pixels of the file; it may reach outside, where everything is black."""
ASPECT_TOLERANCE = 1.02
"""By which factor the sides' ratio of a mask may differ from its picture's, after rounding to pixels."""


class Photo(NamedTuple):
    """A picture and its mask in one size, which may be smaller than the file's."""

    pixels: Image.Image
    """Mode RGB."""
    mask: Image.Image
    """Mode L, 0 and 255."""
    width: int
    """Of the file."""
    height: int

    @property
    def whole(self) -> Box:
        return 0.0, 0.0, float(self.width), float(self.height)

    @property
    def bytes(self) -> int:
        return 4 * self.pixels.width * self.pixels.height + 1000


class Framing(NamedTuple):
    """How a rectangle of a photograph becomes a picture for the networks."""

    height: int
    width: int
    squared: bool
    """The rectangle is padded with black until its sides have the picture's ratio; else it is stretched."""

    def stretch(self, size: tuple[int, int]) -> float:
        """By which factor a picture of (width, height) is stretched, 1 for none."""
        return 1.0 if self.squared else _factor(size[0] / size[1], self.width / self.height)

    def shows_whole(self, size: tuple[int, int]) -> bool:
        """Whether a picture of (width, height) is neither stretched nor padded, so that its camera stays right."""
        return have_one_ratio(size, (self.width, self.height))


class ShownPhoto(NamedTuple):
    image: Tensor
    """[3, h, w] uint8 RGB."""
    mask: Tensor
    """[1, h, w] uint8, 1 where the object is."""


def read_photo(layout: ClothingLayout, record: ClothingRecord, framing: Framing) -> Photo:
    """The picture and its mask in the picture's size.

    Raises FileNotFoundError or ValueError with one sentence that names the file: a picture or mask that is missing,
    broken, empty or full, a mask of another aspect ratio than its picture, a picture that would be stretched too far.
    """
    pixels = read_picture(record.picture)
    foreground = layout.foreground(record.mask)
    require_object(foreground, record.mask)
    mask = Image.fromarray(foreground.astype(np.uint8) * 255)
    if mask.size != pixels.size:
        if not have_one_ratio(mask.size, pixels.size):
            raise ValueError(
                f"The mask {record.mask} is {mask.width} x {mask.height} pixels but its picture {record.picture} is "
                f"{pixels.width} x {pixels.height}: segment the picture again."
            )
        mask = mask.resize(pixels.size, Image.Resampling.NEAREST)
    stretch = framing.stretch(pixels.size)
    if stretch > layout.largest_stretch:
        raise ValueError(
            f"The picture {record.picture} is {pixels.width} x {pixels.height} pixels and would be stretched by a "
            f"factor of {stretch:.2f} to the sides' ratio {framing.width} : {framing.height}, more than "
            f"{layout.largest_stretch:g}: cut it and its mask to about that ratio or take both away."
        )
    return Photo(pixels, mask, *pixels.size)


def have_one_ratio(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes in pixels differ by their scale alone, up to rounding."""
    return _factor(one[0] / one[1], other[0] / other[1]) <= ASPECT_TOLERANCE


def _factor(one: float, other: float) -> float:
    return max(one / other, other / one)


def shrunk(photo: Photo, framing: Framing, oversampling: float) -> Photo:
    """The photograph on at most `oversampling` times the pixels that will be shown, along each side."""
    size = (
        min(photo.pixels.width, math.ceil(oversampling * framing.width)),
        min(photo.pixels.height, math.ceil(oversampling * framing.height)),
    )
    if size == photo.pixels.size:
        return photo
    pixels = photo.pixels.resize(size, Image.Resampling.BICUBIC)
    return Photo(pixels, photo.mask.resize(size, Image.Resampling.NEAREST), photo.width, photo.height)


def shown(photo: Photo, box: Box, framing: Framing) -> ShownPhoto:
    """The rectangle `box` of the photograph as `framing` says: colours bicubic over the area of a pixel, the mask by
    nearest neighbour (the authors' filters)."""
    across, down = photo.pixels.width / photo.width, photo.pixels.height / photo.height
    inner = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
    outer = inner
    pixels, mask = photo.pixels, photo.mask
    if framing.squared:
        edges = (round(inner[0]), round(inner[1]), round(inner[2]), round(inner[3]))
        pixels, mask = pixels.crop(edges), mask.crop(edges)  # what is beside the box becomes black
        left, top, right, bottom = _with_ratio(box, framing.width / framing.height)
        outer = (left * across - edges[0], top * down - edges[1], right * across - edges[0], bottom * down - edges[1])
    size = framing.width, framing.height
    image = _resized(pixels, outer, size, Image.Resampling.BICUBIC)
    drawn = _resized(mask, outer, size, Image.Resampling.NEAREST)
    return ShownPhoto(
        torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous(),
        torch.from_numpy((np.asarray(drawn) > 0).astype(np.uint8))[None],
    )


def _with_ratio(box: Box, ratio: float) -> Box:
    """The smallest box about the same centre that holds this one and is `ratio` times as wide as high."""
    left, top, right, bottom = box
    width, height = max(right - left, ratio * (bottom - top)), max(bottom - top, (right - left) / ratio)
    x, y = (left + right) / 2, (top + bottom) / 2
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _resized(picture: Image.Image, box: Box, size: tuple[int, int], filter_: Image.Resampling) -> Image.Image:
    if box == (0.0, 0.0, *picture.size) and size == picture.size:
        return picture
    pad = math.ceil(max(0.0, -box[0], -box[1], box[2] - picture.width, box[3] - picture.height))
    if pad:
        framed = Image.new(picture.mode, (picture.width + 2 * pad, picture.height + 2 * pad))
        framed.paste(picture, (pad, pad))
        picture, box = framed, (box[0] + pad, box[1] + pad, box[2] + pad, box[3] + pad)
    return picture.resize(size, filter_, box=box)


class ClothingAugmentation(Protocol):
    """A photograph as training sees it, other at each call."""

    @property
    def oversampling(self) -> float:
        """How many times the shown pixels a photograph must be kept at, along each side."""
        ...

    def shown(self, photo: Photo, framing: Framing, generator: np.random.Generator) -> ShownPhoto: ...


@dataclass(frozen=True)
class ShiftAugmentation:
    """Market's: the shown picture is padded with `padding` black pixels on every side and a window of its size is cut
    out at random; `flip` is the probability of the mirror image."""

    padding: int = 10
    flip: float = 0.5

    def __post_init__(self) -> None:
        _require_share("flip", self.flip)
        _require_padding(self.padding)

    @property
    def oversampling(self) -> float:
        return 1.0

    def shown(self, photo: Photo, framing: Framing, generator: np.random.Generator) -> ShownPhoto:
        down, across = generator.integers(0, 2 * self.padding, 2, endpoint=True).tolist()
        flipped = generator.random() < self.flip
        plain = shown(photo, photo.whole, framing)
        moved = (
            torch.nn.functional.pad(part, [self.padding] * 4)[
                :, down : down + framing.height, across : across + framing.width
            ]
            for part in plain
        )
        return mirrored(ShownPhoto(*moved)) if flipped else ShownPhoto(*moved)


@dataclass(frozen=True)
class BoxAugmentation:
    """CUB's and ATR's: the file's picture is padded with `padding` black pixels and a rectangle is cut out whose sides
    are a share between `smallest` and `largest` of it; `flip` is the probability of the mirror image.

    Pixels of the file: where files are small, as synthetic ones may be, 10 of them shrink the object much; give fewer.
    As the authors do it, the far edge is drawn by itself, from (side - near edge) to the picture's end, so that the
    rectangle may come out narrower or wider than the share says.
    """

    padding: int = 10
    smallest: float = 0.95
    largest: float = 0.99
    flip: float = 0.5

    def __post_init__(self) -> None:
        _require_share("flip", self.flip)
        _require_padding(self.padding)
        if not 0.5 < self.smallest <= self.largest <= 1:
            raise ValueError(
                f"smallest is {self.smallest} and largest {self.largest}: give shares above 0.5, in order, up to 1."
            )

    @property
    def oversampling(self) -> float:
        return 2.0

    def shown(self, photo: Photo, framing: Framing, generator: np.random.Generator) -> ShownPhoto:
        flipped = generator.random() < self.flip
        left, right = self._edges(photo.width, generator)
        top, bottom = self._edges(photo.height, generator)
        if flipped:  # before the cut, as the authors do
            left, right = photo.width - right, photo.width - left
        cut = shown(photo, (left, top, right, bottom), framing)
        return mirrored(cut) if flipped else cut

    def _edges(self, side: int, generator: np.random.Generator) -> tuple[float, float]:
        padded = side + 2 * self.padding
        length = int(padded * generator.uniform(self.smallest, self.largest))
        near = int(generator.integers(0, padded - length, endpoint=True))
        far = int(generator.integers(length - near, padded, endpoint=True))
        return float(near - self.padding), float(far - self.padding)


def mirrored(photo: ShownPhoto) -> ShownPhoto:
    """Left and right exchanged."""
    return ShownPhoto(photo.image.flip(-1), photo.mask.flip(-1))


def _require_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}: give a probability between 0 and 1.")


def _require_padding(padding: int) -> None:
    if padding < 0:
        raise ValueError(f"padding is {padding}: give a number of pixels, 0 or more.")
