"""What lies behind a synthetic head: smooth gradients, blotches, stripes, boards."""

import numpy as np
from PIL import Image


def background(random: np.random.Generator, size: int) -> np.ndarray:
    """[size, size, 3] float32 in [0, 1]."""
    kind = random.choice(5, p=[0.15, 0.25, 0.3, 0.2, 0.1])
    colours = random.uniform(0, 1, (2, 3)).astype(np.float32)
    if kind == 0:
        return np.broadcast_to(colours[0], (size, size, 3)).copy()
    if kind == 1:
        return _blended(colours, _ramp(random, size))
    if kind == 2:
        cells = int(random.choice([3, 5, 9, 17, 33]))
        coarse = random.uniform(0, 1, (cells, cells, 3)) * random.uniform(0.3, 1) + 0.2 * colours[0]
        return _enlarged(np.clip(coarse, 0, 1), size, Image.Resampling.BICUBIC)
    if kind == 3:
        wave = np.sin(_ramp(random, size) * random.uniform(8, 60) + random.uniform(0, 6))
        return _blended(colours, np.clip(0.5 + wave * random.uniform(0.5, 3), 0, 1).astype(np.float32))
    cells = int(random.choice([4, 7, 12]))
    board = (np.add.outer(np.arange(cells), np.arange(cells)) % 2)[..., None]
    return _enlarged(np.where(board == 0, colours[0], colours[1]), size, Image.Resampling.BOX)


def _ramp(random: np.random.Generator, size: int) -> np.ndarray:
    angle = random.uniform(0, 2 * np.pi)
    axis = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    return axis[None] * np.float32(np.cos(angle)) + axis[:, None] * np.float32(np.sin(angle)) + np.float32(0.5)


def _blended(colours: np.ndarray, share: np.ndarray) -> np.ndarray:
    return np.clip(colours[0] + (colours[1] - colours[0]) * share[..., None], 0, 1)


def _enlarged(coarse: np.ndarray, size: int, filter_: Image.Resampling) -> np.ndarray:
    picture = Image.fromarray(np.round(coarse * 255).astype(np.uint8)).resize((size, size), filter_)
    return np.asarray(picture, np.float32) / 255
