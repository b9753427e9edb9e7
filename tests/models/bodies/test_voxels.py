"""Grids of voxels over the cube, the mistakes put into them, and the network that mends them."""

import pytest
import torch
from torch import Tensor

from models.bodies.features import OUTSIDE_LOGIT
from models.bodies.superresolution import VoxelSuperResolution
from models.bodies.voxels import corrupted, occupied_voxels
from models.geometry.voxel_cube import position_in_cube, voxel_centres


def figure(points: Tensor) -> Tensor:
    """A trunk and an arm to the subject's right (x < 0) that reaches forwards (z > 0): every axis is told apart."""
    trunk = 1 - ((points / torch.tensor([15.0, 80.0, 11.0])) ** 2).sum(-1)
    arm = 1 - (((points - torch.tensor([-22.0, 30.0, 18.0])) / torch.tensor([8.0, 7.0, 30.0])) ** 2).sum(-1)
    return torch.maximum(trunk, arm)


def figure_grid(resolution: int) -> Tensor:
    return (figure(voxel_centres(resolution)) > 0).float().reshape(1, 1, *(resolution,) * 3)


def test_centres_lie_where_the_convention_says():
    centres = voxel_centres(64).reshape(64, 64, 64, 3)
    torch.testing.assert_close(centres[0, 0, 0], torch.full((3,), -97.453125))
    torch.testing.assert_close(centres[3, 2, 1], (torch.tensor([1.5, 2.5, 3.5]) * 2 / 64 - 1) * 99)
    torch.testing.assert_close(position_in_cube(torch.tensor([[[99.0, 0.0, -99.0]]]))[0, 0], torch.tensor([1.0, 0, -1]))


@pytest.mark.parametrize(
    ("resolution", "coarse", "most"), [(16, 15, 1.0), (48, 15, 0.2), (64, 15, 0.1), (64, 32, 0.25)]
)
def test_few_queries_fill_the_grid_of_dense_evaluation(resolution: int, coarse: int, most: float):
    asked = 0

    def query(points: Tensor) -> Tensor:
        nonlocal asked
        asked += len(points)
        return figure(points)

    found = occupied_voxels(query, resolution, coarse=coarse)
    assert torch.equal(found, figure_grid(resolution)[0])
    assert asked <= most * resolution**3


def test_mistakes_are_made_and_are_mistakes_only():
    truth = figure_grid(32).expand(4, -1, -1, -1, -1)
    generator = torch.Generator().manual_seed(0)
    overlaps = []
    for _ in range(10):
        made = corrupted(truth, generator)
        assert made.shape == truth.shape
        assert set(made.unique().tolist()) <= {0.0, 1.0}
        both, either = (made * truth).sum((1, 2, 3, 4)), torch.maximum(made, truth).sum((1, 2, 3, 4))
        overlaps.append(both / either)
    overlap = torch.stack(overlaps)
    assert 0.4 < overlap.mean() < 0.95
    assert overlap.max() < 1
    again = corrupted(truth, torch.Generator().manual_seed(0))
    assert torch.equal(again, corrupted(truth, torch.Generator().manual_seed(0)))
    assert corrupted(torch.zeros(1, 1, 16, 16, 16), generator).sum() == 0


def test_a_grid_is_seen_at_the_place_where_it_was_taken():
    """The raw grid is feature 0: sampled at voxels' centres it must say what is there, for every axis."""
    network = VoxelSuperResolution(32, ((4,),), (8,), reach=0.0)
    volumes = network.encode(figure_grid(32))
    read = torch.nn.functional.grid_sample(
        volumes[0], position_in_cube(voxel_centres(32)[None])[:, None, None], align_corners=False
    )[0, 0, 0, 0]
    torch.testing.assert_close(read, (figure(voxel_centres(32)) > 0).float(), atol=1e-4, rtol=0)


def test_the_published_sizes_have_the_published_feature_vector():
    large = VoxelSuperResolution()
    small = VoxelSuperResolution(32, ((32, 64), (128, 128), (128, 128)), (512, 256, 256))
    assert large.classifier[0].in_features == (1 + 16 + 32 + 64 + 128 + 128) * 7
    assert small.classifier[0].in_features == (1 + 64 + 128 + 128) * 7


def test_it_learns_to_mend_one_figure():
    torch.manual_seed(0)
    network = VoxelSuperResolution(16, ((8,), (16, 16)), (32, 32), norm="group")
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    truth = figure_grid(16)
    generator = torch.Generator().manual_seed(0)

    def points() -> Tensor:
        return (torch.rand(1, 600, 3, generator=generator) - 0.5) * torch.tensor([80.0, 180.0, 100.0])

    for _ in range(80):
        some = points()
        logits = network.query(network.encode(corrupted(truth, generator)), some)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, (figure(some) > 0).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(value.grad is not None for value in network.parameters())
    some = points()
    logits = network.eval().query(network.encode(corrupted(truth, generator)), some)
    assert ((logits > 0) == (figure(some) > 0)).float().mean() > 0.95
    outside = network.query(network.encode(truth), torch.tensor([[[0.0, 0.0, 99.5]]]))
    assert outside.item() == OUTSIDE_LOGIT


def test_a_resolution_that_does_not_halve_is_refused():
    with pytest.raises(ValueError, match="100 voxels a side"):
        VoxelSuperResolution(100)
