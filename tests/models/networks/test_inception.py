"""The Inception of FID: names, shapes, number of weights, pools; and files that are not its own."""

from pathlib import Path

import pytest
import torch

from models.networks.inception import ConvolutionBlock, FidInception


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the published names and shapes; the values are random, the counters left out."""
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FidInception, "load_published", lambda self, path: None)
        torch.manual_seed(0)
        stored = FidInception(path).state_dict()
    torch.save({name: value.half() for name, value in stored.items() if "num_batches" not in name}, path)
    return path


@pytest.fixture(scope="module")
def network(weights: Path) -> FidInception:
    return FidInception(weights)


def test_names_shapes_and_number_of_weights(network: FidInception, weights: Path) -> None:
    # 94 convolutions with normalisation: the trunk of 21 785 568, and 1008 classes of 2049
    assert sum(isinstance(part, ConvolutionBlock) for part in network.modules()) == 94
    assert sum(part.numel() for part in network.parameters()) == 21_785_568 + 1008 * 2049
    stored = torch.load(weights, weights_only=True)
    assert len(stored) == 94 * 5 + 2
    shapes = {
        "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3),
        "Mixed_5b.branch5x5_2.conv.weight": (64, 48, 5, 5),
        "Mixed_5c.branch_pool.bn.running_var": (64,),
        "Mixed_6a.branch3x3.conv.weight": (384, 288, 3, 3),
        "Mixed_6b.branch7x7_2.conv.weight": (128, 128, 1, 7),
        "Mixed_6e.branch7x7dbl_4.conv.weight": (192, 192, 7, 1),
        "Mixed_7a.branch7x7x3_4.conv.weight": (192, 192, 3, 3),
        "Mixed_7b.branch1x1.conv.weight": (320, 1280, 1, 1),
        "Mixed_7c.branch3x3dbl_3b.conv.weight": (384, 384, 3, 1),
        "Mixed_7c.branch_pool.conv.weight": (192, 2048, 1, 1),
        "fc.weight": (1008, 2048),
    }
    assert {name: tuple(stored[name].shape) for name in shapes} == shapes


def test_a_picture_of_any_shape_becomes_2048_numbers_that_never_train(network: FidInception) -> None:
    picture = torch.rand(1, 3, 128, 64, generator=torch.manual_seed(0))
    described = network.train()(picture)
    assert described.shape == (1, 2048)
    assert bool(described.isfinite().all())
    assert not network.training
    assert not described.requires_grad
    torch.testing.assert_close(network(picture), described)  # batch statistics would depend on what came before


def test_pools_of_the_published_network(network: FidInception) -> None:
    corner = torch.zeros(1, 1, 4, 4)
    corner[..., 0, 0] = 4
    averaged, highest = network.Mixed_7b.pool(corner), network.Mixed_7c.pool(corner)
    # the corner's window has 4 pixels inside the picture, the next one's 6 and the inner one's 9
    assert averaged[0, 0, 0, :3].tolist() == pytest.approx([1, 4 / 6, 0])
    assert averaged[0, 0, 1, 1].item() == pytest.approx(4 / 9)
    assert highest[0, 0, :2, :2].tolist() == [[4, 4], [4, 4]]


def test_normalisation_has_tensorflows_epsilon(network: FidInception) -> None:
    assert {part.bn.eps for part in network.modules() if isinstance(part, ConvolutionBlock)} == {0.001}


def test_a_file_that_is_not_its_own_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="stand-in"):
        FidInception(tmp_path / "absent.pth")
    torch.save({"fc.weight": torch.zeros(1000, 2048)}, tmp_path / "torchvision.pth")
    with pytest.raises(ValueError, match="1008 classes"):
        FidInception(tmp_path / "torchvision.pth")
