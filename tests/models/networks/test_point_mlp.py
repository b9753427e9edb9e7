"""The point network against a slow float64 reading of its definition, and the fusion of views."""

import pytest
import torch
from torch.nn.functional import leaky_relu

from models.networks.point_mlp import PointMlp

WIDTHS = (9, 32, 16, 8, 1)


def network(**options) -> PointMlp:
    torch.manual_seed(0)
    return PointMlp(WIDTHS, (1, 2, 3), 2, **options).double()


def joined(mlp: PointMlp, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The definition: join input and activations, take the mean of both after the merge layer."""
    hidden, merged = features, features
    for index, layer in enumerate(mlp.layers):
        seen = torch.cat((hidden, features), dim=-1) if index in mlp.skip_layers else hidden
        hidden = layer(seen)
        if index < len(mlp.layers) - 1:
            hidden = leaky_relu(hidden, 0.01)
        if index == mlp.merge_layer:
            hidden, features = hidden.mean(dim=1), features.mean(dim=1)
            merged = hidden
    return hidden[..., 0], merged


@pytest.mark.parametrize("views", [1, 3])
def test_it_is_the_definition_forward_and_backward(views):
    mlp = network()
    features = torch.randn(2, views, 50, 9, dtype=torch.float64, requires_grad=True)
    found, (wanted, context) = mlp(features), joined(mlp, features)
    torch.testing.assert_close(found.logits, wanted)
    torch.testing.assert_close(found.merged, context)
    inputs = (features, *mlp.parameters())
    weights = torch.randn(2, 50, dtype=torch.float64)
    for left, right in zip(
        torch.autograd.grad((found.logits * weights).sum() + found.merged.square().sum(), inputs),
        torch.autograd.grad((wanted * weights).sum() + context.square().sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(left, right)


def test_the_published_sizes_have_the_published_numbers_of_weights_and_context():
    def count(mlp):
        return sum(value.numel() for value in mlp.parameters())

    pifu, coarse, fine = PointMlp(), PointMlp(skip_layers=(2, 3, 4)), PointMlp((272, 512, 256, 128, 1), (1, 2), 1)
    assert (count(pifu), count(coarse), count(fine)) == (1_183_874, 1_052_290, 408_577)
    assert coarse(torch.rand(1, 1, 3, 257)).merged.shape == (1, 3, 256)


@pytest.mark.parametrize("fusion", ["mean", "max", "attention", "per_view"])
def test_identical_views_say_what_one_says_and_their_order_changes_nothing(fusion):
    mlp = network(fusion=fusion)
    one = torch.randn(2, 1, 40, 9, dtype=torch.float64)
    alone, four = mlp(one), mlp(one.expand(2, 4, 40, 9))
    torch.testing.assert_close(four.logits, alone.logits, rtol=0, atol=1e-12)
    torch.testing.assert_close(four.merged, alone.merged, rtol=0, atol=1e-12)
    several = torch.randn(2, 4, 40, 9, dtype=torch.float64)
    order = [2, 0, 3, 1]
    torch.testing.assert_close(mlp(several[:, order]).logits, mlp(several).logits, rtol=0, atol=1e-12)


def test_each_view_can_answer_on_its_own():
    mlp = network()
    features = torch.randn(2, 3, 40, 9, dtype=torch.float64)
    together = mlp(features, per_view=True)
    assert together.per_view is not None
    for view in range(3):
        torch.testing.assert_close(together.per_view[:, view], mlp(features[:, view : view + 1]).logits)
    assert mlp(features).per_view is None


def test_a_point_does_not_depend_on_its_neighbours():
    mlp = network(norm="group")
    features = torch.randn(1, 2, 40, 9, dtype=torch.float64)
    torch.testing.assert_close(mlp(features[:, :, 7:9]).logits, mlp(features).logits[:, 7:9])


def test_what_is_refused():
    with pytest.raises(ValueError, match="end in 1"):
        PointMlp((9, 8, 3))
    with pytest.raises(ValueError, match="merge_layer is 3"):
        PointMlp(WIDTHS, (1,), 3)


@pytest.mark.parametrize("views", [1, 2])
def test_weights_of_the_attention_take_part_whatever_the_number_of_views(views):
    """Else several processes stop at the second step."""
    mlp = network(fusion="attention")
    mlp(torch.randn(1, views, 5, 9, dtype=torch.float64)).logits.sum().backward()
    assert all(value.grad is not None for value in mlp.parameters())
