"""A garment in its place in the photograph: silhouette, colours, and the matrix that takes it there."""

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from experiments.reconstruction.clothing.explanation import ExplainedGarment
from experiments.reconstruction.overlay import LARGEST_DRAWING, picture_of
from models.clothing.renderer import perspective_camera, render_attributes


@torch.no_grad()
def in_photo(garment: ExplainedGarment) -> tuple[Image.Image, Bool[np.ndarray, "h w"]]:
    """The lit garment over its photograph, and its silhouette there; drawn as the run draws it in training."""
    photo, window = garment.photo.person.picture, garment.photo.window
    shrink = min(1.0, LARGEST_DRAWING / max(window.width, window.height))
    size = max(1, round(window.height * shrink)), max(1, round(window.width * shrink))
    rendering = render_attributes(
        garment.attributes,
        garment.run.template,
        size,
        background=False,
        convention=garment.run.module.reconstructor.convention,
        outline_gradients="edge",
    )
    # the window's pixels that lie inside the photograph
    left, top = max(0, round(window.left)), max(0, round(window.top))
    right, bottom = min(photo.width, round(window.right)), min(photo.height, round(window.bottom))
    x, y = np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5
    columns = ((x - window.left) / window.width * size[1]).astype(int).clip(0, size[1] - 1)
    rows = ((y - window.top) / window.height * size[0]).astype(int).clip(0, size[0] - 1)
    covered = rendering.hard_mask[0, 0].numpy() > 0.5
    silhouette = np.zeros((photo.height, photo.width), dtype=bool)
    silhouette[top:bottom, left:right] = covered[np.ix_(rows, columns)]
    pixels = np.array(photo)
    colours = np.asarray(picture_of(rendering.image[0]))[np.ix_(rows, columns)]
    inside = pixels[top:bottom, left:right]
    inside[silhouette[top:bottom, left:right]] = colours[silhouette[top:bottom, left:right]]
    return Image.fromarray(pixels), silhouette


def photo_from_world(garment: ExplainedGarment) -> Float[Tensor, "3 4"]:
    """(x w, y w, w) in pixels of the photograph = matrix @ (X, Y, Z, 1) of the mesh; w is the depth."""
    window, size = garment.photo.window, garment.photo.size
    camera = perspective_camera(garment.attributes.camera, size)
    focal, (x, y) = float(camera.focal_px[0]), camera.principal_px[0].tolist()
    crop_from_camera = torch.tensor([[focal, 0, -x], [0, -focal, -y], [0, 0, -1.0]])
    across, down = window.width / size[1], window.height / size[0]
    photo_from_crop = torch.tensor([[across, 0, window.left], [0, down, window.top], [0, 0, 1.0]])
    return photo_from_crop @ crop_from_camera @ camera.camera_from_world[0, :3]


def crop_of(garment: ExplainedGarment, picture: Image.Image, size: tuple[int, int]) -> Float[Tensor, "3 h w"]:
    """The window of a picture of the photograph's size, black outside of it."""
    window = garment.photo.window
    across, down = size[1] / window.width, size[0] / window.height
    moved = np.array([[across, 0, -window.left * across], [0, down, -window.top * down]], dtype=np.float64)
    moved[:, 2] += 0.5 * (moved[0, 0] - 1), 0.5 * (moved[1, 1] - 1)  # pixel centres, not corners
    pixels = np.asarray(picture)
    if across < 1:
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.4 / across)
    shown = cv2.warpAffine(pixels, moved, (size[1], size[0]), flags=cv2.INTER_LINEAR)
    return torch.from_numpy(shown).permute(2, 0, 1).float() / 255
