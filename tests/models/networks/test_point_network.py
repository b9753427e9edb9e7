"""Points read off heat maps: exact on a one-hot map, learnable, independent of the batch."""

import pytest
import torch

from models.losses.landmarks import point_loss
from models.networks.point_network import PointNetwork, centres_of_mass
from models.networks.precision import network_autocast


def test_a_single_hot_cell_is_read_back_at_its_centre() -> None:
    maps = torch.full((1, 1, 8, 16), -1e4)
    maps[0, 0, 2, 5] = 0
    torch.testing.assert_close(centres_of_mass(maps), torch.tensor([[[5.5 / 16, 2.5 / 8]]]))


def test_a_flat_map_is_read_in_the_middle() -> None:
    torch.testing.assert_close(centres_of_mass(torch.zeros(2, 3, 8, 8)), torch.full((2, 3, 2), 0.5))


def test_the_network_learns_where_a_bright_spot_is() -> None:
    torch.manual_seed(0)
    network = PointNetwork(64, points=1, width=4, map_width=8, features=16)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)

    def spots(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        places = 0.15 + 0.7 * torch.rand(count, 1, 2, generator=generator)
        axis = (torch.arange(64) + 0.5) / 64
        x, y = axis[None, None] - places[..., 0, None], axis[None, None] - places[..., 1, None]
        image = torch.exp(-(x[:, :, None] ** 2 + y[..., None] ** 2) / (2 * 0.05**2))
        return image.expand(-1, 3, -1, -1), places

    for _ in range(60):
        images, places = spots(16)
        seen = network(images)
        optimizer.zero_grad()
        point_loss(seen.points, seen.log_deviation, places, torch.ones(16, 1)).backward()
        optimizer.step()
    images, places = spots(16)
    assert float((network(images).points - places).norm(dim=-1).mean()) < 0.04


def test_a_picture_does_not_see_its_neighbours() -> None:
    network = PointNetwork(64, points=3, width=4, map_width=8, features=16)
    images = torch.rand(3, 3, 64, 64)
    torch.testing.assert_close(network(images).points[1:2], network(images[1:2]).points, atol=1e-5, rtol=1e-4)


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        PointNetwork(100)
    with pytest.raises(ValueError, match="resize them"):
        PointNetwork(64, width=4, map_width=8)(torch.rand(1, 3, 32, 32))


def test_unknown_points_cost_nothing_and_certainty_pays_when_it_is_right() -> None:
    target = torch.rand(1, 4, 2)
    known = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    far = target.clone()
    far[:, 2:] += 5
    sure, unsure = torch.full((1, 4), -6.0), torch.full((1, 4), -2.0)
    assert float(point_loss(far, sure, target, known)) == float(point_loss(target, sure, target, known))
    assert float(point_loss(target, sure, target, known)) < float(point_loss(target, unsure, target, known))
    wrong = target + 0.2
    assert float(point_loss(wrong, sure, target, known)) > float(point_loss(wrong, unsure, target, known))


def test_positions_stay_in_full_precision_when_the_network_runs_in_half() -> None:
    maps = torch.randn(1, 2, 32, 32)
    with network_autocast("bfloat16", maps.device):
        torch.testing.assert_close(centres_of_mass(maps), centres_of_mass(maps.double()).float(), atol=1e-6, rtol=0)


def test_half_precision_can_be_forced_and_forbidden() -> None:
    layer, x = torch.nn.Linear(4, 4), torch.rand(2, 4)
    for precision, dtype in (("bfloat16", torch.bfloat16), ("float32", torch.float32)):
        with network_autocast(precision, x.device):  # type: ignore[arg-type]
            assert layer(x).dtype == dtype
