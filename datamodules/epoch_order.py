"""In which order a training epoch visits its items."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from torch.utils.data import Dataset, Sampler


class ShuffledEpochs(Sampler[tuple[int, int]]):
    """(epoch, index) in an order that depends on the seed and the epoch only, so that workers and restarts agree."""

    def __init__(self, length: int, *, seed: int, current_epoch: Callable[[], int]) -> None:
        self.length = length
        self.seed = seed
        self.current_epoch = current_epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch = self.current_epoch()
        order = np.random.default_rng((self.seed, epoch)).permutation(self.length)
        return iter([(epoch, int(index)) for index in order])


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
