"""Encoders: shapes, independence of the batch, names of weights, refusal of wrong sizes."""

import numpy as np
import pytest
import torch

from models.networks.arcface import ArcFace
from models.networks.convolutional import ConvolutionalEncoder, StandardizedConvolution
from models.networks.pictures import resized
from models.networks.resnet import ResNet
from models.networks.vgg import VGGFace


def test_a_picture_does_not_see_its_neighbours_in_the_batch() -> None:
    encoder = ConvolutionalEncoder(64, width=4, features=16).train()
    images = torch.rand(3, 3, 64, 64)
    together = encoder(images)
    torch.testing.assert_close(together[1:2], encoder(images[1:2]), rtol=1e-4, atol=1e-6)


def test_standardized_filters_ignore_scale_and_offset_of_the_weights() -> None:
    layer = StandardizedConvolution(3, 5, 3, 1)
    x = torch.rand(2, 3, 8, 8)
    before = layer(x)
    with torch.no_grad():
        layer.weight.mul_(7).add_(0.3)
    torch.testing.assert_close(layer(x), before, rtol=1e-3, atol=1e-3)


def test_the_variance_of_the_signal_survives_depth() -> None:
    torch.manual_seed(0)
    layers = [module for _ in range(6) for module in (StandardizedConvolution(32, 32, 3, 1), torch.nn.ReLU())]
    signal = torch.nn.Sequential(*layers)(torch.randn(4, 32, 32, 32))
    assert 0.3 < float(signal.detach().var()) < 3


@pytest.mark.parametrize("size", [48, 96])
def test_the_encoder_refuses_pictures_of_another_size(size: int) -> None:
    with pytest.raises(ValueError, match="resize them"):
        ConvolutionalEncoder(64, width=4)(torch.rand(1, 3, size, size))


def test_the_encoder_refuses_a_size_it_cannot_halve() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        ConvolutionalEncoder(100)


@pytest.mark.parametrize(("depth", "features", "weights"), [(18, 512, 11_176_512), (50, 2048, 23_508_032)])
def test_resnets_have_torchvisions_names_and_sizes(depth: int, features: int, weights: int) -> None:
    network = ResNet(depth)  # type: ignore[arg-type]
    names = network.state_dict()
    assert {"conv1.weight", "bn1.running_mean", "layer2.0.downsample.0.weight", "layer4.1.bn2.weight"} <= set(names)
    assert sum(parameter.numel() for parameter in network.parameters()) == weights  # torchvision's, less the classifier
    assert network.eval()(torch.rand(1, 3, 64, 64)).shape == (1, features)


def matconvnet_layers(network: VGGFace, names: list[str]) -> np.ndarray:
    """The layers of a MatConvNet file that holds a network's weights."""
    convolutions = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
    layers = []
    for name, layer in zip(names, convolutions, strict=True):
        assert layer.bias is not None
        weights = np.empty(2, dtype=object)
        weights[0], weights[1] = layer.weight.detach().permute(2, 3, 1, 0).numpy(), layer.bias.detach().numpy()
        layers.append({"name": name, "type": "conv", "weights": weights})
    return np.array(layers, dtype=object)


def test_vgg_face_reads_a_matconvnet_file(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.io import savemat

    # the real network has half a gigabyte of weights
    monkeypatch.setattr("models.networks.vgg.WIDTHS", ((2, 2), (3, 3), (4, 4, 4), (4, 4, 4), (4, 4, 4)))
    monkeypatch.setattr(VGGFace, "features", 8)
    source = VGGFace().eval()
    names = [f"conv{block}_{i}" for block, count in enumerate((2, 2, 3, 3, 3), 1) for i in range(1, count + 1)]
    layers = matconvnet_layers(source, [*names, "fc6", "fc7"])
    savemat(tmp_path / "vgg-face.mat", {"layers": layers})
    images = torch.rand(2, 3, 40, 40)
    torch.testing.assert_close(VGGFace(tmp_path / "vgg-face.mat")(images), source(images))
    savemat(tmp_path / "cut.mat", {"layers": layers[:-1]})
    with pytest.raises(ValueError, match="fc7"):
        VGGFace(tmp_path / "cut.mat")
    with pytest.raises(FileNotFoundError, match="download"):
        VGGFace(tmp_path / "absent.mat")


def test_vgg_face_has_its_published_size() -> None:
    with torch.device("meta"):
        network = VGGFace()
    assert sum(parameter.numel() for parameter in network.parameters()) == 134_260_544


def test_arcface_loads_a_published_state_dict_and_gives_unit_vectors(tmp_path) -> None:
    network = ArcFace(depth=18).eval()
    published = {name.replace("features_bn.", "features."): value for name, value in network.state_dict().items()}
    torch.save(published, tmp_path / "backbone.pth")
    loaded = ArcFace(tmp_path / "backbone.pth", depth=18).eval()
    images = torch.rand(2, 3, 96, 96)
    torch.testing.assert_close(loaded(images), network(images))
    torch.testing.assert_close(loaded(images).norm(dim=1), torch.ones(2))
    with pytest.raises(ValueError, match="depth"):
        ArcFace(tmp_path / "backbone.pth", depth=34)


def test_reduced_pictures_are_block_means() -> None:
    images = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert resized(images, 2).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert resized(images, 4) is images
    torch.testing.assert_close(resized(torch.full((1, 1, 5, 5), 0.3), 3), torch.full((1, 1, 3, 3), 0.3))
