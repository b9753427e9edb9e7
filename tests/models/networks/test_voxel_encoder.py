"""3D features: sizes of both published variants, half voxels, the seven places."""

import pytest
import torch

from models.networks.voxel_encoder import VoxelEncoder, sample_volumes


@pytest.mark.parametrize(
    ("channels", "side", "wanted"),
    [
        (((16,), (32, 32), (64, 64), (128, 128), (128, 128)), 16, [(16, 1), (32, 2), (64, 4), (128, 8), (128, 16)]),
        (((32, 64), (128, 128), (128, 128)), 8, [(64, 1), (128, 2), (128, 4)]),
    ],
)
def test_the_published_variants_have_the_published_levels(channels, side, wanted):
    encoder = VoxelEncoder(channels, "none")
    volumes = encoder(torch.zeros(1, 1, side, side, side))
    assert [tuple(each.shape[1:]) for each in volumes[1:]] == [(c, *(side // s,) * 3) for c, s in wanted]
    assert encoder.map_channels == (1, *(c for c, _ in wanted))


@pytest.mark.parametrize("side", [4, 8, 16])
def test_a_ramp_reads_the_same_place_in_every_volume(side: int):
    centre = (2 * torch.arange(side, dtype=torch.float64) + 1) / side - 1
    z, y, x = torch.meshgrid(centre, centre, centre, indexing="ij")
    ramps = torch.stack([x, y, z])[None]
    position = (torch.rand(1, 30, 3, dtype=torch.float64) * 2 - 1) * 0.6
    seven = sample_volumes([ramps], position, 0.1).reshape(1, 30, 7, 3)
    torch.testing.assert_close(seven[:, :, 0], position)
    for axis in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[axis] = 0.1
        torch.testing.assert_close(seven[:, :, 1 + axis], position + step)
        torch.testing.assert_close(seven[:, :, 4 + axis], position - step)


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
def test_every_weight_is_trained(norm):
    encoder = VoxelEncoder(((4,), (8, 8)), norm)
    volumes = encoder(torch.rand(2, 1, 8, 8, 8))
    torch.stack([each.square().mean() for each in volumes]).sum().backward()
    assert all(value.grad is not None for value in encoder.parameters())


def test_a_grid_that_does_not_halve_is_refused():
    with pytest.raises(ValueError, match="6 x 6 x 6 voxels"):
        VoxelEncoder(((4,), (4,), (4,)))(torch.rand(1, 1, 6, 6, 6))
