"""Two processes that saw half the data each must agree with one that saw all."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torchmetrics import Metric

from metrics.coefficients import CoefficientCorrelation
from metrics.images import PsnrDb, SkinErrorGreyLevels
from metrics.landmarks import LandmarkNmeByYawPercent, LandmarkNmePercent
from metrics.normals import DetailGainPercent, NormalErrorDegrees, ReliefGainPercent
from metrics.surfaces import VertexErrorMm, VertexErrorReductionPercent


def rand(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.manual_seed(sum(shape)))


def others(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.manual_seed(99))


CASES: dict[str, tuple[Callable[[], Metric], tuple[Tensor, ...]]] = {
    "nme": (LandmarkNmePercent, (rand(6, 68, 2), others(6, 68, 2))),
    "yaw": (LandmarkNmeByYawPercent, (rand(6, 68, 2), others(6, 68, 2), 1.5 * rand(6))),
    "vertices": (lambda: VertexErrorMm("similarity"), (rand(6, 9, 3), others(6, 9, 3))),
    "reduction": (lambda: VertexErrorReductionPercent("rigid"), (rand(6, 9, 3), others(6, 9, 3), rand(9, 3))),
    "normals": (NormalErrorDegrees, (rand(6, 3, 4, 4), others(6, 3, 4, 4), rand(6, 4, 4) > 0.5)),
    "detail": (DetailGainPercent, (rand(6, 3, 4, 4), others(6, 3, 4, 4), rand(6, 3, 4, 4) + 1, rand(6, 4, 4) > 0.5)),
    "relief": (
        ReliefGainPercent,
        (rand(6, 3, 9, 9), others(6, 3, 9, 9), rand(6, 3, 9, 9) + 1, rand(6, 9, 9) > 0.1, rand(6, 9, 9) > 0.5),
    ),
    "skin": (SkinErrorGreyLevels, (rand(6, 3, 4, 4), rand(6, 4, 4) > 0.4, others(6, 3, 4, 4), others(6, 4, 4) > 0.5)),
    "psnr": (PsnrDb, (rand(6, 3, 4, 4), others(6, 3, 4, 4))),
    "correlation": (lambda: CoefficientCorrelation(5), (rand(6, 5), others(6, 5))),
}


def part(arguments: tuple[Tensor, ...], rows: slice) -> list[Tensor]:
    return [value[rows] if len(value) == 6 else value for value in arguments]


@pytest.mark.parametrize("name", CASES)
def test_states_add_up_over_processes(name: str) -> None:
    make, arguments = CASES[name]
    alone, first, second = make(), make(), make()
    alone.update(*arguments)
    first.update(*part(arguments, slice(0, 2)))
    second.update(*part(arguments, slice(2, 6)))

    def gather(state: Tensor, group: Any = None) -> list[Tensor]:
        name = next(key for key in first._defaults if getattr(first, key) is state)
        return [state, getattr(second, name)]

    first.dist_sync_fn = gather
    first.distributed_available_fn = lambda: True
    expected, together = alone.compute(), first.compute()
    if not isinstance(expected, dict):
        expected, together = {"value": expected}, {"value": together}
    for key, value in expected.items():
        torch.testing.assert_close(together[key], value, rtol=1e-5, atol=1e-6, equal_nan=True)


def test_a_reset_metric_starts_afresh() -> None:
    make, arguments = CASES["nme"]
    metric = make()
    metric.update(*arguments)
    first = metric.compute()
    metric.reset()
    metric.update(*arguments)
    torch.testing.assert_close(metric.compute(), first)
