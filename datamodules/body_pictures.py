"""A picture of a body and its mask, cut to a square and shown on few pixels."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from datamodules.body_records import BodyView
from datamodules.crops import Crop
from datamodules.pictures import read_picture
from models.geometry.view_cameras import crop_views
from models.geometry.whole_pictures import whole_picture

PERSON_SHARE = 180 / 204.8
"""Of the height of a picture that a person covers, in PIFu's pictures and in the crops of others."""


class Silhouette(NamedTuple):
    """A mask in the size of its picture."""

    pixels: Image.Image
    """Mode L, 0 and 255."""
    box: tuple[int, int, int, int]
    """left, top, right, bottom of the person."""


def read_silhouette(path: Path) -> Silhouette:
    """A mask of any mode: values above half of the largest one are the person (0 and 255, 0 and 1, or 16 bits).

    Raises FileNotFoundError, or ValueError when it cannot be read or is empty.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no mask {path}: add it or take its picture away.")
    try:
        with whole_picture(path) as opened:
            opened.load()
            values = np.asarray(opened if opened.mode != "P" else opened.convert("L"))
    except Exception as error:  # damaged files end in OSError, SyntaxError, struct.error and more
        reason = str(error).split("\n")[0]
        raise ValueError(f"The mask {path} cannot be read ({reason}): write it again as 8-bit PNG.") from None
    if values.ndim == 3:
        values = values[..., :3].max(2)
    return silhouette_of(values > values.max(initial=0) / 2, path)


def silhouette_of(person: np.ndarray, path: Path) -> Silhouette:
    """From [h, w] bool. Raises ValueError naming `path` when nobody is in it."""
    pixels = Image.fromarray(person.astype(np.uint8) * 255)
    box = pixels.getbbox()
    if box is None:
        raise ValueError(f"The mask {path} is empty: segment the person again or take the view away.")
    return Silhouette(pixels, box)


def read_photo(path: Path, silhouette: Silhouette, mask: Path, *, size: int) -> Image.Image:
    """The picture, decoded at half or less of its size where that still leaves `size` pixels (JPEG only).

    Raises FileNotFoundError or ValueError as `read_picture`, and when the mask has another size.
    """
    if path.suffix.lower() in (".jpg", ".jpeg") and path.is_file():
        try:
            with whole_picture(path) as opened:
                full = opened.size
                opened.draft("RGB", (2 * size, 2 * size))
                photo = opened.convert("RGB")
        except Exception:  # which says what is wrong
            photo = read_picture(path)
            full = photo.size
    else:
        photo = read_picture(path)
        full = photo.size
    if full != silhouette.pixels.size:
        raise ValueError(
            f"The mask {mask} is {silhouette.pixels.width} x {silhouette.pixels.height} pixels but its picture {path} "
            f"is {full[0]} x {full[1]}: give both in one size."
        )
    return photo


def person_crop(silhouette: Silhouette) -> Crop:
    """The square around a person that covers 180 / 204.8 of its height, or as much of its width."""
    left, top, right, bottom = silhouette.box
    return Crop((left + right) / 2, (top + bottom) / 2, max(bottom - top, right - left) / PERSON_SHARE)


def shown(photo: Image.Image, silhouette: Silhouette, crop: Crop, view_from_body: Tensor, size: int) -> BodyView:
    """The square `crop` of the picture on size x size pixels, with the calibration `view_from_body` [4, 4] of the whole
    picture made that of the crop.

    Colours are averaged in [0, 1] RGB over the area of a pixel (an antialiased triangle filter), the mask by area and
    cut at one half; outside of the picture both are black.
    """
    width, height = silhouette.pixels.size
    left, top = crop.center_x - crop.side / 2, crop.center_y - crop.side / 2
    scale = photo.width / width  # of a picture that was decoded smaller
    image = np.array(_resized(photo, left * scale, top * scale, crop.side * scale, size, Image.Resampling.BILINEAR))
    share = np.array(_resized(silhouette.pixels, left, top, crop.side, size, Image.Resampling.BOX))
    return BodyView(
        torch.from_numpy(image).permute(2, 0, 1).contiguous(),
        torch.from_numpy((share >= 128).astype(np.uint8))[None],
        crop_views(view_from_body.double(), left, top, crop.side, crop.side, (height, width)).float(),
    )


def _resized(
    picture: Image.Image, left: float, top: float, side: float, size: int, filter_: Image.Resampling
) -> Image.Image:
    if left >= 0 and top >= 0 and left + side <= picture.width and top + side <= picture.height:
        return picture.resize((size, size), filter_, box=(left, top, left + side, top + side))
    pad = int(side)  # a border of whole pixels, wider than any filter reaches
    framed = Image.new(picture.mode, (picture.width + 2 * pad, picture.height + 2 * pad))
    framed.paste(picture, (pad, pad))
    box = (left + pad, top + pad, left + pad + side, top + pad + side)
    if min(box) < 0 or box[2] > framed.width or box[3] > framed.height:
        return Image.new(picture.mode, (size, size))
    return framed.resize((size, size), filter_, box=box)
