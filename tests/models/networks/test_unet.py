"""The displacement network: the published one has the published number of weights."""

import pytest
import torch

from models.networks.unet import AddingUNet

PUBLISHED_WIDTHS = (16, 32, 64, 128, 256, 512, 512, 512, 512, 512)


def test_the_published_network_has_22_million_weights() -> None:
    with torch.device("meta"):
        network = AddingUNet(3, PUBLISHED_WIDTHS)
    assert sum(parameter.numel() for parameter in network.parameters()) == 22_023_201


def test_it_keeps_the_size_and_reaches_its_input() -> None:
    network = AddingUNet(4, (4, 8, 8))
    maps = torch.rand(2, 4, 16, 24, requires_grad=True)
    output = network(maps)
    assert output.shape == (2, 1, 16, 24)
    output.sum().backward()
    assert maps.grad is not None
    assert float(maps.grad.abs().sum()) > 0


def test_a_last_scale_of_zero_starts_from_nothing() -> None:
    assert float(AddingUNet(3, (4, 8), last_scale=0.0)(torch.rand(1, 3, 8, 8)).detach().abs().max()) == 0


def test_a_size_that_cannot_be_halved_is_refused() -> None:
    with pytest.raises(ValueError, match="halves"):
        AddingUNet(3, (4, 8, 8))(torch.rand(1, 3, 10, 10))
