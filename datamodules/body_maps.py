"""Normal and depth pictures of bodies as files."""

from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.geometry.view_cameras import HALF_EXTENT_CM
from models.geometry.whole_pictures import whole_picture

DEPTH_STEPS_PER_CM = 256
DEPTH_ZERO = 32768
"""A 16-bit depth picture holds 32768 + 256 * centimetres towards the camera; 0 where there is no surface."""


def write_normal_map(normals: Tensor, path: Path) -> None:
    """[3, h, w] unit normals, 0 outside, as n / 2 + 1 / 2 in 8 bits; outside becomes (128, 128, 128)."""
    pixels = (normals.permute(1, 2, 0) * 127.5 + 127.5).round().clamp(0, 255).byte().numpy()
    pixels[(normals == 0).all(0).numpy()] = 128
    Image.fromarray(pixels).save(path, compress_level=1)


def read_normal_map(path: Path, mask: Tensor) -> Tensor:
    """[3, h, w] unit normals inside `mask` [1, h, w], 0 outside.

    Raises FileNotFoundError or ValueError naming the file when it cannot be read or the sizes differ.
    """
    pixels = _pixels(path, "RGB")
    if pixels.shape[:2] != tuple(mask.shape[1:]):
        raise ValueError(
            f"{path} has {pixels.shape[1]} x {pixels.shape[0]} pixels, its mask {mask.shape[2]} x {mask.shape[1]}: "
            "give pictures of one size."
        )
    normals = torch.from_numpy(pixels).permute(2, 0, 1).float() / 127.5 - 1
    return normals / normals.norm(dim=0, keepdim=True).clamp(min=1e-6) * (mask > 0.5)


def write_depth_map(depth: Tensor, mask: Tensor, path: Path) -> None:
    """View-frame depth [1, h, w] (1 = 102.4 cm towards the camera) inside `mask` [1, h, w], as 16-bit PNG."""
    steps = (depth[0] * (HALF_EXTENT_CM * DEPTH_STEPS_PER_CM) + DEPTH_ZERO).round().clamp(1, 65535)
    pixels = torch.where(mask[0] > 0.5, steps, 0).numpy().astype(np.uint16)
    _, encoded = cv2.imencode(".png", pixels, (cv2.IMWRITE_PNG_COMPRESSION, 1))
    path.write_bytes(encoded.tobytes())


def read_depth_map(path: Path) -> tuple[Tensor, Tensor]:
    """Depth [1, h, w] (1 = 102.4 cm towards the camera, 0 where there is no surface) and the mask [1, h, w].

    Raises FileNotFoundError or ValueError naming the file when it cannot be read.
    """
    pixels = torch.from_numpy(_pixels(path, None).astype(np.int32))[None]
    mask = (pixels > 0).float()
    return (pixels - DEPTH_ZERO) / (HALF_EXTENT_CM * DEPTH_STEPS_PER_CM) * mask, mask


def _pixels(path: Path, mode: str | None) -> np.ndarray:
    if not path.is_file():
        raise FileNotFoundError(f"There is no map {path}: render it again.")
    try:
        with whole_picture(path) as opened:
            return np.array(opened if mode is None else opened.convert(mode))
    except Exception as error:  # damaged files end in OSError, SyntaxError, struct.error and more
        reason = str(error).split("\n")[0]
        raise ValueError(f"The map {path} cannot be read ({reason}): render it again.") from None
