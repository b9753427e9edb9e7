"""A reconstructed face over its photograph."""

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor

from experiments.reconstruction.faces.explanation import ExplainedFace
from experiments.reconstruction.overlay import draw_over
from models.geometry.mesh import Mesh


def draw_on_photo(
    photo: Image.Image,
    face: ExplainedFace,
    mesh: Mesh,
    vertices_screen: Float[Tensor, "v 3"],
    *,
    light: Float[Tensor, "9 3"] | None = None,
) -> Image.Image:
    """A mesh over the photograph. `vertices_screen` are its vertices on the crop's screen (`face.in_photo` moves them).

    `light` as for `draw`.
    """
    return draw_over(photo, mesh, face.in_photo(vertices_screen), light=light)


def with_landmarks(photo: Image.Image, predicted: Float[Tensor, "68 2"], given: np.ndarray | None) -> Image.Image:
    """The photograph with the predicted points in green, and the given ones, where there are some, in red."""
    result = photo.copy()
    pen = ImageDraw.Draw(result)
    radius = max(1.5, float((predicted.amax(0) - predicted.amin(0)).max()) / 110)
    if given is not None:
        for x, y in given.tolist():
            pen.ellipse(
                (x - radius, y - radius, x + radius, y + radius), outline=(255, 60, 60), width=max(1, int(radius / 2))
            )
    for x, y in predicted.tolist():
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(60, 255, 90))
    return result
