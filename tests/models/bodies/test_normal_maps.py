"""Front and back normals: length, mask, sharing, sizes."""

import pytest
import torch

from models.bodies.normal_maps import FrontBackNormals, NormalMaps, resized_normals
from models.networks.pix2pixhd import GlobalGenerator
from models.networks.unet import AddingUNet


def generator(channels: int) -> GlobalGenerator:
    return GlobalGenerator(3, channels, width=4, downs=2, blocks=1)


@pytest.mark.parametrize("network", [NormalMaps(generator(3), generator(3)), NormalMaps(AddingUNet(3, (8, 8), 6))])
def test_normals_have_unit_length_in_the_mask_and_none_outside(network: NormalMaps):
    masks = (torch.rand(2, 1, 16, 16) > 0.5).float()
    made = network(torch.rand(2, 3, 16, 16), masks)
    for normals in made:
        torch.testing.assert_close(normals.norm(dim=1, keepdim=True), masks)
    assert not torch.equal(made.front, made.back)


def test_the_background_is_not_seen():
    network = NormalMaps(generator(6))
    masks = torch.zeros(1, 1, 16, 16)
    masks[..., 4:12, 4:12] = 1
    images = torch.rand(1, 3, 16, 16)
    other = torch.where(masks > 0, images, torch.rand(1, 3, 16, 16))
    torch.testing.assert_close(network(images, masks).front, network(other, masks).front)


def test_a_wrong_number_of_channels_is_refused():
    with pytest.raises(ValueError, match="make 3 channels"):
        NormalMaps(generator(3))(torch.rand(1, 3, 16, 16), torch.ones(1, 1, 16, 16))


def test_resized_normals_keep_edges_in_place_and_unit_length():
    across = torch.linspace(-1, 1, 17)[:-1] + 1 / 16
    ramp = torch.stack([across, across * 0, (1 - across**2).sqrt()])[None, :, None].expand(1, 3, 16, 16)
    twice = resized_normals(FrontBackNormals(ramp, ramp), (32, 32)).front
    torch.testing.assert_close(twice.norm(dim=1), torch.ones(1, 32, 32))
    halved = resized_normals(FrontBackNormals(twice, twice), (16, 16)).front
    torch.testing.assert_close(halved[..., 2:-2], ramp[..., 2:-2], atol=0.02, rtol=0)
    middle = torch.linspace(-1, 1, 33)[:-1] + 1 / 32
    torch.testing.assert_close(twice[0, 0, 0, 2:-2], middle[2:-2], atol=0.02, rtol=0)
