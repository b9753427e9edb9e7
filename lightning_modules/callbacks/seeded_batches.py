"""Random numbers that depend on where the training is, not on how it got there."""

import random
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader, RandomSampler


class SeededBatches(Callback):
    """Seeds torch, numpy and random before each batch of training by (seed, epoch, batch, process), and the order of
    shuffled data and their workers by (seed, epoch): a run that goes on from a checkpoint draws what it would have
    drawn.

    The seed is the run's; one that was begun without any keeps the one that chance gave it.
    """

    def __init__(self) -> None:
        self.seed: int | None = None
        self.order = torch.Generator()
        self.workers = torch.Generator()

    def state_dict(self) -> dict[str, Any]:
        return {"seed": self.seed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.seed = state_dict["seed"]

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.seed is None:
            self.seed = torch.initial_seed()
        seed_all(self.seed)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the order of the data out of the hands of global random numbers."""
        loader, shuffled = trainer.train_dataloader, False
        if isinstance(loader, DataLoader):
            loader.generator = loader.generator or self.workers
            shuffled = isinstance(loader.sampler, RandomSampler) and loader.sampler.generator is None
            if shuffled:
                loader.sampler.generator = self.order  # type: ignore[union-attr]
        self.seed_order(trainer.current_epoch)
        fetcher = trainer.fit_loop._data_fetcher
        if shuffled and fetcher is not None:
            iter(fetcher)  # the trainer has asked for the first batches already

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seed_order(trainer.current_epoch)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        seed_all(mixed(self.seed or 0, trainer.current_epoch, batch_idx, trainer.global_rank))

    def seed_order(self, epoch: int) -> None:
        for number, generator in enumerate((self.order, self.workers)):
            generator.manual_seed(mixed(self.seed or 0, epoch, number) >> 1)


def mixed(*origin: int) -> int:
    """A seed of 64 bits from several numbers."""
    return int(np.random.SeedSequence(origin).generate_state(1, np.uint64)[0])


def seed_all(seed: int) -> None:
    """Seeds torch on every device, numpy and random."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    random.seed(seed)
