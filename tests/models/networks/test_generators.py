"""The generator of normal maps and the network behind the perceptual loss."""

from pathlib import Path

import pytest
import torch

from models.losses.perceptual import FeatureMapLoss
from models.networks.pix2pixhd import GlobalGenerator
from models.networks.vgg19 import VGG19Features


def test_the_published_generator_has_the_published_number_of_weights():
    with torch.device("meta"):
        generator = GlobalGenerator()
    assert sum(value.numel() for value in generator.parameters()) == 182_443_267


def test_pictures_keep_their_size_and_their_neighbours_do_not_matter():
    generator = GlobalGenerator(3, 5, width=4, downs=2, blocks=1)
    images = torch.rand(2, 3, 16, 24)
    made = generator(images)
    assert made.shape == (2, 5, 16, 24)
    torch.testing.assert_close(generator(images[1:])[0], made[1], atol=1e-5, rtol=1e-4)
    made.square().mean().backward()
    assert all(value.grad is not None for value in generator.parameters())


def test_a_size_that_does_not_halve_is_refused():
    with pytest.raises(ValueError, match="18 x 16 pixels"):
        GlobalGenerator(3, 3, 4, 2, 1)(torch.rand(1, 3, 16, 18))


@pytest.fixture(scope="module")
def vgg() -> VGG19Features:
    torch.manual_seed(0)
    return VGG19Features()


def test_the_taps_follow_the_first_relu_of_every_block(vgg: VGG19Features):
    maps = vgg(torch.rand(1, 3, 32, 32))
    assert [tuple(each.shape[1:]) for each in maps] == [
        (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)
    ]  # fmt: skip
    assert all(each.min() >= 0 for each in maps)
    names = {name.split(".")[1] for name in vgg.state_dict()}  # torchvision's numbers of the convolutions
    assert names == {str(index) for index in (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)}


def test_weights_are_read_from_a_file_and_others_refused(vgg: VGG19Features, tmp_path: Path):
    torch.save({**vgg.state_dict(), "classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "vgg19.pth")
    torch.testing.assert_close(VGG19Features(tmp_path / "vgg19.pth").state_dict(), vgg.state_dict())
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="does not hold the convolutions of VGG-19"):
        VGG19Features(tmp_path / "other.pth")
    with pytest.raises(FileNotFoundError, match="is not there"):
        VGG19Features(tmp_path / "nothing.pth")


def test_the_perceptual_loss_is_zero_for_the_same_picture_and_stays_frozen(vgg: VGG19Features):
    loss = FeatureMapLoss(vgg).train()
    assert not loss.network.training
    picture = torch.rand(1, 3, 32, 32, requires_grad=True)
    assert loss(picture, picture.detach()).item() == 0
    loss(picture, torch.rand(1, 3, 32, 32)).backward()
    assert picture.grad is not None
    assert all(value.grad is None for value in vgg.parameters())
