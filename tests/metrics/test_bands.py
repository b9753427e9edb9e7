"""Folds of known height: found in full, in part, not at all."""

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from metrics.bands import BandRecoveryOfBodies, band_recovery, less_local_mean, normal_crossings
from models.geometry.grids import Query

WAVELENGTHS_CM = (11.0, 4.0, 1.4)
AMPLITUDES_CM = (0.45, 0.22, 0.06)
"""Root mean squares of the garments' folds times the root of 2: steeper waves lean over their neighbours."""


class Folds(NamedTuple):
    points_cm: Tensor
    normals: Tensor
    shifts_cm: Tensor
    smooth_field_cm: Tensor
    heights_cm: Tensor


def heights(u: Tensor, v: Tensor, blur_cm: float = 0.0) -> Tensor:
    """Three waves over a plane [q 3]; a Gaussian blur leaves each its factor."""
    directions = ((1.0, 0.2), (0.8, -0.6), (0.6, 0.8))
    waves = []
    for wavelength, amplitude, (a, b) in zip(WAVELENGTHS_CM, AMPLITUDES_CM, directions):
        k = 2 * math.pi / wavelength
        left = math.exp(-((k * blur_cm) ** 2) * (a * a + b * b) / 2)
        waves.append(left * amplitude * torch.sin(k * (a * u + b * v)))
    return torch.stack(waves, -1)


def plane_folds(count: int = 4000, bands: int = 3) -> Folds:
    """Folds on the plane z = 0; its smooth field is z, normals are those of the folded surface."""
    generator = torch.Generator().manual_seed(0)
    u, v = 30 * torch.rand(2, count, generator=generator, dtype=torch.float64)
    u.requires_grad_()
    v.requires_grad_()
    height = heights(u, v)
    height = torch.cat([height[:, :bands], 0 * height[:, bands:]], 1)
    slope = torch.stack(torch.autograd.grad(height.sum(), (u, v)), -1)
    normals = torch.nn.functional.normalize(torch.cat([-slope, torch.ones(count, 1)], 1), dim=1)
    points = torch.stack([u, v, height.sum(1)], 1).detach()
    shifts = torch.linspace(-3, 3, 13, dtype=torch.float64)
    smooth = points[:, None, 2] + shifts * normals[:, None, 2]
    return Folds(points.float(), normals.float(), shifts.float(), smooth.float(), height.detach().float())


def surface(blur_cm: float = 0.0, factors: tuple[float, float, float] = (1.0, 1.0, 1.0), offset: float = 0.0) -> Query:
    def field(points: Tensor) -> Tensor:
        x, y, z = points.double().unbind(1)
        return offset + (heights(x, y, blur_cm) * torch.tensor(factors, dtype=torch.float64)).sum(1) - z

    return field


def test_the_truth_recovers_itself() -> None:
    found = band_recovery(surface(), plane_folds())
    assert found[:3] == pytest.approx([1, 1, 1], abs=1e-3)
    assert found.points == 4000
    assert found.share_without_crossing == 0


def test_a_smooth_prediction_recovers_nothing_wherever_it_lies() -> None:
    for offset in (0.0, 0.7):
        found = band_recovery(surface(factors=(0, 0, 0), offset=offset), plane_folds())
        assert found[:3] == pytest.approx([0, 0, 0], abs=0.02)


def test_each_coefficient_is_the_share_of_its_own_band() -> None:
    found = band_recovery(surface(factors=(0.9, 0.5, 0.2)), plane_folds())
    assert found[:3] == pytest.approx([0.9, 0.5, 0.2], abs=0.05)


def test_smoothing_takes_the_short_waves_first() -> None:
    rows = [band_recovery(surface(blur), plane_folds()) for blur in (0.0, 0.2, 0.4, 0.8)]
    for shorter, longer in ((2, 1), (1, 0)):
        assert all(row[shorter] < row[longer] for row in rows[1:])
    for band in range(3):
        values = [row[band] for row in rows]
        assert values == sorted(values, reverse=True)
    k = 2 * math.pi / WAVELENGTHS_CM[2]
    assert rows[1].c3 == pytest.approx(math.exp(-((k * 0.2) ** 2) / 2), abs=0.05)
    assert rows[2].c1 > 0.9
    assert rows[2].c3 < 0.3


def test_a_smooth_error_of_centimetres_does_not_pass_for_folds() -> None:
    def bent(points: Tensor) -> Tensor:
        x, y, _ = points.double().unbind(1)
        return surface()(points) + 1.5 * torch.sin(2 * math.pi * (x + 0.7 * y) / 40)

    folds = plane_folds()
    upright = torch.tensor([0.0, 0.0, 1.0]).expand(len(folds.normals), 3)  # along which the folds were displaced
    folds = folds._replace(normals=upright, smooth_field_cm=folds.points_cm[:, 2:] + folds.shifts_cm)
    found = band_recovery(bent, folds)
    assert found.c1 == pytest.approx(1, abs=0.35)
    assert found.c2 == pytest.approx(1, abs=0.1)
    assert found.c3 == pytest.approx(1, abs=0.1)


def test_local_means_leave_the_other_side_alone() -> None:
    points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 0, -0.5], [50, 0, 0]])
    normals = torch.tensor([[0.0, 0, 1], [0, 0, 1], [0, 0, -1], [0, 0, 1]])
    values = torch.tensor([[1.0], [3.0], [100.0], [7.0]], dtype=torch.float64)
    assert less_local_mean(values, points, normals, 2.0)[:, 0].tolist() == [-1, 1, 0, 0]


def test_where_there_is_no_surface_the_point_is_counted_as_missing() -> None:
    whole = surface()

    def half(points: Tensor) -> Tensor:
        return torch.where(points[:, 0] < 15, whole(points), -1.0)

    found = band_recovery(half, plane_folds())
    assert found.share_without_crossing == pytest.approx(0.5, abs=0.05)
    assert found.c2 == pytest.approx(1, abs=0.1)  # what is there is right, but for the cut
    gone = band_recovery(lambda points: -torch.ones(len(points)), plane_folds())
    assert gone.share_without_crossing == 1
    assert all(math.isnan(value) for value in gone[:3])


def test_the_nearest_crossing_outward_is_taken() -> None:
    def layers(points: Tensor) -> Tensor:
        z = points[:, 2]
        return torch.minimum(
            (z - 1.5).abs() - 0.25, 0.3 - z + torch.where(z > 1, 5.0, 0.0)
        )  # solid below 0.3, and shells

    points, normals = torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]])
    crossings = normal_crossings(layers, points, normals, torch.linspace(-3, 3, 25))
    assert float(crossings.shift_cm[0]) == pytest.approx(0.3, abs=1e-3)
    inward = normal_crossings(lambda p: p[:, 2] - 0.3, points, normals, torch.linspace(-3, 3, 25))
    assert not bool(inward.found[0])  # from outside to inside: no surface that faces outward


def test_a_band_that_the_truth_lacks_is_no_number() -> None:
    found = band_recovery(surface(factors=(1, 1, 0)), plane_folds(bands=2))
    assert found[:2] == pytest.approx([1, 1], abs=0.01)
    assert math.isnan(found.c3)


def test_a_body_without_folds_adds_nothing_and_a_failed_one_all_its_points() -> None:
    metric = BandRecoveryOfBodies()
    empty = Folds(torch.zeros(0, 3), torch.zeros(0, 3), torch.zeros(0), torch.zeros(0, 0), torch.zeros(0, 3))
    metric.update(surface(), empty)
    assert metric.recovery().points == 0
    metric.update(surface(), plane_folds(1000))
    metric.update(None, plane_folds(1000))
    found = metric.compute()
    assert float(found["points"]) == 2000
    assert float(found["share_without_crossing"]) == 0.5
    assert float(found["c1"]) == pytest.approx(1, abs=1e-2)


def test_truth_whose_arrays_disagree_is_refused() -> None:
    folds = plane_folds(10)
    with pytest.raises(ValueError, match=r"smooth_field_cm .* \(10, 12\), expected \(10, 13\)"):
        band_recovery(surface(), folds._replace(smooth_field_cm=folds.smooth_field_cm[:, 1:]))
