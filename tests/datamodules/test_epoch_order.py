"""The order of training items, in one process and shared out to several."""

from typing import Any

import pytest
from torch.utils.data import BatchSampler, DistributedSampler

from datamodules.epoch_order import ShuffledEpochs


def batches(order: ShuffledEpochs, size: int) -> list[list[tuple[int, int]]]:
    sampler: Any = order  # torch's stubs know samplers of plain indices alone
    shown: Any = BatchSampler(sampler, size, drop_last=True)
    return list(shown)


def order_of(length: int, *, epoch: int = 0, processes: int = 1, rank: int = 0) -> ShuffledEpochs:
    return ShuffledEpochs(length, seed=1, current_epoch=lambda: epoch, processes=processes, rank=rank)


def test_every_epoch_shows_every_item_once() -> None:
    orders = [list(order_of(20, epoch=epoch)) for epoch in (0, 1)]
    for epoch, order in enumerate(orders):
        assert sorted(index for _, index in order) == list(range(20))
        assert {number for number, _ in order} == {epoch}
    assert [index for _, index in orders[0]] != [index for _, index in orders[1]]


@pytest.mark.parametrize(("length", "processes", "batch"), [(20, 2, 4), (21, 2, 4), (23, 3, 6), (7, 2, 4)])
def test_batches_of_several_processes_are_together_those_of_one(length: int, processes: int, batch: int) -> None:
    whole = batches(order_of(length, epoch=3), batch)
    each = [order_of(length, epoch=3, processes=processes, rank=rank) for rank in range(processes)]
    shares = [batches(order, batch // processes) for order in each]
    assert all(len(order) == length // processes for order in each)
    assert [len(share) for share in shares] == [len(whole)] * processes
    for number, items in enumerate(whole):
        assert sorted(items) == sorted(item for share in shares for item in share[number])


def test_every_process_gets_something_where_there_are_fewer_items() -> None:
    shares = [list(order_of(1, processes=2, rank=rank)) for rank in (0, 1)]
    assert shares == [[(0, 0)], [(0, 0)]]


def test_the_trainer_leaves_it_as_it_is() -> None:
    """It shares out, and shuffles, whatever is no sampler for several processes."""
    assert isinstance(order_of(3), DistributedSampler)
