"""What makes the gradients of several processes, averaged, those of one process with all their samples: an exchange for
modules of which each step moves one optimizer of several, and divisors that all processes share."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.strategies import ParallelStrategy
from torch import Tensor, distributed, nn


@contextmanager
def without_exchange(module: LightningModule) -> Iterator[None]:
    """Backward passes inside leave every process its own gradients. DDP would exchange those of all weights in each
    pass, however few take part, and walk through the graph to find out which."""
    if not several_processes():
        yield
        return
    strategy = module.trainer.strategy
    assert isinstance(strategy, ParallelStrategy)
    with strategy.block_backward_sync():
        yield


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Gives each weight the mean of its gradients over all processes, in one exchange. Weights without a gradient keep
    none: the same ones must lack it in every process. Does nothing in a single process."""
    if not several_processes():
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return
    together = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(together)  # gloo knows no mean
    together /= distributed.get_world_size()
    parts: tuple[Tensor, ...] = together.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def mean_over_processes(count: Tensor) -> Tensor:
    """What a sum over this process's samples is to be divided by, where `count` of them take part: the mean count of
    all processes. The mean over processes of such quotients is that over all their samples, however unequal the
    counts. Every process must ask; a single one gets its count."""
    if not several_processes():
        return count
    total = count.detach().clone()
    distributed.all_reduce(total)
    return total / distributed.get_world_size()


def share_of(number: int | None) -> int | None:
    """How many of `number` samples fall to each process, rounded up; None stands for all."""
    if number is None or not several_processes():
        return number
    return -(-number // distributed.get_world_size())


def several_processes() -> bool:
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1
