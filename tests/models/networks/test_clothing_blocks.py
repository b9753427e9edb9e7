"""Blocks of the clothing encoders, the critic and HRNet: sizes, formulas, names of published weights."""

import re

import pytest
import torch

from models.networks.convolution_blocks import DownBlock, GatedResidualBlocks, ShrunkResidualBlock, with_coordinates
from models.networks.dilated_pyramid import DilatedPyramid
from models.networks.discriminators import Critic
from models.networks.feature_pyramid import BidirectionalPyramid, StridedTrunk
from models.networks.hrnet import HRNet
from models.networks.pooling import MixedPool, SqueezeExcitation
from models.networks.resnet import ResNet


def weights_of(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_critic_has_the_papers_size_no_bias_and_starts_at_nothing() -> None:
    critic = Critic()
    assert weights_of(critic) == 291_936
    assert not [name for name, _ in critic.named_parameters() if "bias" in name]
    verdict = critic(torch.rand(2, 4, 128, 64))
    assert verdict.shape == (2,)
    assert verdict.abs().max() < 1e-2


def test_the_critic_is_twice_differentiable_and_judges_pictures_one_by_one() -> None:
    torch.manual_seed(0)
    critic = Critic(widths=(4, 6, 8), hidden=4).double()
    torch.nn.init.normal_(critic.layers[-1].weight)  # type: ignore[arg-type]
    pictures = torch.rand(2, 4, 8, 8, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(critic(pictures)[1:], critic(pictures[1:]))
    (slope,) = torch.autograd.grad(critic(pictures).sum(), pictures, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    penalty.backward()
    weight = critic.layers[0].weight
    assert isinstance(weight, torch.Tensor)
    analytic, step = weight.grad, 1e-6
    assert analytic is not None

    def penalty_with(change: float) -> float:
        with torch.no_grad():
            weight[0, 0] += change
        (slope,) = torch.autograd.grad(critic(pictures).sum(), pictures)
        with torch.no_grad():
            weight[0, 0] -= change
        return float((slope.flatten(1).norm(dim=1) - 1).square().mean())

    numeric = (penalty_with(step) - penalty_with(-step)) / (2 * step)
    assert float(analytic[0, 0].squeeze()) == pytest.approx(numeric, rel=1e-3)


def test_hrnet_has_the_official_size_and_names() -> None:
    with torch.device("meta"):
        network = HRNet()
    assert weights_of(network) == 15_597_464 - (2048 * 1000 + 1000)  # the published count, less the classifier
    names = network.state_dict()
    assert {
        "conv1.weight",
        "layer1.0.downsample.0.weight",
        "transition1.0.0.weight",
        "transition1.1.0.0.weight",
        "transition3.3.0.1.running_var",
        "stage2.0.branches.1.1.bn2.weight",
        "stage3.2.fuse_layers.0.2.1.bias",
        "stage4.1.fuse_layers.3.0.2.0.weight",
        "incre_modules.3.0.downsample.1.weight",
        "downsamp_modules.2.0.bias",
        "final_layer.0.bias",
    } <= set(names)
    assert names["stage4.1.fuse_layers.3.0.2.0.weight"].shape == (144, 18, 3, 3)


def test_hrnet_maps_a_picture_to_a_32nd_of_its_size() -> None:
    torch.manual_seed(0)
    network = HRNet(incoming=4, width=2, modules=(1, 1, 1), blocks=1).eval()
    with torch.no_grad():
        (features,) = network.maps(torch.rand(1, 4, 96, 64))
    assert features.shape == (1, 2048, 3, 2)
    assert features.std() > 0


def test_weights_for_colours_get_a_mask_channel(tmp_path) -> None:
    published = {f"fc.{name}": torch.zeros(3) for name in ("weight", "bias")} | {
        name: value
        for name, value in ResNet(18).state_dict().items()
        if not name.endswith("num_batches_tracked")  # old files lack them
    }
    torch.save(published, tmp_path / "resnet18.pth")
    network = ResNet(18, incoming=4, weights=tmp_path / "resnet18.pth")
    torch.testing.assert_close(network.conv1.weight[:, :3], published["conv1.weight"])
    torch.testing.assert_close(network.conv1.weight[:, 3], published["conv1.weight"].mean(1))
    torch.testing.assert_close(network.state_dict()["layer3.1.conv2.weight"], published["layer3.1.conv2.weight"])


def test_wrong_weight_files_are_explained(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"download torchvision's ImageNet weights of ResNet-18"):
        ResNet(18, weights=tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(ValueError, match="cannot be read as weights"):
        ResNet(18, weights=tmp_path / "text.pth")
    torch.save({"some": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="lacks weights"):
        ResNet(18, weights=tmp_path / "other.pth")
    torch.save(ResNet(18).state_dict() | {"layer1.9.weight": torch.zeros(3)}, tmp_path / "deeper.pth")
    with pytest.raises(ValueError, match="another size"):
        ResNet(18, weights=tmp_path / "deeper.pth")


def test_resnet_shows_its_stages() -> None:
    network = ResNet(18, norm="group", incoming=4)
    maps = network.maps(torch.rand(1, 4, 64, 32))
    assert [tuple(each.shape[1:]) for each in maps] == [(64, 16, 8), (128, 8, 4), (256, 4, 2), (512, 2, 1)]
    assert network.map_widths == (64, 128, 256, 512)


def test_blocks_follow_their_formulas() -> None:
    x = torch.randn(2, 16, 6, 4)
    block = ShrunkResidualBlock(16, "batch").eval()
    torch.testing.assert_close(block(x), 0.2 * x + block.layers(x))
    blocks = GatedResidualBlocks(16, 2, "batch").eval()
    torch.testing.assert_close(blocks(x), x + blocks.gate(blocks.blocks(x)))
    down = DownBlock(16).eval()(x)
    assert down.shape == (2, 32, 3, 2)
    torch.testing.assert_close(down[:, 16:], torch.nn.functional.avg_pool2d(x, 3, 2, 1))
    assert weights_of(SqueezeExcitation(64)) == 64 * 4 + 4 + 4 * 64 + 64


def test_pooling_starts_half_way_between_maximum_and_mean() -> None:
    x = torch.randn(2, 3, 10, 1)
    halves = torch.stack([0.5 * part.amax((2, 3)) + 0.5 * part.mean((2, 3)) for part in (x[:, :, :5], x[:, :, 5:])], 2)
    torch.testing.assert_close(MixedPool(2)(x), halves[..., None].expand(-1, -1, -1, 2))


def test_coordinates_run_from_minus_one_to_one() -> None:
    coordinates = with_coordinates(torch.zeros(1, 1, 3, 5))[0, 1:]
    assert coordinates[0, :, 0].tolist() == [-1, 0, 1]
    assert coordinates[1, 0].tolist() == [-1, -0.5, 0, 0.5, 1]


def test_the_dilated_pyramid_keeps_the_size_and_explains_small_maps() -> None:
    pyramid = DilatedPyramid(16)
    assert pyramid(torch.rand(2, 16, 12, 9)).shape == (2, 16, 12, 9)
    with pytest.raises(ValueError, match=re.escape("8 x 12 is too small for a convolution of dilation 8")):
        pyramid(torch.rand(1, 16, 12, 8))
    with pytest.raises(ValueError, match="cannot be shared by 4"):
        DilatedPyramid(18)


def test_the_bidirectional_pyramid_uses_every_weight_and_follows_its_formula() -> None:
    torch.manual_seed(0)
    trunk = StridedTrunk(4, (4, 6, 8, 10), "group")
    maps = trunk.maps(torch.rand(2, 4, 64, 32))
    assert [tuple(each.shape[1:]) for each in maps] == [(4, 16, 8), (6, 8, 4), (8, 4, 2), (10, 2, 1)]
    pyramid = BidirectionalPyramid(trunk.map_widths, passes=2, norm="group")
    result = pyramid(maps)
    result.sum().backward()
    assert all(p.grad is not None for network in (trunk, pyramid) for p in network.parameters())

    def enlarged(x: torch.Tensor) -> torch.Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    def part(name: str, *inputs: torch.Tensor) -> torch.Tensor:
        return pyramid.get_submodule(name)(*inputs)

    def downwards(way: str, x: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        t4 = enlarged(part(f"{way}.narrow.2", x[3])) + 0.2 * x[2]
        t3 = enlarged(part(f"{way}.narrow.1", t4)) + 0.2 * x[1]
        return enlarged(part(f"{way}.narrow.0", t3)) + 0.2 * x[0], t3, t4

    x2, x3, x4, x5 = maps
    t2, t3, t4 = downwards("down.0", maps)
    b2 = x2 + 0.2 * part("up.0.first", t2)
    b3 = x3 + 0.2 * t3 + 0.2 * part("up.0.shrink.0", b2)
    b4 = x4 + 0.2 * t4 + 0.2 * part("up.0.shrink.1", b3)
    b5 = x5 + 0.2 * part("up.0.shrink.2", b4)
    torch.testing.assert_close(result, downwards("down.1", [b2, b3, b4, b5])[0])
