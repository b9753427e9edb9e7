import math

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.crops import (
    Crop,
    box_crop,
    crop_photo,
    crop_pixels,
    crop_segmentation,
    crop_values,
    face_crop,
    move_points,
    whole_picture_crop,
)


def test_the_crop_around_landmarks_follows_the_paper() -> None:
    points = np.array([[100.0, 200.0], [300.0, 200.0], [150.0, 440.0]])  # w = 200, h = 240
    assert face_crop(points) == Crop(200.0, 200 + 0.4 * 240, 2 * max(0.8 * 200, 0.6 * 240))
    tall = np.array([[0.0, 0.0], [10.0, 100.0]])
    assert face_crop(tall).side == pytest.approx(120)


@pytest.mark.parametrize("box", [(5.0, 5.0, 5.0, 5.0), (0.0, 0.0, math.nan, 4.0), (10.0, 0.0, 2.0, 50.0)])
def test_an_empty_box_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="is empty"):
        box_crop(*box)


def test_the_affine_maps_are_inverse_and_map_edges_to_edges() -> None:
    crop = Crop(37.3, 51.8, 44.4)
    there, back = crop.image_from_photo(128), crop.photo_from_image(128)
    square = lambda m: torch.cat([m, torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)])  # noqa: E731
    torch.testing.assert_close(square(there) @ square(back), torch.eye(3, dtype=torch.float64))
    corners = np.array([[37.3 - 22.2, 51.8 - 22.2], [37.3 + 22.2, 51.8 + 22.2]])
    np.testing.assert_allclose(move_points(corners, there), [[0, 0], [128, 128]], atol=1e-9)


@pytest.mark.parametrize(
    "crop", [Crop(20.0, 20.0, 16.0), Crop(21.3, 18.9, 23.7), Crop(9.0, 8.0, 36.0), Crop(24, 24, 90.0)]
)
def test_a_marked_pixel_and_its_landmark_stay_together(crop: Crop) -> None:
    """A blob's centre of mass moves exactly as the landmark at its centre does: no half pixel is lost."""
    rows, columns = np.mgrid[0:48, 0:48] + 0.5
    landmark = np.array([[19.5, 17.25]])
    blob = np.exp(-((columns - landmark[0, 0]) ** 2 + (rows - landmark[0, 1]) ** 2) / (2 * 1.6**2))
    photo = Image.fromarray(np.repeat((blob * 255).astype(np.uint8)[..., None], 3, -1))
    image, image_from_photo = crop_photo(photo, crop, 64)
    mass = image[0].double()
    axis = torch.arange(64) + 0.5
    centre = torch.stack([(mass.sum(0) * axis).sum(), (mass.sum(1) * axis).sum()]) / mass.sum()
    np.testing.assert_allclose(centre.numpy(), move_points(landmark, image_from_photo)[0], atol=0.06 * 64 / crop.side)


def test_one_marked_pixel_lands_under_its_landmark_in_picture_and_mask() -> None:
    pixels = np.zeros((40, 50, 3), np.uint8)
    pixels[11, 29] = 255
    classes = np.zeros((40, 50), np.uint8)
    classes[11, 29] = 4
    crop = Crop(27.0, 14.0, 20.0)
    where = move_points(np.array([[29.5, 11.5]]), crop.image_from_photo(60))[0]
    image = crop_pixels(Image.fromarray(pixels), crop, 60)[..., 0]
    mask = crop_segmentation(Image.fromarray(classes), crop, 60)
    assert np.argwhere(mask == 4).mean(0) + 0.5 == pytest.approx(where[::-1])
    assert np.argwhere(image > 200).mean(0) + 0.5 == pytest.approx(where[::-1])


def test_outside_the_photograph_all_is_black_and_background() -> None:
    photo = Image.new("RGB", (40, 40), (255, 255, 255))
    crop = Crop(0.0, 0.0, 40.0)
    pixels = crop_pixels(photo, crop, 40)
    assert (pixels[:20] == 0).all()
    assert (pixels[:, :20] == 0).all()
    assert (pixels[20:, 20:] == 255).all()
    labels = crop_segmentation(Image.fromarray(np.full((40, 40), 7, np.uint8)), crop, 40)
    assert (labels[20:, 20:] == 7).all()
    assert (labels[:20] == 0).all()


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    small = crop_pixels(Image.fromarray(stripes), Crop(200.0, 200.0, 390.0), 50)
    assert np.abs(small.astype(int) - 127).max() < 12


def test_the_crop_of_a_whole_picture_is_the_picture() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    assert (crop_pixels(Image.fromarray(noise), whole_picture_crop(64, 64), 64) == noise).all()
    assert whole_picture_crop(100, 60) == Crop(50, 30, 100)


def test_dense_values_move_like_pictures_and_do_not_bleed() -> None:
    rows, columns = torch.meshgrid(torch.arange(30) + 0.5, torch.arange(30) + 0.5, indexing="ij")
    values = torch.stack([columns, rows])
    valid = columns < 18
    values = torch.where(valid, values, torch.inf)
    crop = Crop(14.0, 15.0, 20.0)
    moved, known = crop_values(values, valid, crop, 40)
    assert torch.isfinite(moved).all()
    points = torch.stack([moved[0], moved[1]], -1)[known].double().numpy()
    places = np.argwhere(known.numpy())[:, ::-1] + 0.5
    inner = places[:, 0] < 38 - 12  # one-sided at the rim
    np.testing.assert_allclose(move_points(points, crop.image_from_photo(40))[inner], places[inner], atol=1e-4)
    assert not known[:, 29:].any()
