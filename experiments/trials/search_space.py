"""What a sweep tries for one parameter, in wandb's words: values, or a distribution between two bounds."""

import math
import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from experiments.errors import UserError

BOUNDED = ("int_uniform", "uniform", "q_uniform", "log_uniform_values", "q_log_uniform_values")
"""Distributions between `min` and `max` that wandb knows and this project runs."""
KEYS = {"value", "values", "probabilities", "distribution", "min", "max", "q"}


class Parameter(NamedTuple):
    """One parameter of a sweep: either `values`, or a distribution from `low` to `high` in multiples of `step`."""

    name: str
    values: tuple[Any, ...] = ()
    probabilities: tuple[float, ...] | None = None
    distribution: str = "categorical"
    low: float = 0.0
    high: float = 0.0
    step: float | None = None

    @property
    def logarithmic(self) -> bool:
        return "log" in self.distribution

    def draw(self, generator: random.Random) -> Any:
        """A value by chance."""
        if self.values:
            return generator.choices(self.values, self.probabilities)[0]
        if self.distribution == "int_uniform":
            return generator.randint(int(self.low), int(self.high))
        if self.logarithmic:
            drawn = math.exp(generator.uniform(math.log(self.low), math.log(self.high)))
        else:
            drawn = generator.uniform(self.low, self.high)
        return self.rounded(drawn)

    def rounded(self, drawn: float) -> float:
        """To a multiple of `step` within the bounds."""
        if self.step is None:
            return drawn
        return float(f"{min(self.high, max(self.low, round(drawn / self.step) * self.step)):.12g}")


def read_parameter(name: str, asked: Any, where: str) -> Parameter:
    """A parameter as the YAML has it.

    Args:
        where: the file, for the sentence about a mistake.
    """
    key = f"{where}: parameter {name!r}"
    if not isinstance(asked, Mapping):
        raise UserError(f"{key} is {asked!r}; write {{value: {asked!r}}} for a fixed value or {{values: [...]}}")
    if "parameters" in asked:
        raise UserError(
            f"{key} has nested parameters, which the command line cannot take; write dotted names such as {name}.NAME"
        )
    if unknown := sorted(set(asked) - KEYS):
        raise UserError(f"{key} has the unknown key {unknown[0]!r}; it takes {', '.join(sorted(KEYS))}")
    if "value" in asked or "values" in asked:
        return _with_values(name, asked, key)
    if "min" not in asked or "max" not in asked:
        raise UserError(f"{key} says neither values nor min and max; write {{values: [...]}} or {{min: A, max: B}}")
    return _between(name, asked, key)


def _with_values(name: str, asked: Mapping[str, Any], key: str) -> Parameter:
    values = [asked["value"]] if "value" in asked else asked["values"]
    if not isinstance(values, list) or not values:
        raise UserError(f"{key} has no list of values; write {{values: [A, B]}}")
    if any(value is None for value in values):
        raise UserError(f'{key} has an empty value, which would arrive as the word None; write "null" in quotes')
    if asked.get("distribution", "categorical") not in {"categorical", "constant"}:
        raise UserError(f"{key} has values and the distribution {asked['distribution']}; take one of them out")
    probabilities = asked.get("probabilities")
    if probabilities is not None and len(probabilities) != len(values):
        raise UserError(f"{key} has {len(probabilities)} probabilities for {len(values)} values; give one for each")
    return Parameter(name, tuple(values), None if probabilities is None else tuple(probabilities))


def _between(name: str, asked: Mapping[str, Any], key: str) -> Parameter:
    low, high = asked["min"], asked["max"]
    for bound in (low, high, asked.get("q", 1.0)):
        if isinstance(bound, bool) or not isinstance(bound, (int, float)):
            raise UserError(
                f"{key}: {bound!r} is no number; write numbers as 0.001 or 1.0e-3 (YAML reads 1e-3 as text)"
            )
    whole = isinstance(low, int) and isinstance(high, int)
    distribution = asked.get("distribution", "int_uniform" if whole else "uniform")
    if distribution not in BOUNDED:
        raise UserError(f"{key} has the distribution {distribution!r}; expected one of {', '.join(BOUNDED)}")
    if not low < high:
        raise UserError(f"{key} goes from {low} to {high}; the smaller number must be min")
    if "log" in distribution and low <= 0:
        raise UserError(f"{key} begins at {low}, which has no logarithm; give a min above 0")
    step = float(asked.get("q", 1.0)) if distribution.startswith("q_") else None
    return Parameter(name, (), None, distribution, low, high, step)
