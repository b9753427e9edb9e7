"""Which parameters each trial of a grid or a random search gets; any trial can be asked for on its own."""

import itertools
import math
import random
from typing import Any

from experiments.errors import UserError
from experiments.trials.sweep_file import Sweep


def number_of_trials(sweep: Sweep, count: int | None) -> int:
    """How many trials a sweep has: all of a grid, else what is asked for, never above the file's run_cap.

    Raises:
        UserError: a search without an end.
    """
    asked = [number for number in (count, sweep.most) if number is not None]
    if sweep.method == "grid":
        asked.append(math.prod(len(parameter.values) for parameter in sweep.parameters))
    if not asked:
        raise UserError(f"{sweep.path}: {sweep.method} has no end; add --count N or run_cap: N to the file")
    return min(asked)


def proposal(sweep: Sweep, number: int, seed: int) -> dict[str, Any]:
    """The parameters of one trial of a grid (the last parameter changes fastest) or of a random search, whose every
    trial has random numbers of its own.
    """
    if sweep.method == "grid":
        combinations = itertools.product(*(parameter.values for parameter in sweep.parameters))
        values = next(itertools.islice(combinations, number, None))
        return {parameter.name: value for parameter, value in zip(sweep.parameters, values, strict=True)}
    generator = random.Random(f"{seed}/{number}")
    return {parameter.name: parameter.draw(generator) for parameter in sweep.parameters}
