"""The truth about folds: what a perfect, a smooth and a blurred reconstruction recover of each band."""

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion, gaussian_filter
from torch import Tensor

from datamodules.samples import BandTruth
from datamodules.synthetic.human_bands import band_truth
from datamodules.synthetic.human_blocks import Part
from datamodules.synthetic.human_draws import draw_human
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_parameters import HumanParameters

COUNT = 3000


@pytest.fixture(scope="module")
def person() -> HumanParameters:
    return draw_human(1)


@pytest.fixture(scope="module")
def truth(person: HumanParameters) -> BandTruth:
    return band_truth(person, COUNT, torch.Generator().manual_seed(0))


def recovered(displacement: Tensor, heights: Tensor) -> Tensor:
    """[3] the coefficients of `displacement` [q] on the heights [q, 3], all centred."""
    centred = heights - heights.mean(0)
    return torch.linalg.lstsq(centred, (displacement - displacement.mean())[:, None]).solution[:, 0]


def test_shapes_and_frames(person: HumanParameters, truth: BandTruth):
    assert truth.points_cm.shape == truth.normals.shape == truth.heights_cm.shape == (COUNT, 3)
    assert truth.smooth_field_cm.shape == (COUNT, len(truth.shifts_cm))
    assert (truth.shifts_cm[0], truth.shifts_cm[-1]) == (-3, 3)
    torch.testing.assert_close(truth.normals.norm(dim=1), torch.ones(COUNT))
    assert HumanField(person)(truth.points_cm).abs().max() < 0.02
    outward = truth.smooth_field_cm[:, -1] > truth.smooth_field_cm[:, 0]
    assert outward.float().mean() > 0.99


def test_bands_have_the_heights_of_cloth_and_no_mean(person: HumanParameters, truth: BandTruth):
    shirt = HumanField(person).parts(truth.points_cm) == Part.UPPER
    rms_mm = 10 * truth.heights_cm[shirt].std(0) / person.normalisation.scale
    np.testing.assert_allclose(rms_mm.numpy(), [3.2, 1.6, 0.4], rtol=0.25)
    assert (10 * truth.heights_cm.mean(0)).abs().max() < 0.4


def test_the_person_itself_recovers_all_and_the_smooth_person_nothing(person: HumanParameters, truth: BandTruth):
    middle = len(truth.shifts_cm) // 2
    at_the_surface = truth.smooth_field_cm[:, middle]
    assert truth.shifts_cm[middle] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(recovered(at_the_surface, truth.heights_cm).numpy(), 1, atol=0.03)
    crossing = truth.smooth_field_cm.abs().argmin(1)
    smooth = truth.smooth_field_cm.gather(1, crossing[:, None])[:, 0]
    assert recovered(smooth, truth.heights_cm).abs().max() < 0.05
    two = HumanField(person, bands=(1, 2))
    moved = truth.points_cm - truth.heights_cm[:, 2:] * truth.normals
    assert two(moved).abs().median() < 0.02
    without_third = HumanField(person, bands=())(moved)
    c1, c2, c3 = recovered(without_third, truth.heights_cm).tolist()
    assert c1 == pytest.approx(1, abs=0.05)
    assert c2 == pytest.approx(1, abs=0.05)
    assert c3 == pytest.approx(0, abs=0.1)


def test_prints_do_not_follow_the_folds(person: HumanParameters, truth: BandTruth):
    field = HumanField(person)
    for part in (Part.UPPER, Part.LOWER):
        chosen = field.parts(truth.points_cm) == part
        brightness = field.albedo(truth.points_cm[chosen]).mean(1)
        assert brightness.std() > 0.01  # both garments of this person are printed
        for height in truth.heights_cm[chosen].T:
            assert torch.corrcoef(torch.stack([brightness, height]))[0, 1].abs() < 0.15


def test_blur_loses_the_finest_band_first(person: HumanParameters):
    cell, half = 0.25, 9.0
    side = torch.arange(-half, half, cell)
    x, y = torch.meshgrid(side, side + 25, indexing="ij")
    smooth_field = HumanField(person, bands=())
    full_z, smooth_z = (_front(field, x, y) for field in (HumanField(person), smooth_field))
    points = torch.stack([x, y, full_z], -1).reshape(-1, 3)
    full = HumanField(person)(points)
    heights = torch.stack(
        [HumanField(person, bands=tuple(b for b in (1, 2, 3) if b != k))(points) - full for k in (1, 2, 3)], 1
    )
    facing = binary_erosion((np.gradient(smooth_z.numpy(), cell, axis=0) ** 2 < 2), iterations=8).ravel()
    parts = HumanField(person).parts(points)
    kept = torch.from_numpy(facing) & (parts == Part.UPPER) & (full.abs() < 0.05)
    kept &= (smooth_field(points) - heights.sum(1)).abs() < 0.05
    assert kept.sum() > 1000
    coefficients = []
    for sigma in (0.0, 0.2, 0.4, 0.8):
        displaced = (full_z - smooth_z).numpy()
        blurred = gaussian_filter(displaced, sigma / cell) if sigma else displaced
        predicted = torch.stack([x, y, smooth_z + torch.from_numpy(blurred)], -1).reshape(-1, 3)
        coefficients.append(recovered(smooth_field(predicted)[kept], heights[kept]))
    c1, c2, c3 = torch.stack(coefficients).T
    assert c3[0] > 0.95
    assert (c3.diff() < 0).all()
    assert c3[-1] < 0.3
    assert (c1[-1], c2[-1]) > (c3[-1], c3[-1])
    assert c1[2] > 0.9


def _front(field: HumanField, x: Tensor, y: Tensor) -> Tensor:
    """z of the surface seen from the front, by samples every 4 mm and bisection."""
    z = torch.arange(30, -10, -0.4)
    points = torch.stack(torch.broadcast_tensors(x[..., None], y[..., None], z), -1)
    first = (field(points.reshape(-1, 3)).reshape(points.shape[:-1]) < 0).int().argmax(-1)
    low, high = z[first], z[(first - 1).clamp_min(0)]
    for _ in range(12):
        middle = (low + high) / 2
        inside = field(torch.stack([x, y, middle], -1).reshape(-1, 3)).reshape(x.shape) < 0
        low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
    return (low + high) / 2
