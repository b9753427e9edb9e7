"""What the processes of one evaluation share out, each sample measured once."""

from typing import Any, TypeVar

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.utils.data import DataLoader, DistributedSampler

Batch = TypeVar("Batch", bound=tuple[Any, ...])


def without_repetitions(module: LightningModule, batch: Batch, batch_index: int) -> Batch | None:
    """The rows of a validation or test batch that no other process measures; None where none is left.

    So that all processes get equally many samples, the trainer's sampler gives the first ones once more at the end.
    """
    trainer = module._trainer
    if trainer is None:
        return batch
    loader = trainer.test_dataloaders if trainer.testing else trainer.val_dataloaders
    if not isinstance(loader, DataLoader) or not isinstance(loader.sampler, DistributedSampler):
        return batch
    sampler, rows = loader.sampler, length_of(batch)
    places = torch.arange(rows) + batch_index * (loader.batch_size or 1)
    kept = int((places * sampler.num_replicas + sampler.rank < len(sampler.dataset)).sum())  # type: ignore[arg-type]
    return first_rows(batch, kept) if kept else None


def length_of(batch: tuple[Any, ...]) -> int:
    """Samples in a batch of named tensors."""
    first = batch[0]
    return len(first) if isinstance(first, Tensor) else length_of(first)


def first_rows(batch: Batch, count: int | None) -> Batch:
    """The first samples of a batch of named tensors; None takes all."""
    return type(batch)(*(part[:count] if isinstance(part, Tensor) else first_rows(part, count) for part in batch))
