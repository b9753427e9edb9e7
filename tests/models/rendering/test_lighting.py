import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from models.rendering.lighting import (
    CHEN2020,
    DECA,
    DEEP3D,
    MAGIC_MIRROR,
    LightConvention,
    convert_light,
    shade,
    shade_chen2020,
    shade_deca,
    shade_deep3d,
    shade_magic_mirror,
    spherical_harmonics,
    spherical_harmonics_chen2020,
    unit_normals,
)

CONVENTIONS = {"chen2020": CHEN2020, "deep3d": DEEP3D, "deca": DECA, "magic_mirror": MAGIC_MIRROR}


def random_normals(b: int, h: int, w: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(b, 3, h, w, generator=generator, dtype=torch.float64), dim=1)


def basis_at(normal: tuple[float, float, float], convention: LightConvention) -> list[float]:
    at = torch.tensor(normal, dtype=torch.float64)[None, :, None, None]
    return spherical_harmonics(at, convention)[0, :, 0, 0].tolist()


def test_chen2020_worked_numbers() -> None:
    # printed in the paper's code with four digits: 0.2821, 0.4886 z, 0.4886 x, 0.4886 y, 0.3154 (3z²-1), ...
    x, y, z = 0.48, 0.6, 0.64
    expected = [0.2821, 0.4886 * z, 0.4886 * x, 0.4886 * y, 0.3154 * (3 * z * z - 1), 1.0925 * x * z]
    expected += [1.0925 * y * z, 0.5463 * (x * x - y * y), 1.0925 * x * y]
    assert basis_at((x, y, z), CHEN2020) == pytest.approx(expected, abs=5e-5)
    at = torch.tensor([x, y, z])[None, :, None, None]
    assert spherical_harmonics_chen2020(at)[0, :, 0, 0].tolist() == pytest.approx(expected, abs=5e-5)


def test_chen2020_offset_alone_is_the_papers_first_picture() -> None:
    light = torch.zeros(1, 9, 3)
    light[:, :2] = 0.3  # the offset of the paper, zero network output
    towards, sideways = torch.tensor([0.0, 0, 1]), torch.tensor([1.0, 0, 0])
    normals = torch.stack((towards, sideways), -1)[None, :, None]
    shaded = shade_chen2020(torch.ones(1, 3, 1, 2), normals, light)
    assert shaded[0, 0, 0].tolist() == pytest.approx([0.3 * 0.28209 + 0.3 * 0.48860, 0.3 * 0.28209], abs=1e-5)


def test_deep3d_worked_numbers() -> None:
    # a = (π, 2π/√3, 2π/√8), c = (1/√4π, √3/√4π, 3√5/√12π), as in the authors' code
    a = (math.pi, 2 * math.pi / math.sqrt(3), 2 * math.pi / math.sqrt(8))
    c = (1 / math.sqrt(4 * math.pi), math.sqrt(3 / (4 * math.pi)), 3 * math.sqrt(5 / (12 * math.pi)))
    x, y, z = 0.48, 0.6, 0.64
    expected = [a[0] * c[0], -a[1] * c[1] * y, a[1] * c[1] * z, -a[1] * c[1] * x, a[2] * c[2] * x * y]
    expected += [-a[2] * c[2] * y * z, 0.5 * a[2] * c[2] / math.sqrt(3) * (3 * z * z - 1), -a[2] * c[2] * x * z]
    expected += [0.5 * a[2] * c[2] * (x * x - y * y)]
    assert basis_at((x, y, z), DEEP3D) == pytest.approx(expected, rel=1e-12)
    light = torch.zeros(1, 9, 3)
    light[:, 0] = 0.8  # its initial light: 0.8 · π / √(4π)
    assert shade_deep3d(torch.ones(1, 3, 1, 1), torch.zeros(1, 3, 1, 1), light)[0, 0].item() == pytest.approx(
        0.70898, abs=1e-5
    )


def test_deca_worked_numbers() -> None:
    pi = math.pi
    x, y, z = 0.48, 0.6, 0.64
    band1, band2 = 2 * pi / 3 * math.sqrt(3 / (4 * pi)), pi / 4 * 3 * math.sqrt(5 / (12 * pi))
    expected = [1 / math.sqrt(4 * pi), band1 * x, band1 * y, band1 * z, band2 * x * y, band2 * x * z, band2 * y * z]
    expected += [pi / 4 * 1.5 * math.sqrt(5 / (12 * pi)) * (x * x - y * y)]
    expected += [pi / 4 * 0.5 * math.sqrt(5 / (4 * pi)) * (3 * z * z - 1)]
    assert basis_at((x, y, z), DECA) == pytest.approx(expected, rel=1e-12)
    light = torch.zeros(1, 9, 3)
    light[0, 1, 0] = 1.0  # red light from the right of the picture
    right = torch.tensor([1.0, 0, 0])[None, :, None, None]
    assert shade_deca(torch.ones(1, 3, 1, 1), right, light).flatten().tolist() == pytest.approx(
        [1.02333, 0, 0], abs=1e-5
    )


def test_magic_mirror_worked_numbers() -> None:
    x, y, z = 0.48, 0.6, 0.64
    expected = [0.28209479, 0.48860251 * x, 0.48860251 * z, 0.48860251 * y, 1.09254843 * x * y, 1.09254843 * y * z]
    expected += [0.94617470 * z * z - 0.31539157, 0.77254840 * x * z, 0.38627420 * (x * x - y * y)]
    assert basis_at((x, y, z), MAGIC_MIRROR) == pytest.approx(expected, abs=1e-8)
    light = torch.zeros(1, 9)
    light[0, 0] = 3.0  # its initial light: 0.846 everywhere
    shaded = shade_magic_mirror(torch.ones(1, 3, 1, 1), torch.zeros(1, 3, 1, 1), light)
    assert shaded.flatten().tolist() == pytest.approx([0.84628] * 3, abs=1e-5)


@pytest.mark.parametrize("name", ["chen2020", "deca", "magic_mirror"])
def test_light_from_the_right_brightens_the_right(name: str) -> None:
    convention = CONVENTIONS[name]
    light = torch.zeros(1, 9, 1)
    light[0, convention.order.index(1)] = 1.0
    left, right = basis_at((-1, 0, 0), convention), basis_at((1, 0, 0), convention)
    entry = convention.order.index(1)
    assert right[entry] > 0 > left[entry]


def test_light_from_the_right_is_negative_in_deep3d() -> None:
    assert basis_at((1, 0, 0), DEEP3D)[3] < 0
    assert basis_at((0, 1, 0), DEEP3D)[1] < 0


@pytest.mark.parametrize("source", CONVENTIONS.values(), ids=CONVENTIONS)
@pytest.mark.parametrize("target", CONVENTIONS.values(), ids=CONVENTIONS)
def test_converted_light_shades_alike(source: LightConvention, target: LightConvention) -> None:
    normals = random_normals(2, 5, 7)
    light = torch.randn(2, 9, 3, dtype=torch.float64)
    albedo = torch.rand(2, 3, 5, 7, dtype=torch.float64)
    expected = shade(albedo, normals, light, source)
    torch.testing.assert_close(shade(albedo, normals, convert_light(light, source, target), target), expected)
    if source is not target:
        assert (shade(albedo, normals, light, target) - expected).abs().max() > 0.01


@pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=CONVENTIONS)
@pytest.mark.parametrize("clip", [False, True])
def test_shading_agrees_with_the_plain_formula(convention: LightConvention, clip: bool) -> None:
    """Forward and, under a random upstream picture, backward; the fast one in float32 as in training."""
    inputs = [torch.rand(3, 3, 6, 5), random_normals(3, 6, 5).float(), torch.randn(3, 9, 3)]
    upstream = torch.randn(3, 3, 6, 5)
    fast = [t.clone().requires_grad_() for t in inputs]
    plain = [t.double().requires_grad_() for t in inputs]
    result = shade(fast[0], fast[1], fast[2], convention, clip=clip)
    basis = spherical_harmonics(plain[1], convention)
    truth = plain[0] * torch.einsum("bkc,bkhw->bchw", plain[2], basis)
    truth = truth.clamp(0, 1) if clip else truth
    assert not clip or 0.1 < ((truth == 0) | (truth == 1)).double().mean() < 0.9  # both branches are exercised
    result.backward(upstream)
    truth.backward(upstream.double())
    torch.testing.assert_close(result.double(), truth, atol=1e-5, rtol=1e-5)  # worst seen 1.4e-6
    for one, other in zip(fast, plain):
        assert one.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(one.grad.double(), other.grad, atol=1e-4, rtol=1e-4)  # worst seen 8e-6


def test_shading_gradients_by_finite_differences() -> None:
    inputs = (torch.rand(1, 3, 2, 3), random_normals(1, 2, 3), torch.randn(1, 9, 3))
    inputs = tuple(t.double().requires_grad_() for t in inputs)
    assert torch.autograd.gradcheck(lambda a, n, light: shade(a, n, light, CHEN2020), inputs)


def test_unit_normals_agree_with_normalize_and_leave_empty_pixels_empty() -> None:
    normals = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    normals[0, :, 1, 2] = 0
    upstream = torch.randn_like(normals)
    fast, plain = normals.clone().requires_grad_(), normals.clone().requires_grad_()
    unit_normals(fast).backward(upstream)
    F.normalize(plain, dim=1).backward(upstream)
    torch.testing.assert_close(unit_normals(fast), F.normalize(plain, dim=1))
    assert fast.grad is not None
    assert plain.grad is not None
    covered = (normals != 0).any(1, keepdim=True)
    torch.testing.assert_close(fast.grad, torch.where(covered, plain.grad, 0.0))
