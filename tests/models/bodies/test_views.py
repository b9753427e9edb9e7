"""PIFu and the multi-scale network: views fold as they should, nothing is remembered, every reading of the loss."""

from typing import Literal

import pytest
import torch
from torch import nn

from models.bodies.features import BodyFeatures
from models.bodies.multiscale import MultiScale
from models.bodies.pifu import Pifu
from models.geometry.view_cameras import turned_views
from models.networks.hourglass import HourglassEncoder, PyramidEncoder
from models.networks.point_mlp import PointMlp

WIDTHS = (13, 32, 16, 8, 1)


def pifu() -> Pifu:
    torch.manual_seed(0)
    return Pifu(HourglassEncoder(channels=16, stacks=2, depth=1, feature_channels=12), PointMlp(WIDTHS, (1, 2, 3), 2))


def multiscale(supervision: Literal["fused", "per_stage"] = "fused") -> MultiScale:
    torch.manual_seed(0)
    encoder = PyramidEncoder(channels=16, depths=(1, 1, 1), feature_channels=(4, 4, 4))
    return MultiScale(encoder, PointMlp(WIDTHS, (1, 2, 3), 2), supervision)


NETWORKS = [pifu, multiscale]


def scene(views: int, bodies: int = 2) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(bodies, views, 3, 32, 32, generator=generator)
    masks = (torch.rand(bodies, views, 1, 32, 32, generator=generator) > 0.3).float()
    points = torch.rand(bodies, 40, 3, generator=generator) * 160 - 80
    return images, masks, turned_views(views).expand(bodies, -1, -1, -1).contiguous(), points


@pytest.mark.parametrize("make", NETWORKS)
def test_identical_views_give_the_answer_of_one(make) -> None:
    network = make().eval()
    images, masks, views, points = scene(1)
    one = network.query(network.encode(images, masks), views, points)
    repeated = [each.repeat_interleave(3, 1) for each in (images, masks, views)]
    three = network.query(network.encode(*repeated[:2]), repeated[2], points)
    torch.testing.assert_close(three.logits, one.logits, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(three.context, one.context, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("make", NETWORKS)
def test_the_order_of_the_views_changes_nothing(make) -> None:
    network = make().eval()
    images, masks, views, points = scene(4)
    straight = network.query(network.encode(images, masks), views, points)
    order = [2, 0, 3, 1]
    turned = network.query(network.encode(images[:, order], masks[:, order]), views[:, order], points)
    torch.testing.assert_close(turned.logits, straight.logits, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("make", NETWORKS)
def test_bodies_of_a_batch_do_not_mix(make) -> None:
    """A wrong folding of [b, n] to [b n] reads another body's picture."""
    network = make().eval()
    images, masks, views, points = scene(3)
    both = network.query(network.encode(images, masks), views, points).logits
    for body in range(2):
        part = slice(body, body + 1)
        alone = network.query(network.encode(images[part], masks[part]), views[part], points[part]).logits
        torch.testing.assert_close(both[:, part], alone, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("make", NETWORKS)
def test_a_query_remembers_nothing_and_no_point_knows_another(make) -> None:
    network = make().eval()
    images, masks, views, points = scene(2)
    features = network.encode(images, masks)
    whole = network.query(features, views, points).logits
    network.query(features, views, points + 20)
    torch.testing.assert_close(network.query(features, views, points[:, 7:9]).logits, whole[:, :, 7:9])


def test_pifu_supervises_every_stack_and_answers_with_the_last() -> None:
    network = pifu().eval()
    images, masks, views, points = scene(2)
    features = network.encode(images, masks)
    both = network.query(features, views, points).logits
    assert both.shape == (2, 2, 40)
    assert not torch.allclose(both[0], both[1])
    torch.testing.assert_close(network.query(features.last(), views, points).logits[0], both[1])


def test_multiscale_joins_every_scale() -> None:
    network = multiscale()
    images, masks, views, points = scene(2)
    features = network.encode(images, masks)
    assert [tuple(each.shape[2:]) for each in features.stages[0]] == [(4, 8, 8), (4, 4, 4), (4, 2, 2)]
    network.query(features, views, points).logits.sum().backward()
    for head in network.encoder.heads:
        assert isinstance(head, nn.Module)
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in head.parameters())


def test_supervision_per_stage_adds_scale_by_scale() -> None:
    fused, staged = multiscale(), multiscale("per_stage")
    images, masks, views, points = scene(2)
    answers = staged.query(staged.encode(images, masks), views, points).logits
    assert answers.shape == (3, 2, 40)
    torch.testing.assert_close(answers[-1:], fused.query(fused.encode(images, masks), views, points).logits)
    maps = fused.encode(images, masks).stages[0]
    first_only = BodyFeatures([[maps[0], torch.zeros_like(maps[1]), torch.zeros_like(maps[2])]])
    torch.testing.assert_close(answers[:1], fused.query(first_only, views, points).logits)


def test_every_view_can_be_asked_by_itself() -> None:
    network = multiscale().eval()
    images, masks, views, points = scene(3)
    query = network.query(network.encode(images, masks), views, points, per_view=True)
    assert query.per_view is not None
    for view in range(3):
        part = slice(view, view + 1)
        alone = network.query(network.encode(images[:, part], masks[:, part]), views[:, part], points)
        torch.testing.assert_close(query.per_view[:, view], alone.logits[-1], atol=1e-6, rtol=1e-5)


def test_a_classifier_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="let its widths begin with 13"):
        Pifu(HourglassEncoder(channels=16, stacks=1, depth=1, feature_channels=12), PointMlp((12, 8, 1), (1,), 0))
