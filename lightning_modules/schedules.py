"""Factors on the learning rate, as functions of the step."""

import math
from collections.abc import Callable


def cosine_schedule(steps: int, warmup_share: float = 0.02, last: float = 0.02) -> Callable[[int], float]:
    """Rise over the first steps, then half a cosine down to `last`."""

    def factor(step: int) -> float:
        warm = min(1.0, (step + 1) / max(1.0, warmup_share * steps))
        return warm * (last + (1 - last) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps)))))

    return factor


def staircase_schedule(factor_each: float, period: float, lowest: float) -> Callable[[int], float]:
    """`factor_each` ** (step / period), continuous, not below `lowest` (Chen et al., TIP 2020)."""
    return lambda step: max(lowest, factor_each ** (step / period))
