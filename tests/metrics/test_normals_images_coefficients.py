import math

import pytest
import torch
from torch import Tensor

from metrics.coefficients import CoefficientCorrelation, coefficient_correlation
from metrics.images import PsnrDb, SkinErrorGreyLevels, psnr_db, skin_error_grey_levels
from metrics.normals import (
    DetailGainPercent,
    NormalErrorDegrees,
    ReliefGainPercent,
    detail_gain_percent,
    normal_angles_degrees,
    normal_error_degrees,
    relief,
)


def tilted(degrees: float, batch: int = 2) -> Tensor:
    angle = math.radians(degrees)
    normal = torch.tensor([math.sin(angle), 0.0, math.cos(angle)])
    return normal.reshape(1, 3, 1, 1).expand(batch, 3, 4, 5).clone()


def everywhere(batch: int = 2) -> Tensor:
    return torch.ones(batch, 4, 5, dtype=torch.bool)


@pytest.mark.parametrize("degrees", [0.0, 0.01, 10.0, 90.0, 135.0, 180.0])
def test_known_angles(degrees: float) -> None:
    error = normal_error_degrees(tilted(degrees), 3 * tilted(0), everywhere())
    torch.testing.assert_close(error, torch.full((2,), degrees), rtol=1e-4, atol=2e-5)


def test_only_the_mask_counts() -> None:
    predicted, mask = tilted(0), everywhere()
    predicted[:, :, 0] = tilted(120)[:, :, 0]
    mask[:, 0] = False
    assert not normal_error_degrees(predicted, tilted(0), mask).any()
    assert bool(normal_error_degrees(predicted, tilted(0), mask & False).isnan().all())


def test_a_missing_normal_is_no_right_normal() -> None:
    predicted = tilted(20)
    predicted[:, :, 1] = 0
    assert bool((normal_angles_degrees(predicted, tilted(0))[:, 1] == 90).all())
    with_hole = normal_error_degrees(predicted, tilted(0), everywhere())
    assert bool((with_hole > normal_error_degrees(tilted(20), tilted(0), everywhere())).all())


def test_a_normal_that_is_no_number_is_wrong_inside_the_mask_and_harmless_outside() -> None:
    predicted, mask = tilted(20), everywhere()
    predicted[:, :, 1] = torch.nan
    assert bool((normal_angles_degrees(predicted, tilted(0))[:, 1] == 90).all())
    mask[:, 1] = False
    torch.testing.assert_close(normal_error_degrees(predicted, tilted(0), mask), torch.full((2,), 20.0))


def test_the_detail_gain_is_zero_for_the_coarse_and_hundred_for_the_truth() -> None:
    truth, coarse, mask = tilted(0), tilted(10), everywhere()
    for degrees, gain in ((10, 0), (6, 40), (0, 100), (15, -50)):
        assert float(detail_gain_percent(coarse, tilted(degrees), truth, mask)) == pytest.approx(gain, abs=1e-3)
    assert bool(detail_gain_percent(coarse, coarse, truth, mask & False).isnan())


def test_normal_metrics_pool_pixels() -> None:
    masks = [everywhere(), everywhere()]
    masks[1][:, 1:] = False  # 10 of 40 pixels
    error, gain = NormalErrorDegrees(), DetailGainPercent()
    for degrees, mask in zip((10.0, 30.0), masks):
        error.update(tilted(degrees), tilted(0), mask)
        gain.update(tilted(2 * degrees), tilted(degrees), tilted(0), mask)
    assert float(error.compute()) == pytest.approx((10 * 40 + 30 * 10) / 50, rel=1e-5)
    assert float(gain.compute()) == pytest.approx(50, rel=1e-5)


def picture(batch: int = 2, seed: int = 0) -> Tensor:
    return torch.rand(batch, 3, 4, 5, generator=torch.manual_seed(seed))


def test_skin_error_of_a_known_difference() -> None:
    photo = 0.2 + 0.5 * picture()
    errors = skin_error_grey_levels(photo + 0.1, everywhere(), photo, everywhere())
    torch.testing.assert_close(errors.error_grey_levels, torch.full((2,), 25.5), rtol=1e-4, atol=0)
    assert errors.coverage_percent.tolist() == [100, 100]
    assert not skin_error_grey_levels(photo, everywhere(), photo, everywhere()).error_grey_levels.any()


def test_shrinking_the_overlap_never_pays() -> None:
    """Whatever the colours, dropping a pixel from the rendering raises the error, or keeps it at worst."""
    for seed in range(10):
        photo, rendered = picture(seed=seed), picture(seed=seed + 100)
        rendered = rendered.round() if seed % 2 else rendered  # black and white: as wrong as it gets
        covered = everywhere()
        error = skin_error_grey_levels(rendered, covered, photo, everywhere()).error_grey_levels
        for pixel in torch.randperm(20, generator=torch.manual_seed(seed)).tolist():
            covered = covered.clone()
            covered.view(2, -1)[:, pixel] = False
            smaller = skin_error_grey_levels(rendered, covered, photo, everywhere()).error_grey_levels
            assert bool((smaller >= error - 1e-4).all())
            error = smaller


def test_the_covered_error_can_be_fooled_and_the_error_cannot() -> None:
    photo = torch.full((1, 3, 4, 5), 0.5)
    rendered = photo.clone()
    rendered[:, :, :2] += 0.3
    lower_half = everywhere(1)
    lower_half[:, :2] = False
    whole = skin_error_grey_levels(rendered, everywhere(1), photo, everywhere(1))
    half = skin_error_grey_levels(rendered, lower_half, photo, everywhere(1))
    assert float(half.covered_error_grey_levels) < float(whole.covered_error_grey_levels)
    assert float(half.error_grey_levels) > float(whole.error_grey_levels)
    assert float(half.coverage_percent) == 50
    nothing = skin_error_grey_levels(rendered, lower_half & False, photo, everywhere(1))
    assert float(nothing.error_grey_levels) == pytest.approx(127.5)
    assert bool(nothing.covered_error_grey_levels.isnan())


def test_what_is_not_skin_does_not_count() -> None:
    photo, skin = picture(), everywhere()
    skin[:, 2:] = False
    rendered = photo.clone()
    rendered[:, :, 2:] = 1 - rendered[:, :, 2:]
    assert not skin_error_grey_levels(rendered, everywhere(), photo, skin).error_grey_levels.any()
    assert bool(skin_error_grey_levels(rendered, everywhere(), photo, skin & False).error_grey_levels.isnan().all())


def test_a_colour_that_is_no_number_is_as_wrong_as_can_be() -> None:
    photo, rendered = torch.full((1, 3, 4, 5), 0.2), torch.full((1, 3, 4, 5), torch.nan)
    errors = skin_error_grey_levels(rendered, everywhere(1), photo, everywhere(1))
    assert float(errors.error_grey_levels) == pytest.approx(255 * 0.8)


def test_the_skin_metric_leaves_out_pictures_without_skin() -> None:
    photo, skin = 0.3 + 0.4 * picture(), everywhere()
    skin[1] = False
    metric = SkinErrorGreyLevels()
    metric.update(photo + 0.1, everywhere(), photo, skin)
    table = metric.compute()
    assert float(table["error"]) == pytest.approx(25.5, rel=1e-4)
    assert float(table["covered_error"]) == pytest.approx(25.5, rel=1e-4)
    assert float(table["coverage_percent"]) == 100


def test_psnr() -> None:
    photo = picture()
    torch.testing.assert_close(psnr_db(photo + 0.1, photo), torch.full((2,), 20.0), rtol=1e-4, atol=0)
    assert bool(psnr_db(photo, photo).isinf().all())
    mask = everywhere()
    mask[:, 0] = False
    spoiled = photo + 0.01
    spoiled[:, :, 0] = 0
    torch.testing.assert_close(psnr_db(spoiled, photo, mask), torch.full((2,), 40.0), rtol=1e-3, atol=0)
    metric = PsnrDb()
    metric.update(photo + 0.1, photo)
    metric.update(photo, photo)
    assert float(metric.compute()) == pytest.approx(20 + 10 * math.log10(2), rel=1e-4)


def test_correlation_agrees_with_numpy_s_definition() -> None:
    generator = torch.manual_seed(0)
    truth = torch.randn(200, 4, generator=generator) + 30
    predicted = 0.1 * truth + torch.tensor([0.0, 0.05, 0.1, 1.0]) * torch.randn(200, 4, generator=generator)
    expected = [float(torch.corrcoef(torch.stack([predicted[:, k], truth[:, k]]).double())[0, 1]) for k in range(4)]
    assert coefficient_correlation(predicted, truth).tolist() == pytest.approx(expected, abs=1e-5)
    metric = CoefficientCorrelation(4)
    for rows in (slice(0, 1), slice(1, 120), slice(120, 200)):
        metric.update(predicted[rows], truth[rows])
    assert metric.compute().tolist() == pytest.approx(expected, abs=1e-5)


def test_correlation_is_one_at_the_truth_and_nan_without_variation() -> None:
    truth = torch.randn(50, 2, generator=torch.manual_seed(0))
    torch.testing.assert_close(coefficient_correlation(truth, truth), torch.ones(2))
    torch.testing.assert_close(coefficient_correlation(5 - 3 * truth, truth), -torch.ones(2))
    assert bool(coefficient_correlation(torch.full_like(truth, 0.1), truth).isnan().all())
    assert bool(coefficient_correlation(truth[:1], truth[:1]).isnan().all())


def rippled(angle: Tensor) -> Tensor:
    """Normals that turn to the right by the given angle in each column."""
    rows = torch.stack([angle.sin(), torch.zeros(64), angle.cos()])
    return rows[None, :, None, :].expand(1, 3, 64, 64).contiguous()


def test_relief_leaves_out_what_is_broad_and_keeps_what_is_fine() -> None:
    columns = torch.arange(64.0)
    covered = torch.ones(1, 64, 64, dtype=torch.bool)

    fine, broad = 0.2 * torch.sin(columns * 2 * torch.pi / 4), 0.2 * torch.sin(columns * 2 * torch.pi / 128)
    inner = (..., slice(8, -8), slice(8, -8))
    assert float(relief(rippled(broad), covered, 0.02)[inner].abs().max()) < 0.01
    assert float(relief(rippled(fine), covered, 0.02)[inner].abs().max()) > 0.15


def test_relief_gain_sees_wrinkles_under_a_large_coarse_error() -> None:
    columns = torch.arange(64.0)
    covered = torch.ones(1, 64, 64, dtype=torch.bool)

    wrinkles = 0.1 * torch.sin(columns * 2 * torch.pi / 4)
    error = 0.3 * torch.sin(columns * 2 * torch.pi / 200)
    truth, coarse, fine = rippled(wrinkles), rippled(error), rippled(error + wrinkles)
    gain, nothing, worse = ReliefGainPercent(), ReliefGainPercent(), ReliefGainPercent()
    gain.update(coarse, fine, truth, covered, covered)
    nothing.update(coarse, coarse, truth, covered, covered)
    worse.update(coarse, rippled(error - wrinkles), truth, covered, covered)
    assert float(gain.compute()) > 70  # a part of the broad error reaches in from the rim
    assert float(nothing.compute()) == 0
    assert float(worse.compute()) < -50
