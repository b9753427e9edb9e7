"""The prototype loop against a slow float64 truth with the authors' buffer, and its parts one by one."""

import pytest
import torch

from models.clothing.prototype import (
    FIRST_STEP,
    OffsetSums,
    add_offsets,
    no_offsets,
    prototype_moves,
    prototype_step,
    warm_factor,
)
from models.clothing.template import ellipsoid_template

TEMPLATE = ellipsoid_template(subdivisions=1)
VERTICES = TEMPLATE.vertices
COUNT = len(VERTICES)
BUFFER_ROWS = 24


def offsets(number: int = 12, size: float = 0.1) -> torch.Tensor:
    return size * torch.randn(number, COUNT, 3, generator=torch.Generator().manual_seed(0))


def summed(all_offsets: torch.Tensor, batch: int = 4) -> OffsetSums:
    sums = no_offsets(VERTICES)
    for part in all_offsets.split(batch):
        sums = add_offsets(sums, part)
    return sums


def authors_template(all_offsets: torch.Tensor, step: float, warm: float) -> torch.Tensor:
    """Row by row as the authors do: a buffer of the whole training set, loops over vertices and neighbours."""
    buffer = torch.zeros(BUFFER_ROWS, COUNT, 3, dtype=torch.float64)
    for row, offset in enumerate(all_offsets.double()):
        buffer[row] = offset - offset.mean(0)
    kept = [row for row in buffer if row[-1].abs().mean() <= 0.4]
    mean = sum(kept, torch.zeros(COUNT, 3, dtype=torch.float64)) / len(kept)
    neighbours = [set() for _ in range(COUNT)]
    for a, b in TEMPLATE.edges.tolist():
        neighbours[a].add(b)
        neighbours[b].add(a)
    for _ in range(3):
        around = torch.stack([mean[sorted(ring)].mean(0) for ring in neighbours])
        mean = 0.5 * mean + 0.5 * around
    template = VERTICES.double() + warm * step * mean.clamp(-0.05, 0.05)
    return template - template.mean(0)


@pytest.mark.parametrize("size", [0.1, 1.0], ids=["inside the clip", "clipped and rejected"])
def test_the_authors_step_is_reproduced(size: float) -> None:
    drawn = offsets(size=size)
    truth = authors_template(drawn, 0.09, 0.5)
    moved = prototype_step(summed(drawn), BUFFER_ROWS, VERTICES, TEMPLATE.laplacian, 0.09, 0.5)
    torch.testing.assert_close(moved.template.double(), truth, rtol=0, atol=1e-7)
    assert moved.next_step == pytest.approx(0.09 * 0.99)
    assert (truth - VERTICES).abs().max() > 1e-4


def test_a_true_mean_moves_by_the_known_offset() -> None:
    known = torch.zeros(COUNT, 3)
    known[:, 0] = 0.02 * VERTICES[:, 1]
    known[:, 0] -= known[:, 0].mean()
    sums = summed(known.expand(8, -1, -1))
    repaired = prototype_step(
        sums, BUFFER_ROWS, VERTICES, TEMPLATE.laplacian, 0.1, dilution="none", passes=0, clip=None, recentre=False
    )
    torch.testing.assert_close(repaired.template, VERTICES + 0.1 * known)
    diluted = prototype_step(sums, BUFFER_ROWS, VERTICES, TEMPLATE.laplacian, 0.1, passes=0, clip=None)
    torch.testing.assert_close(diluted.mean_offset, known * 8 / BUFFER_ROWS)


def test_offsets_count_about_their_own_mean() -> None:
    drawn = offsets()
    torch.testing.assert_close(summed(drawn + 3).offset_sum, summed(drawn).offset_sum, rtol=0, atol=1e-5)


def test_only_the_last_vertex_rejects_as_the_authors_have_it() -> None:
    last_far, others_far = torch.zeros(1, COUNT, 3), torch.zeros(1, COUNT, 3)
    last_far[:, -1] = 1
    others_far[:, : COUNT // 2] = 1
    others_far[:, -1] = others_far.mean()
    start = no_offsets(VERTICES)
    assert [int(add_offsets(start, far).rejected) for far in (last_far, others_far)] == [1, 0]
    assert [int(add_offsets(start, far, "all_vertices").rejected) for far in (last_far, others_far)] == [0, 1]
    assert int(add_offsets(start, last_far, "none").count) == 1


def test_two_processes_with_half_the_pictures_make_the_same_step() -> None:
    drawn = offsets()
    halves = [summed(drawn[rank::2]) for rank in range(2)]
    together = OffsetSums(*(first + second for first, second in zip(*halves, strict=True)))
    steps = [prototype_step(sums, BUFFER_ROWS, VERTICES, TEMPLATE.laplacian, 0.1) for sums in (together, summed(drawn))]
    torch.testing.assert_close(steps[0].template, steps[1].template, rtol=0, atol=1e-7)


def test_without_garments_the_template_stays() -> None:
    far = torch.zeros(2, COUNT, 3)
    far[:, -1] = 1.0
    for sums in (no_offsets(VERTICES), summed(far)):
        moved = prototype_step(sums, BUFFER_ROWS, VERTICES, TEMPLATE.laplacian, 0.1, dilution="none")
        assert torch.equal(moved.template, VERTICES)


def test_three_smoothing_passes_keep_a_fifth_of_a_vertex() -> None:
    template = ellipsoid_template()
    operator = torch.eye(642) + 0.5 * template.laplacian
    ring_of_six = torch.bincount(template.edges.flatten()) == 6
    kept = torch.linalg.matrix_power(operator, 3).diagonal()[ring_of_six].mean()
    assert float(kept) == pytest.approx(0.195, abs=0.005)


@pytest.mark.parametrize(("epochs", "updates", "total"), [(600, 250, 8.26), (500, 200, 7.73)])
def test_a_whole_training_moves_as_often_and_as_far_as_the_paper(epochs: int, updates: int, total: float) -> None:
    step, lengths = FIRST_STEP, []
    for epoch in range(epochs + 1):
        if prototype_moves(epoch, epochs):
            lengths.append(warm_factor(epoch + 1, 40) * step)
            step *= 0.99
    assert len(lengths) == updates
    assert sum(lengths) == pytest.approx(total, abs=0.03)


def test_warm_up_starts_at_a_hundredth_and_ends_at_one() -> None:
    assert [warm_factor(iteration, 100) for iteration in (0, 50, 100, 1000)] == [0.01, 0.505, 1.0, 1.0]
    assert warm_factor(0, 0) == 1
