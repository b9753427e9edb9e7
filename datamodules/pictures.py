"""Picture files to upright RGB, whatever the camera or the editor wrote."""

import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from datamodules.samples import FACE_CLASSES
from models.geometry.whole_pictures import whole_picture

PICTURE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
SMALLEST_SIDE = 16


def read_picture(path: Path) -> Image.Image:
    """An upright RGB picture with 8 bits a channel.

    The EXIF orientation is applied; grey, 16-bit, palette and CMYK pictures are converted; transparent pixels become
    black, as everything outside a picture is.

    Raises FileNotFoundError, or ValueError with one sentence that names the file, when it is missing, empty, damaged,
    no picture, too large to decode safely or smaller than 16 pixels.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no picture {path}: check the path.")
    if path.stat().st_size == 0:
        raise ValueError(f"The picture {path} has zero bytes: copy it again or take it out of the folder.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with whole_picture(path) as opened:
                opened.load()
                picture = _as_rgb(ImageOps.exif_transpose(opened))
    except Image.DecompressionBombError:
        raise ValueError(
            f"The picture {path} is too large to decode safely: scale it down below 170 megapixels."
        ) from None
    except Exception as error:  # damaged files end in OSError, SyntaxError, struct.error, ValueError and more
        reason = str(error).split("\n")[0]
        raise ValueError(
            f"The picture {path} cannot be read ({reason}): convert it to JPEG or PNG or take it out of the folder."
        ) from None
    if min(picture.size) < SMALLEST_SIDE:
        raise ValueError(
            f"The picture {path} is {picture.width} x {picture.height} pixels, the smallest side allowed is "
            f"{SMALLEST_SIDE}: "
            "take a larger picture."
        )
    return picture


def size_in_header(path: Path) -> tuple[int, int] | None:
    """(width, height) of the upright picture as the head of the file has it; None where there is no such head.

    Nothing is decoded, so that thousands of files take a second and a file whose head is right may yet be damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                width, height = opened.size
                # of a PNG whose EXIF stands at its end, asking would decode the picture
                turned = "exif" in opened.info and opened.getexif().get(ExifTags.Base.Orientation, 1) >= 5
                return ((height, width) if turned else (width, height)) if min(width, height) > 0 else None
    except Exception:  # whatever it is, `read_picture` says it in words
        return None


def _as_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):  # 16-bit grey: Pillow's own conversion would clip
        values = np.asarray(picture, dtype=np.float64)
        peak = 65535.0 if values.max(initial=0) > 255 else 255.0
        return Image.fromarray(np.clip(np.round(values * (255.0 / peak)), 0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in picture.info:
        layers = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layers.size, (0, 0, 0, 255)), layers).convert("RGB")
    return picture.convert("RGB")


def read_segmentation(path: Path, size: tuple[int, int]) -> Image.Image:
    """A picture in mode L whose values are classes in CelebAMask-HQ's numbering, of the given (width, height).

    Raises ValueError when it cannot be read, has another size than its picture or holds a class above 18.
    """
    try:
        with whole_picture(path) as opened:
            opened.load()
            mask = opened if opened.mode in ("L", "P") else opened.convert("L")
            classes = np.asarray(mask, dtype=np.uint8)  # a palette picture's indices, not its colours
    except Exception as error:
        reason = str(error).split("\n")[0]
        raise ValueError(
            f"The mask {path} cannot be read ({reason}): write it again as 8-bit PNG or delete it."
        ) from None
    if classes.shape != (size[1], size[0]):
        raise ValueError(
            f"The mask {path} is {classes.shape[1]} x {classes.shape[0]} pixels but its picture is {size[0]} x "
            f"{size[1]}: "
            "scale the mask with nearest neighbours or delete it."
        )
    if classes.max(initial=0) >= len(FACE_CLASSES):
        raise ValueError(
            f"The mask {path} holds the class {classes.max()}, the highest is {len(FACE_CLASSES) - 1}: "
            "write class indices of CelebAMask-HQ, not colours, or delete it."
        )
    return Image.fromarray(classes)
