"""An uploaded picture, decoded where it can do no harm, and written anew without anything that was not pixels."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from datamodules.pictures import read_picture
from experiments.demo.limits import Limits
from experiments.demo.uploads import FORMATS
from experiments.errors import UserError, one_line
from experiments.reconstruction.bodies.people import read_transparency
from models.geometry.whole_pictures import whole_picture

PICTURE = "picture.png"


def open_nothing_else() -> None:
    """From here on this process opens pictures of the three accepted formats only, whatever names them."""
    Image.init()
    Image.ID[:] = FORMATS


def clean_picture(upload: Path, folder: Path, limits: Limits) -> list[str]:
    """Writes FOLDER/picture.png, upright, at most `limits.largest_side` pixels wide and high; deletes the upload.

    Returns sentences about what was left out.

    Raises:
        UserError: the picture is damaged, or larger than its header said.
    """
    Image.MAX_IMAGE_PIXELS = limits.upload_pixels
    try:
        picture = read_picture(upload)
        opaque = read_transparency(upload)
        with whole_picture(upload) as opened:
            frames = getattr(opened, "n_frames", 1) if opened.format != "MPO" else 1
    except MemoryError:
        raise
    except Exception as error:  # what Pillow raises for a damaged picture is of many kinds
        reason = re.search(r"cannot be read \((.*?)\):", one_line(str(error)))
        said = f" ({reason[1]})" if reason else ""
        raise UserError(f"the picture is damaged{said}; choose another one, or save it again as JPEG or PNG") from error
    if opaque is not None:
        picture.putalpha(Image.fromarray(opaque.astype(np.uint8) * 255))
    notes = [] if frames == 1 else ["The picture moves; its first frame was taken."]
    full = picture.size
    picture.thumbnail((limits.largest_side, limits.largest_side))
    if picture.size != full:
        notes.append(f"Worked on at {picture.width} x {picture.height} pixels.")
    picture.save(folder / PICTURE, compress_level=1)
    upload.unlink()
    return notes
