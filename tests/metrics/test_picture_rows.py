"""One row a picture: order, repetition, missing figures, processes without pictures."""

from typing import Any

import pytest
import torch
from torch import Tensor

from metrics.picture_rows import PictureRows


def rows_of(*batches: tuple[list[int], list[float]]) -> PictureRows:
    metric = PictureRows(("score", "other"))
    for index, score in batches:
        metric.update(torch.tensor(index, dtype=torch.int64), {"score": torch.tensor(score)})
    return metric


def test_rows_come_by_index_and_missing_figures_are_nan() -> None:
    found = rows_of(([5, 2], [0.5, 0.2]), ([9], [0.9])).figures()
    assert found["index"].tolist() == [2, 5, 9]
    torch.testing.assert_close(found["score"].float(), torch.tensor([0.2, 0.5, 0.9]))
    assert bool(found["other"].isnan().all())


def test_a_picture_that_comes_again_counts_once() -> None:
    found = rows_of(([0, 1], [0.0, 1.0]), ([0], [7.0])).figures()
    assert found["index"].tolist() == [0, 1]
    assert found["score"].tolist() == [0.0, 1.0]


def test_processes_pool_their_pictures_each_once() -> None:
    first, second, idle = rows_of(([0, 2], [0.0, 2.0])), rows_of(([1, 0], [1.0, 0.0])), rows_of()

    def gather(state: Tensor, group: Any = None) -> list[Tensor]:
        return [metric.table().float().flatten() for metric in (first, second, idle)]

    metric = rows_of(([0, 2], [0.0, 2.0]))
    metric.dist_sync_fn = gather
    metric.distributed_available_fn = lambda: True
    assert metric.figures()["score"].tolist() == [0.0, 1.0, 2.0]


def test_one_picture_is_a_table_too() -> None:
    found = rows_of(([3], [0.25])).figures()
    assert found["index"].tolist() == [3]
    assert found["score"].tolist() == [0.25]


def test_an_empty_table_and_an_unknown_column() -> None:
    assert len(rows_of().table()) == 0
    with pytest.raises(ValueError, match="no column"):
        rows_of().update(torch.tensor([0]), {"unheard": torch.zeros(1)})
