"""SSIM against its definition, LPIPS against a slow sum, and networks whose weights come by path."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from metrics.image_similarity import lpips, on_white, ssim
from models.networks.lpips import LPIPS, WIDTHS, bundled_channel_weights


def pictures(count: int = 2, size: tuple[int, int] = (24, 20), seed: int = 0) -> Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def ssim_reference(a: Tensor, b: Tensor) -> Tensor:
    """Wang et al. 2004, window by window, in float64."""
    weights = torch.exp(-((torch.arange(11) - 5.0).double().square()) / (2 * 1.5**2))
    window = weights[:, None] * weights / weights.sum() ** 2
    values = []
    for x, y in zip(a.double(), b.double()):
        total = []
        for i in range(x.shape[1] - 10):
            for j in range(x.shape[2] - 10):
                for c in range(3):
                    p, q = x[c, i : i + 11, j : j + 11], y[c, i : i + 11, j : j + 11]
                    mean_p, mean_q = (window * p).sum(), (window * q).sum()
                    variance_p = (window * p * p).sum() - mean_p**2
                    variance_q = (window * q * q).sum() - mean_q**2
                    both = (window * p * q).sum() - mean_p * mean_q
                    luminance = (2 * mean_p * mean_q + 0.01**2) / (mean_p**2 + mean_q**2 + 0.01**2)
                    total.append(luminance * (2 * both + 0.03**2) / (variance_p + variance_q + 0.03**2))
        values.append(torch.stack(total).mean())
    return torch.stack(values)


def test_ssim_is_its_definition_picture_by_picture() -> None:
    a, b = pictures(size=(16, 14)), (0.7 * pictures(size=(16, 14)) + 0.3 * pictures(size=(16, 14), seed=1))
    torch.testing.assert_close(ssim(b, a).double(), ssim_reference(b, a), atol=1e-4, rtol=1e-4)


def test_ssim_of_equal_pictures_is_one_and_noise_lowers_it() -> None:
    a = pictures()
    torch.testing.assert_close(ssim(a, a), torch.ones(2), atol=1e-5, rtol=0)
    assert bool((ssim(pictures(seed=5), a) < 0.2).all())
    # two constants: only the luminance differs
    black, grey = torch.zeros(1, 3, 16, 16), torch.full((1, 3, 16, 16), 0.5)
    assert ssim(black, grey).item() == pytest.approx(1e-4 / (0.25 + 1e-4), rel=1e-2)


def test_a_magnified_comparison_is_another_number() -> None:
    a, b = pictures(), pictures(seed=3)
    assert bool((ssim(b, a, magnification=2) > ssim(b, a)).all())


def test_pictures_smaller_than_the_window_are_refused() -> None:
    with pytest.raises(ValueError, match="11 x 11"):
        ssim(pictures(size=(8, 8)), pictures(size=(8, 8)))


def test_half_precision_around_a_measure_changes_nothing(alexnet: Path) -> None:
    network = LPIPS(alexnet)
    a = pictures(size=(40, 32))
    b = (a + 0.02 * torch.randn(a.shape, generator=torch.Generator().manual_seed(2))).clamp(0, 1)
    plain = ssim(b, a), lpips(network, b, a)
    with torch.autocast("cpu", torch.bfloat16):
        rough = ssim(b, a), lpips(network, b, a)
    for one, other in zip(plain, rough, strict=True):
        assert torch.equal(one, other)


def test_the_object_on_white() -> None:
    mask = torch.zeros(2, 1, 24, 20)
    mask[..., 4:8, 4:8] = 1
    shown = on_white(pictures(), mask)
    assert bool((shown[..., :4, :] == 1).all())
    torch.testing.assert_close(shown[..., 4:8, 4:8], pictures()[..., 4:8, 4:8])


@pytest.fixture
def alexnet(tmp_path: Path) -> Path:
    shapes = {"0": (64, 3, 11), "3": (192, 64, 5), "6": (384, 192, 3), "8": (256, 384, 3), "10": (256, 256, 3)}
    generator = torch.Generator().manual_seed(0)
    stored = {"classifier.6.weight": torch.zeros(1)}
    for layer, (width, incoming, side) in shapes.items():
        stored[f"features.{layer}.weight"] = 0.05 * torch.randn(width, incoming, side, side, generator=generator)
        stored[f"features.{layer}.bias"] = torch.zeros(width)
    torch.save(stored, tmp_path / "alexnet.pth")
    return tmp_path / "alexnet.pth"


def test_lpips_reads_its_weights_and_is_zero_for_equal_pictures(alexnet: Path) -> None:
    network = LPIPS(alexnet)
    assert [weight.shape[1] for weight in network.channel_weights] == list(WIDTHS)
    assert all(bool((weight >= 0).all()) for weight in network.channel_weights)
    a, b = pictures(size=(40, 32)), pictures(size=(40, 32), seed=1)
    torch.testing.assert_close(lpips(network, a, a), torch.zeros(2))
    near, far = lpips(network, 0.9 * a + 0.1 * b, a), lpips(network, b, a)
    assert bool((near < far).all())
    torch.testing.assert_close(lpips(network, a, b), far)
    assert not any(part.requires_grad for part in network.parameters())


def test_lpips_is_the_weighted_sum_over_layers(alexnet: Path) -> None:
    network = LPIPS(alexnet)
    a, b = pictures(count=1, size=(40, 32)), pictures(count=1, size=(40, 32), seed=1)
    bundled = torch.load(bundled_channel_weights(), map_location="cpu", weights_only=True)
    expected = 0.0
    taps = {1: 0, 4: 1, 7: 2, 9: 3, 11: 4}
    x, y = (
        (2 * each - 1 - torch.tensor([-0.030, -0.088, -0.188])[:, None, None])
        / torch.tensor([0.458, 0.448, 0.450])[:, None, None]
        for each in (a, b)
    )
    for position, layer in enumerate(network.features):
        x, y = layer(x), layer(y)
        if position in taps:
            p, q = (each / each.norm(dim=1, keepdim=True).clamp_min(1e-4) for each in (x, y))
            weight = bundled[f"lin{taps[position]}.model.1.weight"]
            expected += ((p - q).square() * weight).sum(1).mean().item()
    assert lpips(network, a, b).item() == pytest.approx(expected, rel=1e-3)


def test_files_that_are_no_weights_are_one_sentence(alexnet: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="leave LPIPS out"):
        LPIPS(tmp_path / "absent.pth")
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="AlexNet"):
        LPIPS(tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"alex\.pth"):
        LPIPS(alexnet, tmp_path / "other.pth")
