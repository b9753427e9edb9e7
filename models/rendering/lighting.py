"""Second-order real spherical-harmonic light, with the papers' conventions kept apart and named.

All four papers evaluate the same nine polynomials of the unit normal (x, y, z), in a frame with x right, y up and z
towards the viewer:

    1,  x,  y,  z,  xy,  yz,  xz,  3z² − 1,  x² − y²

and differ in the order, the signs and the factors. Nine numbers of one paper are therefore meaningless to another until
they went through `convert_light`; between any two of these four the conversion is exact. A worked number: the light
whose only entry is the first one, 1, shades a white surface with 0.2821 everywhere in the conventions of Chen et al.,
DECA and 3D Magic Mirror, and with 0.8862 in Deep3D's."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

_PI = math.pi
_BAND0 = math.sqrt(1 / (4 * _PI))  # 0.2821
_BAND1 = math.sqrt(3 / (4 * _PI))  # 0.4886
_BAND2 = math.sqrt(15 / (4 * _PI))  # 1.0925, for xy, yz, xz
_BAND2_Z = math.sqrt(5 / (16 * _PI))  # 0.3154, for 3z² − 1
_BAND2_X = math.sqrt(15 / (16 * _PI))  # 0.5463, for x² − y²


class LightConvention(NamedTuple):
    """One paper's spherical harmonics: entry k of its light multiplies ``factors[k]`` times polynomial ``order[k]``."""

    order: tuple[int, int, int, int, int, int, int, int, int]
    """Positions in the list of polynomials in this module's docstring."""
    factors: tuple[float, float, float, float, float, float, float, float, float]


CHEN2020 = LightConvention(
    order=(0, 3, 1, 2, 7, 6, 5, 8, 4),
    factors=(_BAND0, _BAND1, _BAND1, _BAND1, _BAND2_Z, _BAND2, _BAND2, _BAND2_X, _BAND2),
)
"""Chen et al., "Self-supervised learning of detailed 3D face reconstruction", TIP 2020: the plain orthonormal basis in
the order 1, z, x, y, 3z² − 1, xz, yz, x² − y², xy."""

DEEP3D = LightConvention(
    order=(0, 2, 3, 1, 4, 5, 7, 6, 8),
    factors=(
        _PI * _BAND0,
        -2 * _PI / math.sqrt(3) * _BAND1,
        2 * _PI / math.sqrt(3) * _BAND1,
        -2 * _PI / math.sqrt(3) * _BAND1,
        2 * _PI / math.sqrt(8) * _BAND2,
        -2 * _PI / math.sqrt(8) * _BAND2,
        2 * _PI / math.sqrt(8) * _BAND2_Z,
        -2 * _PI / math.sqrt(8) * _BAND2,
        2 * _PI / math.sqrt(8) * _BAND2 / 2,
    ),
)
"""Deng et al., "Accurate 3D face reconstruction with weakly-supervised learning", CVPRW 2019, as in the authors'
PyTorch code: the order 1, y, z, x, xy, yz, 3z² − 1, xz, x² − y² with odd-m signs, times (π, 2π/√3, 2π/√8) by band.
These factors are theirs; the cosine lobe of Ramamoorthi and Hanrahan would be (π, 2π/3, π/4)."""

DECA = LightConvention(
    order=(0, 1, 2, 3, 4, 6, 5, 8, 7),
    factors=(
        _BAND0,
        2 * _PI / 3 * _BAND1,
        2 * _PI / 3 * _BAND1,
        2 * _PI / 3 * _BAND1,
        _PI / 4 * _BAND2,
        _PI / 4 * _BAND2,
        _PI / 4 * _BAND2,
        _PI / 4 * _BAND2_X,
        _PI / 4 * _BAND2_Z,
    ),
)
"""Feng et al., "Learning an animatable detailed 3D face model from in-the-wild images", SIGGRAPH 2021: the order 1,
x, y, z, xy, xz, yz, x² − y², 3z² − 1, with the cosine lobe's 2π/3 and π/4 on the upper bands but no π on the
first."""

MAGIC_MIRROR = LightConvention(
    order=(0, 1, 3, 2, 4, 5, 7, 6, 8),
    factors=(
        _BAND0,
        _BAND1,
        _BAND1,
        _BAND1,
        _BAND2,
        _BAND2,
        _BAND2_Z,
        _BAND2 / math.sqrt(2),
        _BAND2_X / math.sqrt(2),
    ),
)
"""Chen et al., "Learning to predict 3D objects with an interpolation-based differentiable renderer" (DIB-R), NeurIPS
2019, and Zheng et al., "3D Magic Mirror": the order 1, x, z, y, xy, yz, 3z² − 1, xz, x² − y²; the last two carry 1/√2
of the orthonormal factor (0.7725 and 0.3863)."""


def spherical_harmonics(normals: Float[Tensor, "b 3 h w"], convention: LightConvention) -> Float[Tensor, "b 9 h w"]:
    """The nine basis images of a convention at unit normals, differentiable; plain and readable, `shade` is faster."""
    x, y, z = normals.unbind(1)
    polynomials = (torch.ones_like(x), x, y, z, x * y, y * z, x * z, 3 * z * z - 1, x * x - y * y)
    return torch.stack(
        [factor * polynomials[index] for index, factor in zip(convention.order, convention.factors)], dim=1
    )


def convert_light(
    light: Float[Tensor, "b 9 c"], source: LightConvention, target: LightConvention
) -> Float[Tensor, "b 9 c"]:
    """The light of one paper in another's numbers: both shade every normal alike. Differentiable."""
    of_polynomials = _light_of_polynomials(light, source)
    order = torch.tensor(target.order, device=light.device)
    factors = torch.tensor(target.factors, dtype=light.dtype, device=light.device)
    return of_polynomials.index_select(1, order) / factors[:, None]


def shade(
    albedo: Float[Tensor, "b c h w"],
    normals: Float[Tensor, "b 3 h w"],
    light: Float[Tensor, "b 9 c"],
    convention: LightConvention,
    *,
    clip: bool = False,
) -> Float[Tensor, "b c h w"]:
    """albedo × Σ_k light_k H_k(normal), for each colour; with ``clip`` limited to [0, 1].

    Normals are unit vectors in the frame in which the light is fixed (camera space in all four papers).
    Differentiable to albedo, normals and light; where the result is clipped the gradient is 0, as with `torch.clamp`.
    """
    b, c, h, w = albedo.shape
    coefficients = _light_of_polynomials(light, convention)
    shaded = _Shade.apply(albedo.reshape(b, c, h * w), normals.reshape(b, 3, h * w), coefficients, clip)
    return shaded.view(b, c, h, w)


def spherical_harmonics_chen2020(normals: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 9 h w"]:
    """0.2821, 0.4886 z, 0.4886 x, 0.4886 y, 0.3154 (3z²−1), 1.0925 xz, 1.0925 yz, 0.5463 (x²−y²), 1.0925 xy."""
    return spherical_harmonics(normals, CHEN2020)


def shade_chen2020(
    albedo: Float[Tensor, "b 3 h w"], normals: Float[Tensor, "b 3 h w"], light: Float[Tensor, "b 9 3"]
) -> Float[Tensor, "b 3 h w"]:
    """Chen et al. 2020: clipped to [0, 1]. ``light`` includes the paper's offset (0.3, 0.3, 0, …) on each colour."""
    return shade(albedo, normals, light, CHEN2020, clip=True)


def shade_deep3d(
    albedo: Float[Tensor, "b 3 h w"], normals: Float[Tensor, "b 3 h w"], light: Float[Tensor, "b 9 3"]
) -> Float[Tensor, "b 3 h w"]:
    """Deep3D: not clipped. ``light`` includes the paper's offset (0.8, 0, …) on each colour."""
    return shade(albedo, normals, light, DEEP3D)


def shade_deca(
    albedo: Float[Tensor, "b 3 h w"], normals: Float[Tensor, "b 3 h w"], light: Float[Tensor, "b 9 3"]
) -> Float[Tensor, "b 3 h w"]:
    """DECA: not clipped."""
    return shade(albedo, normals, light, DECA)


def shade_magic_mirror(
    texture: Float[Tensor, "b 3 h w"], normals: Float[Tensor, "b 3 h w"], light: Float[Tensor, "b 9"]
) -> Float[Tensor, "b 3 h w"]:
    """3D Magic Mirror: one white light for the three colours, not clipped (the paper clips after composition).

    The paper lights the background too: there the normal is 0, so that the factor is 0.2821 L₀ − 0.3154 L₆.
    """
    return shade(texture, normals, light[:, :, None].expand(-1, -1, 3), MAGIC_MIRROR)


def unit_normals(normals: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Interpolated normals made unit again; 0, with gradient 0, where they are 0 (empty pixels). Differentiable.

    `torch.nn.functional.normalize` gives the same, ten times slower: it reduces across the channels of each pixel.
    """
    return _UnitNormals.apply(normals)  # type: ignore[return-value]


def _light_of_polynomials(light: Tensor, convention: LightConvention) -> Tensor:
    """[b 9 c] in a paper's order -> [b 9 c] in the order of the polynomials, factors multiplied in."""
    inverse = torch.tensor(convention.order, device=light.device).argsort()
    factors = torch.tensor(convention.factors, dtype=light.dtype, device=light.device)
    return (light * factors[:, None]).index_select(1, inverse)


class _UnitNormals(torch.autograd.Function):
    @staticmethod
    def forward(ctx, normals):
        x, y, z = normals.unbind(1)
        square = (x * x).addcmul_(y, y).addcmul_(z, z)
        inverse = torch.where(square > 0, square, torch.inf).rsqrt_()[:, None]
        unit = normals * inverse
        ctx.save_for_backward(unit, inverse)
        return unit

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        unit, inverse = ctx.saved_tensors
        (gx, gy, gz), (x, y, z) = gradient.unbind(1), unit.unbind(1)
        radial = (gx * x).addcmul_(gy, y).addcmul_(gz, z)[:, None]
        return torch.addcmul(gradient, unit, radial, value=-1).mul_(inverse)


class _Shade(torch.autograd.Function):
    """The products of `shade` with a backward written out: autograd would keep and add up some thirty images."""

    @staticmethod
    def forward(ctx, albedo: Tensor, normals: Tensor, light: Tensor, clip: bool) -> Tensor:
        b, _, pixels = normals.shape
        polynomials = normals.new_empty(b, 9, pixels)
        x, y, z = normals.unbind(1)
        polynomials[:, 0] = 1
        polynomials[:, 1:4] = normals
        torch.mul(x, y, out=polynomials[:, 4])
        torch.mul(z[:, None], normals[:, [1, 0]], out=polynomials[:, 5:7])
        polynomials[:, 7] = (3 * z).mul_(z).sub_(1)
        polynomials[:, 8] = (x + y).mul_(x - y)
        irradiance = light.transpose(1, 2) @ polynomials
        shaded = albedo * irradiance
        passes = ((shaded >= 0) & (shaded <= 1)) if clip else None
        ctx.save_for_backward(albedo, light, polynomials, irradiance, passes)
        return shaded.clamp_(0, 1) if clip else shaded

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        albedo, light, polynomials, irradiance, passes = ctx.saved_tensors
        needs_albedo, needs_normals, needs_light, _ = ctx.needs_input_grad
        grad = gradient if passes is None else gradient * passes
        grad_albedo = grad * irradiance if needs_albedo else None
        if not (needs_normals or needs_light):
            return grad_albedo, None, None, None
        grad_irradiance = grad * albedo
        grad_light = polynomials @ grad_irradiance.transpose(1, 2) if needs_light else None
        grad_normals = _Shade.normals_gradient(light, polynomials, grad_irradiance) if needs_normals else None
        return grad_albedo, grad_normals, grad_light, None

    @staticmethod
    def normals_gradient(light: Tensor, polynomials: Tensor, grad_irradiance: Tensor) -> Tensor:
        """With irradiance = c + bᵀn + nᵀMn for each colour: its gradient b + 2Mn, summed over the colours first."""
        g = light[:, 1:] @ grad_irradiance  # one image for each polynomial but the constant
        gx, gy, gz, gxy, gyz, gxz, gzz, gxx = g.unbind(1)
        x, y, z = polynomials[:, 1:4].unbind(1)
        gx.addcmul_(gxy, y).addcmul_(gxz, z).addcmul_(gxx, x, value=2)
        gy.addcmul_(gxy, x).addcmul_(gyz, z).addcmul_(gxx, y, value=-2)
        gz.addcmul_(gyz, y).addcmul_(gxz, x).addcmul_(gzz, z, value=6)
        return g[:, :3]
