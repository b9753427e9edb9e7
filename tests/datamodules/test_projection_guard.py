"""The guard of the cameras by itself: what passes, what does not, and the reason it gives."""

import numpy as np
import pytest
import torch

from datamodules.occupancy_sampling import SolidBody
from datamodules.projection_guard import projected, require_projection, share_in_mask
from models.geometry.view_cameras import crop_views, turned_views
from tests.datamodules.body_trees import figure, photographs


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    views = turned_views(2, 0.4)
    _, masks = photographs(figure(), views, 96)
    points = SolidBody(figure().vertices, figure().faces, "figure").surface_points(2000, np.random.default_rng(0))
    return masks[0] > 0, views[0].double().numpy(), points


def test_own_camera_passes(scene: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    require_projection(*scene, "Camera 1")


def test_a_shift_of_three_pixels_does_not(scene: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    mask, view, points = scene
    shifted = crop_views(torch.from_numpy(view), 3, 0, 96, 96, (96, 96)).numpy()
    with pytest.raises(ValueError, match=r"^Camera 1 puts 8\d\.\d% of the body into its mask where 99\.5% are needed"):
        require_projection(mask, shifted, points, "Camera 1")
    require_projection(mask, shifted, points, "Camera 1", border_share=0.05)


@pytest.mark.parametrize(
    ("row_signs", "reason"),
    [
        ((1, -1, 1, 1), "sign of y"),
        ((-1, 1, 1, 1), "sign of x"),
        ((1, 1, 1, -1), "body behind it"),
        ((3, 3, 1, 1), "3.01 times"),
    ],
)
def test_reasons(scene: tuple[np.ndarray, np.ndarray, np.ndarray], row_signs: tuple[int, ...], reason: str) -> None:
    mask, view, points = scene
    with pytest.raises(ValueError, match=reason.replace(".", r"\.")):
        require_projection(mask, np.array(row_signs)[:, None] * view, points, "Camera 1")


def test_swapped_rows_and_columns(scene: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    mask, view, points = scene
    with pytest.raises(ValueError, match="rows and columns are swapped"):
        require_projection(mask, view[[1, 0, 2, 3]], points, "Camera 1")


def test_share_counts_the_next_pixel_only() -> None:
    mask = np.zeros((8, 8), bool)
    mask[4, 4] = True
    at = np.array([[4.5, 4.5], [5.5, 4.5], [6.5, 4.5], [-3.0, 4.0], [np.nan, 2.0]])
    assert share_in_mask(mask, at) == pytest.approx(2 / 5)
    assert share_in_mask(mask, at, 2) == pytest.approx(3 / 5)


def test_pixels_of_the_view_frame() -> None:
    pixels = projected(np.eye(4), np.array([[-1.0, -1, 0], [1, 1, 0], [0, 0.5, 0]]), (64, 128))
    assert pixels.tolist() == [[0, 0], [128, 64], [64, 48]]
