"""The occupancy losses: formula in float64, weights, balance, and logits of any size."""

import math

import pytest
import torch

from models.losses.occupancy import occupancy_loss

KINDS = ("bce", "mse", "extended_bce")


def formula(probability: float, label: float, kind: str, gamma: float) -> float:
    if kind == "mse":
        return (probability - label) ** 2
    inside, outside = -label * math.log(probability), -(1 - label) * math.log(1 - probability)
    return inside + outside if kind == "bce" else gamma * inside + (1 - gamma) * outside


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_formula_forward_and_backward(kind):
    logits = torch.linspace(-3, 3, 10, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([1.0] + [0.0] * 9, dtype=torch.float64)
    loss = occupancy_loss(logits, labels, kind=kind)
    probabilities = logits.detach().sigmoid().tolist()
    wanted = sum(formula(p, o, kind, gamma=0.9) for p, o in zip(probabilities, labels.tolist(), strict=True))
    assert loss.item() == pytest.approx(wanted / 10, rel=1e-12)
    assert torch.autograd.gradcheck(lambda values: occupancy_loss(values, labels, kind=kind), logits)


def test_with_nine_tenths_outside_the_inside_weighs_nine_times_as_much():
    labels = torch.tensor([[1.0] + [0.0] * 9])
    logits = torch.zeros(1, 10, requires_grad=True)
    (slope,) = torch.autograd.grad(occupancy_loss(logits, labels, kind="extended_bce"), logits)
    assert slope[0, 0].item() == pytest.approx(-9 * slope[0, 1].item(), rel=1e-5)
    assert slope.sum().item() == pytest.approx(0, abs=1e-7)  # both classes pull alike in total
    assert slope[0, 0] < 0 < slope[0, 1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_point_of_weight_nothing_does_not_count(kind):
    logits = torch.tensor([[2.0, -1.0, 0.5, 9.0, -9.0]])
    labels = torch.tensor([[1.0, 0.0, 0.0, 0.0, 1.0]])
    weights = torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0]])
    masked = occupancy_loss(logits, labels, weights, kind)
    torch.testing.assert_close(masked, occupancy_loss(logits[:, :3], labels[:, :3], kind=kind))
    assert occupancy_loss(logits, labels, torch.zeros_like(weights), kind).item() == 0


def test_the_balance_is_each_rows_own():
    logits = torch.randn(2, 6)
    labels = torch.tensor([[1.0] * 5 + [0.0], [1.0] + [0.0] * 5])
    together = occupancy_loss(logits, labels, kind="extended_bce")
    rows = [occupancy_loss(logits[row], labels[row], kind="extended_bce") for row in range(2)]
    torch.testing.assert_close(together, torch.stack(rows).mean())
    given = occupancy_loss(logits, labels, kind="extended_bce", gamma=0.5)
    torch.testing.assert_close(given, occupancy_loss(logits, labels) / 2)


@pytest.mark.parametrize("kind", KINDS)
def test_huge_logits_keep_finite_losses_and_slopes(kind):
    logits = torch.tensor([-1e4, 1e4, -100.0, 100.0], requires_grad=True)
    labels = torch.tensor([1.0, 0.0, 0.0, 1.0])
    loss = occupancy_loss(logits, labels, kind=kind)
    (slope,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(loss)
    assert torch.isfinite(slope).all()
    if kind == "bce":
        assert loss.item() == pytest.approx(5e3)
