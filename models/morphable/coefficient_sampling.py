"""Random people and random expressions for synthetic data."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from models.morphable.linear import MorphableModel
from models.morphable.procedural_expressions import BLENDSHAPE_NAMES

LIMIT = 2.0
"""Coefficients stay within this many standard deviations: rarer faces leave the model's honest range."""


def sample_identity(
    model: MorphableModel, generator: torch.Generator, count: int, *, spread: float = 0.85
) -> Float[Tensor, "b k"]:
    """Identity coefficients of `count` people: normal, cut at +-2, times `spread` (0.7 to 0.9 looks natural)."""
    return spread * _cut_normal(count, model.identity_size, generator)


def sample_albedo(
    model: MorphableModel, generator: torch.Generator, count: int, *, spread: float = 0.9
) -> Float[Tensor, "b k"]:
    """Albedo coefficients of `count` people: normal, cut at +-2, times `spread`."""
    return spread * _cut_normal(count, model.albedo_size, generator)


def sample_expression(
    model: MorphableModel, generator: torch.Generator, count: int
) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b k"]]:
    """Blendshape weights (0..1) and the expression coefficients they amount to.

    The procedural face draws plausible combinations (`sample_expression_weights`); a model with other
    blendshapes draws a few at random; a model without any draws coefficients, and its weights are empty.
    """
    if model.blendshape_names == BLENDSHAPE_NAMES:
        weights = sample_expression_weights(generator, count)
    elif model.blendshape_names:
        size = (count, len(model.blendshape_names))
        weights = 0.8 * torch.rand(size, generator=generator) * (torch.rand(size, generator=generator) < 0.1)
    else:
        return torch.zeros(count, 0), 0.7 * _cut_normal(count, model.expression_size, generator)
    return weights, model.expression_from_blendshapes(weights.to(model.mean_mm))


def sample_expression_weights(generator: torch.Generator, count: int) -> Float[Tensor, "b n"]:
    """Weights of the 24 procedural blendshapes for `count` pictures, 0..1, in the order of BLENDSHAPE_NAMES.

    One picture in six is neutral; the others mix a typical expression (smile, laugh, surprise, anger, sadness,
    kiss, disgust, speech) at a random strength with a few random movements and, now and then, closed eyes.
    Contrary movements cancel, and lids never cross.
    """
    typical = _typical_expressions()
    choice = torch.randint(len(typical), (count,), generator=generator)
    strength = 0.25 + 0.75 * torch.rand(count, 1, generator=generator)
    uneven = 1.0 + 0.15 * torch.randn(count, len(BLENDSHAPE_NAMES), generator=generator)
    some = torch.rand(count, len(BLENDSHAPE_NAMES), generator=generator) < 0.12
    extra = 0.6 * torch.rand(count, len(BLENDSHAPE_NAMES), generator=generator) * some
    neutral = torch.rand(count, 1, generator=generator) < 1 / 6
    weights = torch.where(neutral, 0.0, (typical[choice] * strength * uneven + extra)).clamp(0.0, 1.0)

    index = {name: k for k, name in enumerate(BLENDSHAPE_NAMES)}
    closed = (torch.rand(count, generator=generator) < 0.08) & ~neutral[:, 0]
    droop = 0.15 * torch.rand(count, generator=generator)
    for side in ("Left", "Right"):
        blink = weights[:, index[f"blink{side}"]]
        lid = torch.maximum(blink, torch.where(closed, 0.95, droop))
        weights[:, index[f"blink{side}"]] = torch.minimum(lid, 1.0 - 0.4 * weights[:, index[f"squint{side}"]])
    for one, other in _CONTRARY:
        common = torch.minimum(weights[:, index[one]], weights[:, index[other]])
        weights[:, index[one]] -= common
        weights[:, index[other]] -= common
    return weights


_CONTRARY = (
    ("jawLeft", "jawRight"),
    ("smileLeft", "frownLeft"),
    ("smileRight", "frownRight"),
    ("browOuterUpLeft", "browDownLeft"),
    ("browOuterUpRight", "browDownRight"),
)


def _typical_expressions() -> Float[Tensor, "e n"]:
    def expression(**parts: float) -> list[float]:
        return [
            max((w for stem, w in parts.items() if name in (stem, f"{stem}Left", f"{stem}Right")), default=0.0)
            for name in BLENDSHAPE_NAMES
        ]

    return torch.tensor(
        [
            expression(smile=1.0, squint=0.4),
            expression(smile=1.0, squint=0.7, jawOpen=0.35, upperLipUp=0.4),
            expression(smile=0.45),
            expression(browInnerUp=1.0, browOuterUp=0.9, jawOpen=0.6),
            expression(browDown=1.0, squint=0.5, frown=0.5),
            expression(browInnerUp=0.9, frown=0.9),
            expression(pucker=1.0),
            expression(upperLipUp=0.8, browDown=0.6, squint=0.5),
            expression(jawOpen=0.35, lowerLipDown=0.4),
            expression(funnel=0.8, jawOpen=0.2),
            expression(cheekPuff=0.8, pucker=0.3),
        ]
    )


def _cut_normal(count: int, size: int, generator: torch.Generator) -> Float[Tensor, "b k"]:
    """Standard normal numbers given that they lie within +-LIMIT."""
    edge = math.erf(LIMIT / math.sqrt(2.0))
    uniform = edge * (2.0 * torch.rand(count, size, generator=generator) - 1.0)
    return math.sqrt(2.0) * torch.erfinv(uniform)
