"""Textures as pictures: `[3 h w]` RGB in [0, 1] against 8-bit PNG."""

import io
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from models.geometry.whole_pictures import whole_picture


def png_from_texture(texture: Float[Tensor, "3 h w"]) -> bytes:
    """PNG of a texture, clipped to [0, 1] and rounded to 8 bits a channel."""
    pixels = (texture.detach().cpu().float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous()
    buffer = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(buffer, format="PNG")
    return buffer.getvalue()


def texture_from_picture(picture: Image.Image) -> Float[Tensor, "3 h w"]:
    """Texture of an opened picture; an alpha channel is dropped."""
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).float() / 255


def texture_from_file(path: Path, named_by: Path | str = "a mesh") -> Float[Tensor, "3 h w"]:
    """Raises FileNotFoundError or ValueError that names the picture."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist though {named_by} names it as its texture: put it there.")
    try:
        with whole_picture(path) as picture:
            return texture_from_picture(picture)
    except Exception as error:  # damaged files end in OSError, SyntaxError, struct.error and more
        raise ValueError(f"{path} is not a readable picture ({error}): export the texture again.") from error
