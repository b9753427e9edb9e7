"""The procedural face's colours at any texture size: eyes, brows and lips too crisp for the vertices."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from models.morphable.array_cache import cached_arrays
from models.morphable.procedural_albedo import albedo_model
from models.morphable.procedural_face import RECIPE, REFERENCE_LEVEL
from models.morphable.procedural_grid import face_grid
from models.morphable.procedural_surface import mean_surface


def procedural_albedo_texture(
    size: int, *, albedo_size: int = 40, cache: Path | None = None
) -> tuple[Float[Tensor, "3 h w"], Float[Tensor, "k 3 h w"]]:
    """Mean and modes of the albedo over the unit square, `size` x `size` texels, row 0 at v = 1.

    The same coefficients give the same colours as `MorphableModel.albedo` of the procedural face, only sharper:
    texture = mean + sum_k c_k mode_k, not clipped. Kept in the same cache as the face.

    Raises:
        ValueError: when size is below 8.
    """
    if size < 8:
        raise ValueError(f"a texture of {size} texels was asked for; choose at least 8.")

    def build() -> dict[str, np.ndarray]:
        u, v = np.meshgrid((np.arange(size) + 0.5) / size, 1.0 - (np.arange(size) + 0.5) / size)
        grid = face_grid(REFERENCE_LEVEL)
        reference = mean_surface(grid.uv[:, 0], grid.uv[:, 1])
        mean, basis = albedo_model(mean_surface(u.ravel(), v.ravel()), reference, albedo_size)
        return {
            "mean": mean.T.reshape(3, size, size),
            "basis": basis.transpose(0, 2, 1).reshape(albedo_size, 3, size, size),
        }

    arrays, _ = cached_arrays(f"procedural_albedo_{size}_{albedo_size}", RECIPE, build, cache)
    return torch.from_numpy(arrays["mean"]), torch.from_numpy(arrays["basis"])
