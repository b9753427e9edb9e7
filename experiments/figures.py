"""One picture for each family from folders of reconstructions: input, overlay, mesh, detail or texture, other view."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from datamodules.crops import Crop, crop_pixels
from datamodules.pictures import read_picture
from experiments.reconstruction.panel import Part, panel
from experiments.reconstruction.saving import MARK
from models.geometry.atomic import replace_when_complete

HEIGHT = 176
LARGEST_BYTES = 300_000
COLOURS = (256, 128, 64, 32)
"""Of the palette, when the picture is too large without one."""


def face_parts(folder: Path) -> list[Part]:
    values = json.loads((folder / MARK).read_text())
    crop = Crop(**values["camera"]["crop"])
    frames = turntable(folder)
    there = len(frames) // 2
    return [
        Part("photograph", cropped(read_picture(Path(values["picture"])), crop)),
        Part("overlay", cropped(Image.open(folder / "overlay.png"), crop)),
        Part("mesh", cropped(Image.open(folder / "overlay_shape.png"), crop)),
        Part("detail", Image.open(folder / "normals_camera.png")),
        Part("texture", half(frames[there // 4], 1)),
        Part("other side", half(frames[there - there // 4], 1)),
    ]


def body_parts(folder: Path) -> list[Part]:
    view = json.loads((folder / MARK).read_text())["views"][0]
    crop = Crop(**view["crop"])
    frames = turntable(folder)
    return [
        Part("picture", cropped(read_picture(Path(view["picture"])), crop)),
        Part("overlay", cropped(Image.open(folder / "overlay.png"), crop)),
        Part("mesh", half(frames[0], 0)),
        Part("normals", Image.open(folder / "normals_front.png")),
        Part("colours", half(frames[len(frames) // 8], 1)),
        Part("back", half(frames[len(frames) // 2], 1)),
    ]


def clothing_parts(folder: Path) -> list[Part]:
    values, frames = json.loads((folder / MARK).read_text()), turntable(folder)
    window, picture = values["window"], read_picture(Path(values["picture"]))
    left, top, right, bottom = (round(window[side]) for side in ("left", "top", "right", "bottom"))
    corners = left, top, right, bottom
    return [
        Part("photograph", picture.crop(corners)),
        Part("overlay", Image.open(folder / "overlay.png").crop(corners)),
        Part("mesh", half(frames[0], 0)),
        Part("colours", half(frames[0], 1)),
        Part("other views", half(frames[len(frames) // 8], 1)),
        Part("", half(frames[len(frames) // 2], 1)),
        Part("texture", Image.open(folder / "texture.png")),
    ]


PARTS: dict[str, Callable[[Path], list[Part]]] = {"face": face_parts, "clothing": clothing_parts, "body": body_parts}


def write_figure(method: str, folders: Sequence[Path], path: Path) -> None:
    """A row for each reconstruction, in at most `LARGEST_BYTES`."""
    rows = [panel(PARTS[method](folder), HEIGHT) for folder in folders]
    page = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), (255, 255, 255))
    top = 0
    for row in rows:
        page.paste(row, (0, top))
        top += row.height
    with replace_when_complete(path) as (unfinished,):
        unfinished.write_bytes(small_png(page))


def small_png(page: Image.Image) -> bytes:
    """With fewer colours, then smaller, until it is no larger than allowed."""
    content = encoded(page)
    for colours in COLOURS:
        if len(content) <= LARGEST_BYTES:
            return content
        content = encoded(page.quantize(colours, dither=Image.Dither.FLOYDSTEINBERG))
    return content if len(content) <= LARGEST_BYTES else small_png(page.resize((page.width // 2, page.height // 2)))


def encoded(page: Image.Image) -> bytes:
    content = io.BytesIO()
    page.save(content, "PNG", optimize=True)
    return content.getvalue()


def turntable(folder: Path) -> list[Image.Image]:
    """The frames, shape on the left and colours on the right."""
    with Image.open(folder / "turntable.gif") as animation:
        return [frame.convert("RGB") for frame in ImageSequence.Iterator(animation)]


def half(frame: Image.Image, side: int) -> Image.Image:
    middle = frame.width // 2
    return frame.crop((side * middle, 0, (side + 1) * middle, frame.height))


def cropped(picture: Image.Image, crop: Crop) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(crop_pixels(picture.convert("RGB"), crop, HEIGHT)))
