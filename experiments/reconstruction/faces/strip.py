"""One row that shows a reconstruction at a glance: photograph, overlays, shapes and other views."""

from PIL import Image

from datamodules.crops import Crop, crop_pixels

HEIGHT = 192
IN_FRAME = ("overlay", "overlay_coarse_shape", "overlay_shape")


def strip(
    photo: Image.Image, crop: Crop, pictures: dict[str, Image.Image], turntable: list[Image.Image]
) -> Image.Image:
    """The crop of the photograph and of its overlays (colours, coarse shape, detailed shape), then the turntable's view
    from one side, shape and texture, and from the other, texture.

    `pictures` are those in the photograph's frame; `turntable` runs from one side to the other and back.
    """
    parts = [
        Image.fromarray(crop_pixels(picture, crop, HEIGHT))
        for picture in (photo, *(pictures[name] for name in IN_FRAME))
    ]
    there = turntable[: len(turntable) // 2 + 1]
    first, last = there[len(there) // 4], there[-1 - len(there) // 4]
    half = first.width // 2
    parts += [
        first.resize((2 * HEIGHT, HEIGHT)),
        last.crop((half, 0, last.width, last.height)).resize((HEIGHT, HEIGHT)),
    ]
    row = Image.new("RGB", (sum(part.width for part in parts), HEIGHT))
    left = 0
    for part in parts:
        row.paste(part, (left, 0))
        left += part.width
    return row
