import time

import numpy as np
import pytest
import torch

from datamodules.face_augmentation import WINDOW_SHARE, FaceAugmentation, augmented_batch, hashed_uniforms
from datamodules.landmarks import CLASS_FLIP

SIZE = 60
WINDOW = round(SIZE * WINDOW_SHARE)
NOTHING = FaceAugmentation(0.0, 0.0, 0.0, 0.0, 0.0)


def marked_windows(places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows with a bright blob and a mask blob at [b, 2] positions in pixels of the crop."""
    axis = (torch.arange(WINDOW) + 0.5 - WINDOW / 2) + SIZE / 2
    offset = (axis[None, None, :] - places[:, :1, None]) ** 2 + (axis[None, :, None] - places[:, 1:, None]) ** 2
    blob = torch.exp(-offset / 8)
    return (blob[:, None].expand(-1, 3, -1, -1) * 255).byte(), (offset < 30).byte() * 6


def test_without_changes_the_middle_of_the_window_comes_back() -> None:
    windows = torch.randint(0, 256, (2, 3, WINDOW, WINDOW), dtype=torch.uint8)
    segmentation = torch.randint(0, 19, (2, WINDOW, WINDOW), dtype=torch.uint8)
    landmarks = torch.rand(2, 68, 2) * SIZE
    images, points, classes = augmented_batch(windows, landmarks, segmentation, SIZE, NOTHING, torch.rand(2, 8))
    rim = (WINDOW - SIZE) // 2
    inner = (..., slice(rim, rim + SIZE), slice(rim, rim + SIZE))
    torch.testing.assert_close(images, windows[inner].float() / 255, atol=1e-4, rtol=0)
    assert (classes == segmentation[inner]).all()
    torch.testing.assert_close(points, landmarks)


@pytest.mark.parametrize("rotation", [0.0, 25.0])
def test_picture_mask_and_landmark_move_together(rotation: float) -> None:
    torch.manual_seed(3)
    count = 40
    places = SIZE / 2 + (torch.rand(count, 2) - 0.5) * 30
    windows, masks = marked_windows(places)
    augmentation = FaceAugmentation(gain=0.0, flip=0.5, scale=0.1, shift=0.05, rotation_degrees=rotation)
    landmarks = places[:, None].expand(-1, 68, -1)
    images, points, classes = augmented_batch(windows, landmarks, masks, SIZE, augmentation, torch.rand(count, 8))
    assert torch.allclose(points, points[:, :1].expand_as(points))
    axis = torch.arange(SIZE) + 0.5
    mass = images[:, 0].double()
    total = mass.sum((1, 2))
    centre = torch.stack([(mass.sum(1) * axis).sum(1), (mass.sum(2) * axis).sum(1)], -1) / total[:, None]
    assert (centre - points[:, 0]).abs().max() < 0.15
    for picture, point in zip(classes, points[:, 0]):
        rows, columns = (picture > 0).nonzero(as_tuple=True)
        middle = torch.stack([columns.double().mean(), rows.double().mean()]) + 0.5
        assert (middle - point).abs().max() < 0.6
    assert (points[:, 0] - places).abs().max() > 5


def test_a_flip_permutes_landmarks_and_classes() -> None:
    landmarks = torch.rand(1, 68, 2) * SIZE
    masks = torch.full((1, WINDOW, WINDOW), 4, dtype=torch.uint8)
    windows = torch.zeros(1, 3, WINDOW, WINDOW, dtype=torch.uint8)
    always = FaceAugmentation(0.0, 1.0, 0.0, 0.0, 0.0)
    _, points, classes = augmented_batch(windows, landmarks, masks, SIZE, always, torch.zeros(1, 8))
    torch.testing.assert_close(points[0, 36, 0], SIZE - landmarks[0, 45, 0])
    torch.testing.assert_close(points[0, 36, 1], landmarks[0, 45, 1])
    torch.testing.assert_close(points[0, 61, 0], SIZE - landmarks[0, 63, 0])
    assert (classes == 5).all()
    every = (torch.arange(WINDOW * WINDOW) % 19).view(1, WINDOW, WINDOW).byte()
    _, _, plain = augmented_batch(windows, landmarks, every, SIZE, NOTHING, torch.zeros(1, 8))
    _, _, mirrored = augmented_batch(windows, landmarks, every, SIZE, always, torch.zeros(1, 8))
    assert torch.equal(mirrored, torch.tensor(CLASS_FLIP)[plain.flip(2)])


def test_gains_change_channels_apart_but_never_clip() -> None:
    windows = torch.full((64, 3, WINDOW, WINDOW), 100, dtype=torch.uint8)
    windows[:, 1] = 250
    masks = torch.zeros(64, WINDOW, WINDOW, dtype=torch.uint8)
    strong = FaceAugmentation(0.2, 0.0, 0.0, 0.0, 0.0)
    images, _, _ = augmented_batch(windows, torch.zeros(64, 68, 2), masks, SIZE, strong, torch.rand(64, 8))
    assert images.max() <= 1.0001
    red, green = images[:, 0, 0, 0] * 2.55, images[:, 1, 0, 0] / 250 * 255
    assert red.min() < 0.85
    assert red.max() > 1.15
    assert green.min() < 0.85
    assert green.max() <= 1.021


def test_random_numbers_depend_on_seed_epoch_and_picture_only() -> None:
    epochs, indices = np.array([0, 0, 3, 3]), np.array([5, 6, 5, 6])
    numbers = hashed_uniforms(1, epochs, indices, 8)
    torch.testing.assert_close(hashed_uniforms(1, epochs[2:3], indices[2:3], 8)[0], numbers[2])
    assert len(torch.unique(numbers)) == numbers.numel()
    assert (hashed_uniforms(2, epochs, indices, 8) != numbers).all()


def test_random_numbers_are_uniform_and_uncorrelated() -> None:
    numbers = hashed_uniforms(0, np.repeat(np.arange(50), 200), np.tile(np.arange(200), 50), 8).double()
    assert (numbers.mean(0) - 0.5).abs().max() < 0.015
    assert (numbers.var(0) - 1 / 12).abs().max() < 0.003
    assert (torch.corrcoef(numbers.T) - torch.eye(8)).abs().max() < 0.04


def test_a_batch_takes_milliseconds() -> None:
    """Loading must stay below a tenth of a training step of about 150 ms; generous, for busy machines."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    side = round(128 * WINDOW_SHARE)
    windows = torch.randint(0, 256, (32, 3, side, side), dtype=torch.uint8)
    masks = torch.zeros(32, side, side, dtype=torch.uint8)
    landmarks, uniforms = torch.rand(32, 68, 2), torch.rand(32, 8)
    try:
        times = []
        for _ in range(8):
            start = time.process_time()
            augmented_batch(windows, landmarks, masks, 128, FaceAugmentation(), uniforms)
            times.append(time.process_time() - start)
    finally:
        torch.set_num_threads(threads)
    assert min(times) < 0.04
