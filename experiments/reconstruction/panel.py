"""One row of pictures with captions that shows a reconstruction from what was given to what came out."""

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

CAPTION_HEIGHT = 18
GAP = 2
WIDEST = 2.0
"""Pictures wider than this many heights are made narrower by margins above and below."""
FRAME = (255, 200, 40)
PAPER, INK = (255, 255, 255), (40, 40, 40)


class Part(NamedTuple):
    caption: str
    picture: Image.Image


def panel(parts: Sequence[Part], height: int) -> Image.Image:
    """The pictures side by side at one height, each with its caption below."""
    shown = [fitted(part.picture, height) for part in parts]
    size = sum(picture.width + GAP for picture in shown) - GAP, height + CAPTION_HEIGHT
    row = Image.new("RGB", size, PAPER)
    pen, font = ImageDraw.Draw(row), ImageFont.load_default(size=12)
    left = 0
    for part, picture in zip(parts, shown):
        row.paste(picture, (left, 0))
        pen.text((left + picture.width / 2, height + CAPTION_HEIGHT / 2), part.caption, INK, font, anchor="mm")
        left += picture.width + GAP
    return row


def fitted(picture: Image.Image, height: int) -> Image.Image:
    """At this height, or narrower with margins where it would be very wide."""
    scale = min(height / picture.height, WIDEST * height / picture.width)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    resized = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    if size[1] == height:
        return resized
    page = Image.new("RGB", (size[0], height), PAPER)
    page.paste(resized, (0, (height - size[1]) // 2))
    return page


def with_frame(picture: Image.Image, box: tuple[float, float, float, float], height: int) -> Image.Image:
    """A small copy of a whole picture with a frame (left, top, right, bottom in its pixels) around what was taken."""
    scale = min(1.0, 2 * height / picture.height)
    small = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    corners = [scale * value for value in box]
    width = max(2, round(small.height / 100))
    left, top = max(0.0, corners[0]), max(0.0, corners[1])
    right, bottom = min(small.width - 1.0, corners[2]), min(small.height - 1.0, corners[3])
    if right > left and bottom > top:
        ImageDraw.Draw(small).rectangle((left, top, right, bottom), outline=FRAME, width=width)
    return small
