"""Wrinkles: size, sign, what drives them, and that a person stays the same person."""

import pytest
import torch
from torch import Tensor

from models.morphable.procedural_expressions import BLENDSHAPE_NAMES
from models.morphable.procedural_wrinkles import wrinkle_displacement_mm

SIZE = 128


def relief(age: float, weights: dict[str, float] | None = None, *, seed: int = 0, size: int = SIZE) -> Tensor:
    vector = torch.zeros(len(BLENDSHAPE_NAMES))
    for name, weight in (weights or {}).items():
        vector[BLENDSHAPE_NAMES.index(name)] = weight
    return wrinkle_displacement_mm(size, age, vector, torch.Generator().manual_seed(seed))[0]


def smooth(map_mm: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(map_mm[None, None], 3, 1, 1)[0, 0]


def test_displacements_fit_the_networks_range_and_leave_the_border_flat() -> None:
    strong = relief(1.0, {"smileLeft": 1.0, "smileRight": 1.0, "browInnerUp": 1.0})
    assert strong.shape == (SIZE, SIZE)
    assert float(strong.abs().max()) <= 0.95
    assert float(strong.min()) < -0.5, "valleys are negative and deep"
    assert float(strong[0].abs().max()) == 0.0
    assert float(strong[:, [0, -1]].abs().max()) == 0.0
    assert 0.03 < float(strong.std()) < 0.2


def test_the_same_generator_draws_the_same_relief() -> None:
    assert torch.equal(relief(0.5, seed=4), relief(0.5, seed=4))
    assert not torch.equal(relief(0.5, seed=4), relief(0.5, seed=5))


def test_age_deepens_the_same_wrinkles() -> None:
    young, old = smooth(relief(0.0)), smooth(relief(1.0))
    assert float(old.std()) > 1.7 * float(young.std())
    deep = old < -0.15
    assert float(torch.corrcoef(torch.stack([young[deep], old[deep]]))[0, 1]) > 0.2


@pytest.mark.parametrize(
    ("weights", "rows", "columns"),
    [
        ({"browInnerUp": 1.0}, slice(8, 40), slice(40, 88)),
        ({"browDownLeft": 1.0, "browDownRight": 1.0}, slice(28, 46), slice(56, 72)),
        ({"smileLeft": 1.0}, slice(36, 90), slice(66, 104)),
        ({"smileRight": 1.0}, slice(36, 90), slice(24, 62)),
    ],
)
def test_each_expression_wrinkles_its_own_place(weights: dict[str, float], rows: slice, columns: slice) -> None:
    change = smooth(relief(0.4, weights) - relief(0.4)).abs()
    assert float(change[rows, columns].max()) > 0.15
    # where it is strongest lies within the named window: left of the person is right of the texture, up is up
    strongest = int(change.argmax())
    assert rows.start <= strongest // SIZE < rows.stop
    assert columns.start <= strongest % SIZE < columns.stop


def test_a_finer_map_shows_the_same_person() -> None:
    coarse, fine = relief(0.8, size=64), relief(0.8, size=256)
    shrunk = torch.nn.functional.avg_pool2d(fine[None, None], 4)[0, 0]
    both = torch.stack([smooth(coarse).flatten(), smooth(shrunk).flatten()])
    assert float(torch.corrcoef(both)[0, 1]) > 0.9


def test_bad_drives_are_explained() -> None:
    with pytest.raises(ValueError, match=r"from 0 \(young\) to 1"):
        relief(1.5)
    with pytest.raises(ValueError, match="give 24"):
        wrinkle_displacement_mm(32, 0.5, torch.zeros(3), torch.Generator())
