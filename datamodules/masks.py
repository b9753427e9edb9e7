"""Mask files of every kind: grey, palette, 0 and 1, 16 bits, transparent, label maps, several annotators."""

from pathlib import Path

import numpy as np
from PIL import Image

from models.geometry.whole_pictures import whole_picture

_ALPHA_MODES = ("LA", "PA", "La", "RGBA", "RGBa")


def read_mask(path: Path) -> np.ndarray:
    """[h, w] uint8: brightness from 0 to 255, whatever the mode.

    Palette masks give the brightness of their colours, masks of 0 and 1 are stretched to 255, 16 bits are cut to 8, and
    of a picture with a transparent part the opacity counts.

    Raises FileNotFoundError, or ValueError with one sentence that names the file when it cannot be read.
    """
    mask = _opened(path)
    if mask.mode in _ALPHA_MODES or "transparency" in mask.info:
        opacity = np.asarray(mask.convert("RGBA"))[..., 3]
        if opacity.min() < opacity.max():
            return np.array(opacity)
    if mask.mode in ("I", "F") or mask.mode.startswith("I;16"):  # Pillow's own conversion would clip
        wide = np.asarray(mask, dtype=np.float64)
        values = np.clip(wide / (257.0 if wide.max(initial=0) > 255 else 1.0), 0, 255).astype(np.uint8)
    else:
        values = np.array(mask.convert("L"))
    return values * np.uint8(255) if values.max(initial=0) == 1 else values


def read_labels(path: Path) -> np.ndarray:
    """[h, w] bool: where a label map is not background, that is label 0 or, where labels are written as colours, black.

    Raises as `read_mask`.
    """
    labels = np.asarray(_opened(path))  # of a palette picture the indices, not the colours
    return np.asarray(labels > 0 if labels.ndim == 2 else (labels[..., :3] > 0).any(2))


def require_object(foreground: np.ndarray, path: Path) -> None:
    """Raises ValueError when nothing, or everything, of a mask [h, w] is foreground."""
    if not foreground.any():
        raise ValueError(f"The mask {path} is empty: segment its picture again or take both away.")
    if foreground.all():
        raise ValueError(
            f"The mask {path} covers the whole picture, so that it shows no outline: segment its picture again or take "
            "both away."
        )


def _opened(path: Path) -> Image.Image:
    if not path.is_file():
        raise FileNotFoundError(f"There is no mask {path}: add it or take its picture away.")
    try:
        with whole_picture(path) as opened:
            opened.load()
            return opened.copy()
    except Exception as error:  # damaged files end in OSError, SyntaxError, struct.error, ValueError and more
        reason = str(error).split("\n")[0]
        raise ValueError(f"The mask {path} cannot be read ({reason}): write it again as 8-bit PNG.") from None
