"""Folds of cloth in three bands of wavelength, each with mean zero so that no band hides in another's average."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from datamodules.synthetic.human_parameters import FOLD_REGIONS, Folds

WAVELENGTHS_CM = {1: 11.0, 2: 4.0, 3: 1.4}
"""Drape, folds, wrinkles."""
AMPLITUDES_CM = {1: 0.9, 2: 0.45, 3: 0.18}
HIGHEST_CM = 2.2
"""No cloth stands out by more than this."""


def ridge(turns: Tensor) -> Tensor:
    """A parabola a turn, with a sharp crest: mean 0, from −2/3 to 4/3, RMS 0.6."""
    offset = turns - turns.round()
    return offset.mul_(offset).mul_(8).sub_(2 / 3)


class FoldRegion:
    """The folds of one sleeve, leg or torso, in the coordinates along a bone and around it."""

    def __init__(
        self,
        folds: Folds,
        region: str,
        *,
        radius: float,
        centre: float,
        width: float,
        strength: float,
        ends: tuple[float, float],
    ) -> None:
        """Folds are strongest at `centre` cm along the bone and fade over `width` cm. Beyond the ends they change no
        more along the bone: there cloth lies across it, and folds that run on would come loose in leaves."""
        self.ends = ends
        self.phases = folds.phases[FOLD_REGIONS.index(region)]
        self.radius, self.centre, self.width = radius, centre, width
        self.axis_scale = 1 / (0.6 * radius) ** 2
        self.strength = min(strength, 1.1) * folds.strength

    def __call__(self, along: Tensor, first: Tensor, second: Tensor, bands: Sequence[int]) -> Tensor:
        """[p] cm outwards, from cm along the bone and the two coordinates across it."""
        if not bands:
            return torch.zeros_like(along)
        phases = self.phases
        along = along.clamp(*self.ends)
        across = (first * first + second * second).clamp_min_(1e-4)
        inverse = across.rsqrt()
        c, s = first * inverse, second * inverse
        c2, s2 = c * c - s * s, 2 * c * s
        s3 = s * c2 + c * s2
        warp = (along * (2 * math.pi / 17) + phases[0]).sin_().mul_(1.2)
        warp.add_(c2, alpha=0.8 * math.sin(phases[1])).add_(s2, alpha=0.8 * math.cos(phases[1]))
        warp.add_(s3.mul_((along * 0.2 + phases[2]).sin_()), alpha=0.7)
        warp.add_(along)
        total = torch.zeros_like(along)
        for band in bands:
            slant = 0.45 * self.radius * (1 if band != 2 else -1)
            turned = phases[2 + band]
            oblique = warp + c * (slant * math.sin(turned))
            oblique.add_(s, alpha=slant * math.cos(turned))
            height = ridge(oblique.mul_(1 / WAVELENGTHS_CM[band]).add_(phases[5 + band]))
            if band == 3:  # wrinkles come in patches
                at = along * (2 * math.pi / 9) + phases[9]
                patch = c2 * torch.sin(at) + s2 * torch.cos(at)
                height = height.mul_(patch.mul_(0.5).add_(0.5))
            total.add_(height, alpha=AMPLITUDES_CM[band])
        fading = ((along - self.centre) * (1 / self.width)).square_().neg_().exp_()
        total.mul_(fading.mul_(0.65).add_(0.35).mul_(self.strength))
        return total.mul_(across.mul_(self.axis_scale).clamp_max_(1))  # no folds where all directions meet
