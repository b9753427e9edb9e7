"""In which order a training epoch visits its items."""

from collections.abc import Callable, Iterator

import numpy as np
from torch.utils.data import Sampler


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
