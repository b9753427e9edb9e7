"""Mixing: between the garments of the batch, proportions that go together, rejected garments, reproducibility."""

import math

import pytest
import torch

from models.clothing.attributes import (
    CameraRanges,
    ClothingAttributes,
    ClothingCamera,
    mix_attributes,
    sample_cameras,
    with_azimuth,
)

RANGES = CameraRanges()


def attributes(number: int = 8, vertices: int = 10) -> ClothingAttributes:
    """Garment i has the value i everywhere, a hundredth of it in its offsets."""
    value = torch.arange(number, dtype=torch.float32)
    offsets = (0.01 * value)[:, None, None].expand(-1, vertices, 3).clone().requires_grad_()
    return ClothingAttributes(
        camera=ClothingCamera(value, value, value, *(torch.stack([value, value], 1) for _ in range(2))),
        offsets=offsets,
        vertices=1 + offsets,
        texture=value[:, None, None, None].expand(-1, 3, 8, 4),
        light=value[:, None].expand(-1, 9),
        background=10 * value[:, None, None, None].expand(-1, 3, 4, 4),
    )


def test_shape_look_and_light_have_proportions_of_their_own() -> None:
    mixed = mix_attributes(attributes(), RANGES, torch.Generator().manual_seed(0))
    torch.testing.assert_close(mixed.vertices, 1 + mixed.offsets)
    torch.testing.assert_close(mixed.background[:, 0, 0, 0], 10 * mixed.texture[:, 0, 0, 0])
    shape, look, light = 100 * mixed.offsets[:, 0, 0], mixed.texture[:, 0, 0, 0], mixed.light[:, 0]
    assert (shape - look).abs().max() > 0.1
    assert (look - light).abs().max() > 0.1
    assert 0 <= look.min() < look.max() <= 7


def test_mixed_garments_pass_their_gradient_to_both_parents() -> None:
    source = attributes()
    mix_attributes(source, RANGES, torch.Generator().manual_seed(0)).offsets.sum().backward()
    assert source.offsets.grad is not None
    torch.testing.assert_close(source.offsets.grad.sum(), torch.tensor(8 * 30.0))


def test_a_garment_with_a_far_last_vertex_is_replaced() -> None:
    source = attributes()
    with torch.no_grad():
        source.offsets[3, -1] = 0.45
    for seed in range(20):
        mixed = mix_attributes(source, RANGES, torch.Generator().manual_seed(seed))
        assert mixed.offsets.abs().max() < 0.1


def test_where_all_are_far_none_is_replaced() -> None:
    source = attributes(4)
    with torch.no_grad():
        source.offsets[:, -1] = 0.45
    mixed = mix_attributes(source, RANGES, torch.Generator().manual_seed(0))
    torch.testing.assert_close(mixed.offsets[:, -1].detach(), torch.full((4, 3), 0.45))


def test_one_seed_gives_one_mixture() -> None:
    first, second = (mix_attributes(attributes(), RANGES, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first.texture, second.texture)
    assert torch.equal(first.camera.azimuth, second.camera.azimuth)


def test_sampled_cameras_fill_their_ranges() -> None:
    cameras = sample_cameras(torch.zeros(4000), RANGES, torch.Generator().manual_seed(0))
    for values, least, greatest in (
        (cameras.azimuth, -math.pi, math.pi),
        (cameras.elevation, math.radians(-15), math.radians(15)),
        (cameras.distance, 2, 6),
        (cameras.offset, -0.5, 0.5),
    ):
        assert least <= values.min() < least + 0.01 * (greatest - least)
        assert greatest - 0.01 * (greatest - least) < values.max() <= greatest


def test_another_azimuth_leaves_the_rest_and_detached_leaves_the_values() -> None:
    source = attributes()
    turned = with_azimuth(source, torch.ones(8))
    assert torch.equal(turned.camera.azimuth, torch.ones(8))
    assert turned.camera.distance is source.camera.distance
    assert turned.offsets is source.offsets
    assert not source.detached().vertices.requires_grad


def test_ranges_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ValueError, match="smaller number first"):
        CameraRanges(distance=(6.0, 2.0))
