"""The stacked hourglass and the pyramid: sizes, counts, gradients and refusals."""

import pytest
import torch

from models.networks.hourglass import HourglassEncoder, PyramidEncoder
from models.networks.residual_block import ResidualBlock, normalisation


def weights(module: torch.nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())


def test_the_published_sizes_have_the_published_numbers_of_weights():
    encoder = HourglassEncoder()
    idle = 2 * sum(
        block.conv1.in_channels
        for block in encoder.modules()
        if isinstance(block, ResidualBlock) and block.shortcut is None
    )  # the release builds the norm before a shortcut even where there is none
    assert weights(encoder) + idle == pytest.approx(14.42e6, abs=0.005e6)
    assert weights(encoder) == 14_404_224
    assert weights(HourglassEncoder(9, stacks=1, depth=2, feature_channels=16, down="none")) == 3_816_720
    assert weights(HourglassEncoder(9, stacks=1, depth=4, feature_channels=16, down="none")) == 6_255_120


@pytest.mark.parametrize("down", ["ave_pool", "conv64", "conv128", "none"])
def test_every_stack_gives_a_map_of_the_stated_size(down):
    encoder = HourglassEncoder(3, 16, stacks=3, depth=2, feature_channels=6, down=down)
    maps = encoder(torch.rand(2, 3, 32, 64))
    side = 2 if down == "none" else 4
    assert [tuple(each.shape) for each in maps] == [(2, 6, 32 // side, 64 // side)] * 3


def test_the_pyramid_halves_from_stage_to_stage_and_may_begin_with_the_stem():
    pyramid = PyramidEncoder(3, 16, (2, 1, 1), (8, 6, 4), stem_features=5, down="ave_pool")
    maps = pyramid(torch.rand(1, 3, 64, 64))
    assert [tuple(each.shape[1:]) for each in maps] == [(5, 32, 32), (8, 16, 16), (6, 8, 8), (4, 4, 4)]
    assert pyramid.map_channels == (5, 8, 6, 4)


@pytest.mark.parametrize(
    "encoder", [HourglassEncoder(3, 16, 2, 1, 4), PyramidEncoder(3, 16, (1, 1), (4, 4), stem_features=2)]
)
def test_every_weight_is_trained(encoder):
    maps = encoder(torch.rand(1, 3, 32, 32))
    torch.stack([each.square().mean() for each in maps]).sum().backward()
    assert all(value.grad is not None for value in encoder.parameters())


@pytest.mark.parametrize("norm", ["group", "instance"])
def test_a_picture_does_not_depend_on_its_neighbours_in_the_batch(norm):
    encoder = HourglassEncoder(3, 16, 1, 1, 4, norm=norm).eval()
    images = torch.rand(3, 3, 32, 32)
    together, alone = encoder(images)[0][1], encoder(images[1:2])[0][0]
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_no_group_has_a_single_channel():
    for channels in (4, 6, 8, 9, 12, 16, 24, 32, 48, 64, 96, 128, 256):
        layer = normalisation("group", channels)
        assert isinstance(layer, torch.nn.GroupNorm)
        assert channels // layer.num_groups > 1
    assert all(normalisation("group", channels).num_groups == 32 for channels in (64, 128, 256))


def test_the_published_initialisation():
    start = HourglassEncoder(3, 64, 1, 1, 16, norm="batch", init="pifu").state_dict()
    assert start["hourglasses.0.skip.conv1.weight"].std().item() == pytest.approx(0.02, rel=0.05)
    assert start["heads.0.out.bias"].abs().max() == 0
    assert start["heads.0.norm.weight"].std().item() == pytest.approx(0.02, rel=0.4)


def test_what_is_refused():
    with pytest.raises(ValueError, match="36 x 32 pixels"):
        HourglassEncoder(3, 16, 1, 1, 4)(torch.rand(1, 3, 32, 36))
    with pytest.raises(ValueError, match="multiple of 4"):
        HourglassEncoder(3, 18)
    with pytest.raises(ValueError, match="3 depths and 2 feature widths"):
        PyramidEncoder(3, 16, (1, 1, 1), (4, 4))
