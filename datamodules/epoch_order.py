"""In which order a training epoch visits its items."""

from collections.abc import Callable, Iterator, Sized
from typing import Any

import numpy as np
from lightning import LightningDataModule
from torch.utils.data import Dataset, DistributedSampler


class ShuffledEpochs(DistributedSampler[tuple[int, int]]):
    """(epoch, index) in an order that depends on the seed and the epoch only, so that workers and restarts agree.

    Of several processes each gets every so-many-th item of that order, so that their batches together are those of a
    single process with as much larger ones. What cannot be shared equally is left out of the epoch; where there are
    fewer items than processes some come twice. It is a DistributedSampler so that the trainer does not share out, and
    shuffle, once more.
    """

    def __init__(
        self, length: int, *, seed: int, current_epoch: Callable[[], int], processes: int = 1, rank: int = 0
    ) -> None:
        super().__init__(range(length), processes, rank, seed=seed, drop_last=length >= processes)  # type: ignore[arg-type]
        self.length = length
        self.current_epoch = current_epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch = self.current_epoch()
        order = np.random.default_rng((self.seed, epoch)).permutation(self.length)
        share = np.resize(order, self.total_size)[self.rank :: self.num_replicas]
        return iter([(epoch, int(index)) for index in share])


def training_order(items: Sized, data: LightningDataModule, seed: int) -> ShuffledEpochs:
    """The order of `items` in the training that `data` belongs to, for this of its processes."""
    trainer = data.trainer
    if trainer is None:
        return ShuffledEpochs(len(items), seed=seed, current_epoch=lambda: 0)
    return ShuffledEpochs(
        len(items),
        seed=seed,
        current_epoch=lambda: trainer.current_epoch,
        processes=trainer.world_size,
        rank=trainer.global_rank,
    )


class RepeatedItems(Dataset):
    """Every item of a data set `repeats` times an epoch, each time as in an epoch of its own.

    items: takes (epoch, index) and has a length.
    """

    def __init__(self, items: Any, repeats: int) -> None:
        if repeats < 1:
            raise ValueError(f"repeats is {repeats}: visit every item at least once an epoch.")
        self.items = items
        self.repeats = repeats

    def __len__(self) -> int:
        return self.repeats * len(self.items)

    def __getitem__(self, key: tuple[int, int] | int) -> Any:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        repeat, item = divmod(index, len(self.items))
        return self.items[epoch * self.repeats + repeat, item]
