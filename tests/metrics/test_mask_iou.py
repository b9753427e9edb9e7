"""Silhouettes whose overlap is known."""

import pytest
import torch

from metrics.mask_iou import cmr_boxes, mask_iou, mask_iou_cmr, mask_iou_soft


def square(left: int, top: int, side: int = 16, size: tuple[int, int] = (64, 48)) -> torch.Tensor:
    mask = torch.zeros(1, 1, *size)
    mask[..., top : top + side, left : left + side] = 1
    return mask


@pytest.mark.parametrize("measure", [mask_iou_soft, mask_iou, mask_iou_cmr])
def test_a_mask_covers_itself(measure) -> None:
    assert measure(square(8, 20), square(8, 20)).item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("shift", "expected"), [(4, 12 / 20), (8, 1 / 3), (16, 0.0)])
@pytest.mark.parametrize("measure", [mask_iou_soft, mask_iou])
def test_shifted_squares(measure, shift: int, expected: float) -> None:
    assert measure(square(8, 20), square(8 + shift, 20)).item() == pytest.approx(expected, abs=1e-9)
    assert measure(square(8, 20), square(8, 20 + shift)).item() == pytest.approx(expected, abs=1e-9)


def test_a_soft_mask_counts_by_its_opacity_and_a_thresholded_one_does_not() -> None:
    truth = square(8, 20)
    assert mask_iou_soft(0.5 * truth, truth).item() == pytest.approx(0.5)
    assert mask_iou(0.6 * truth, truth).item() == 1
    assert mask_iou(0.4 * truth, truth).item() == 0
    # p = t = 1/2 on two thirds of the union: Σ pt = 1/4, Σ (p + t - pt) = 3/4 a pixel
    half = 0.5 * truth
    assert mask_iou_soft(half, half).item() == pytest.approx(1 / 3)


def test_the_mean_of_pictures_is_not_the_pool_of_pixels() -> None:
    truth = torch.cat([square(0, 0, side=4), square(0, 0, side=40)])
    found = torch.cat([square(20, 20, side=4), square(0, 0, side=40)])
    assert mask_iou(found, truth).mean().item() == 0.5


def test_cmr_looks_at_the_square_around_the_object_only() -> None:
    truth = square(16, 24)
    far = truth.clone()
    far[..., 0:6, 0:6] = 1  # outside the square of 17.6 px around the mask
    assert mask_iou_cmr(far, truth).item() == pytest.approx(1.0)
    assert mask_iou(far, truth).item() == pytest.approx(256 / 292)
    assert cmr_boxes(truth)[0].tolist() == pytest.approx([24, 32, 17.6])
    wide = torch.zeros(1, 1, 64, 48)
    wide[..., 30:34, 4:44] = 1
    assert cmr_boxes(wide)[0].tolist() == pytest.approx([24, 32, 44])


def test_cmr_agrees_with_the_plain_overlap_for_squares_within_its_crop() -> None:
    # of the four columns on the far side the crop, 17.6 px wide, shows 0.8 px
    found = mask_iou_cmr(square(20, 24), square(16, 24)).item()
    assert found == pytest.approx(12 / 16.8, abs=0.01)


def test_without_a_true_mask_there_is_nothing_to_measure_and_nan_overlaps_nothing() -> None:
    truth = torch.cat([square(8, 20), torch.zeros(1, 1, 64, 48)])
    broken = torch.full_like(truth, torch.nan)
    for measure in (mask_iou_soft, mask_iou, mask_iou_cmr):
        found = measure(broken, truth)
        assert found[0] == 0
        assert found[1].isnan()
