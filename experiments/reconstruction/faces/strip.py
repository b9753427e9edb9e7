"""One row that shows a reconstruction at a glance: photograph, crop, mask, overlays, normals and other views."""

from PIL import Image

from datamodules.crops import Crop, crop_pixels
from experiments.reconstruction.panel import Part, panel, with_frame

HEIGHT = 192
IN_FRAME = {
    "mask": "where the face is",
    "overlay": "colours",
    "overlay_coarse_shape": "coarse shape",
    "overlay_shape": "detailed shape",
}


def strip(
    photo: Image.Image, crop: Crop, pictures: dict[str, Image.Image], turntable: list[Image.Image]
) -> Image.Image:
    """The photograph with a frame around the face; the crop, the mesh's mask and the overlays in it; normals; then the
    turntable's view from one side, shape and texture, and from the other, texture.

    `pictures` are those in the photograph's frame, and `normals_camera`; `turntable` runs from one side to the other
    and back.
    """
    half = crop.side / 2
    corners = crop.center_x - half, crop.center_y - half, crop.center_x + half, crop.center_y + half
    parts = [Part("picture", with_frame(photo, corners, HEIGHT)), Part("crop", cropped(photo, crop))]
    parts += [Part(caption, cropped(pictures[name], crop)) for name, caption in IN_FRAME.items() if name in pictures]
    parts.append(Part("normals", pictures["normals_camera"]))
    there = turntable[: len(turntable) // 2 + 1]
    first, last = there[len(there) // 4], there[-1 - len(there) // 4]
    middle = first.width // 2
    parts += [
        Part("shape", first.crop((0, 0, middle, first.height))),
        Part("texture", first.crop((middle, 0, first.width, first.height))),
        Part("other side", last.crop((middle, 0, last.width, last.height))),
    ]
    return panel(parts, HEIGHT)


def cropped(picture: Image.Image, crop: Crop) -> Image.Image:
    return Image.fromarray(crop_pixels(picture, crop, HEIGHT))
