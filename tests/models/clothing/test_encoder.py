"""The encoders: how they start, what they look at, the shortcut of the shape features, and who learns when."""

import math
from typing import Any

import pytest
import torch
from torch.nn.functional import grid_sample

from models.clothing import camera_encoder, shape_encoder
from models.clothing.attributes import CameraRanges, ClothingAttributes
from models.clothing.background_encoder import BackgroundEncoder
from models.clothing.camera_encoder import CameraEncoder
from models.clothing.configurations import paper_encoder, small_encoder
from models.clothing.encoder import ClothingEncoder, Intervention, intervention_of
from models.clothing.light_encoder import LightEncoder
from models.clothing.shape_encoder import ShapeEncoder
from models.clothing.template import ellipsoid_template
from models.clothing.template_features import pictures_with_mask, vertices_from_map
from models.clothing.texture_encoder import TextureEncoder, frontal_flow
from models.networks.feature_pyramid import StridedTrunk

TEMPLATE = ellipsoid_template(subdivisions=1)
RANGES = CameraRanges()
SIZE = (32, 16)


def tiny_encoder(conditioned: bool = True, background: bool = True) -> ClothingEncoder:
    """The paper's layers, batch normalisation included, with few channels."""
    torch.manual_seed(0)
    trunks = (StridedTrunk(4, (4, 4, 4, 4), "batch") for _ in range(2))
    return ClothingEncoder(
        CameraEncoder(RANGES, width=4, blocks=(1, 1, 1, 1), hidden=8, conditioned=conditioned),
        ShapeEncoder(next(trunks), hidden=8, subdivisions=1, conditioned=conditioned),
        TextureEncoder(next(trunks), widths=(4, 4), dilations=(1, 2), passes=2, dropout=0.1),
        LightEncoder((4, 4, 4, 4, 4), hidden=8),
        BackgroundEncoder(4, 1) if background else None,
    )


def photographs(number: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    masks = torch.zeros(number, 1, *SIZE)
    masks[:, :, 8:24, 4:12] = 1
    return torch.rand(number, 3, *SIZE, generator=generator), masks


def everything(attributes: ClothingAttributes) -> torch.Tensor:
    """A number that depends on all that the attributes hold."""
    parts = [*attributes.camera, *attributes[1:]]
    weights = torch.Generator().manual_seed(2)
    return sum(((part * torch.rand(part.shape, generator=weights)).sum() for part in parts), torch.zeros(()))


def test_training_starts_from_the_template_in_grey_light_before_grey() -> None:
    encoder, (images, masks) = tiny_encoder(), photographs()
    attributes = encoder(images, masks, TEMPLATE.vertices)
    torch.testing.assert_close(attributes.vertices, TEMPLATE.vertices.expand(4, -1, -1), rtol=0, atol=1e-3)
    torch.testing.assert_close(attributes.camera.distance, torch.full((4,), 4.0), rtol=0, atol=1e-2)
    assert attributes.camera.elevation.abs().max() < math.radians(0.1)
    assert attributes.camera.offset.abs().max() < 1e-3
    torch.testing.assert_close(attributes.light, torch.tensor([[3.0] + 8 * [0.0]]).expand(4, -1), rtol=0, atol=1e-3)
    torch.testing.assert_close(attributes.background, torch.full((4, 3, *SIZE), 0.5), rtol=0, atol=1e-2)
    assert attributes.texture.shape == (4, 3, 64, 16)
    # every texel starts at the middle of the picture
    middle = grid_sample(images, torch.zeros(4, 1, 1, 2), mode="bicubic", align_corners=True)
    torch.testing.assert_close(attributes.texture, middle.expand(-1, -1, 64, 16), rtol=0, atol=2e-2)


def test_the_texture_is_mirrored_and_offsets_never_move_the_whole() -> None:
    encoder, (images, masks) = tiny_encoder(), photographs()
    torch.nn.init.normal_(encoder.shape.dense.weight, std=0.3)
    torch.nn.init.normal_(encoder.texture.to_flow.weight, std=0.3)
    attributes = encoder(images, masks, TEMPLATE.vertices)
    assert torch.equal(attributes.texture, attributes.texture.flip(2))
    assert attributes.texture.std() > 0.1
    assert attributes.offsets.abs().max() > 0.2
    assert attributes.offsets.mean(1).abs().max() < 1e-6


TRAINED: dict[Intervention, set[str]] = {
    "all": {"camera", "shape", "texture", "light", "background"},
    "shape": {"shape", "background"},
    "texture_and_light": {"texture", "light", "background"},
    "camera": {"camera", "background"},
}


@pytest.mark.parametrize("intervention", list(TRAINED))
def test_exactly_the_trained_encoders_learn(intervention: Intervention) -> None:
    encoder, (images, masks) = tiny_encoder(), photographs()
    statistics = {name: value.clone() for name, value in encoder.named_buffers()}
    everything(encoder(images, masks, TEMPLATE.vertices, intervention)).backward()
    learning = {name for name, part in encoder.named_children() if any(p.grad is not None for p in part.parameters())}
    assert learning == TRAINED[intervention]
    for name in learning:
        unused = [n for n, p in encoder.get_submodule(name).named_parameters() if p.grad is None]
        assert not unused, (name, unused)
    moved = {name.split(".")[0] for name, value in encoder.named_buffers() if not torch.equal(value, statistics[name])}
    assert moved == TRAINED[intervention] - {"background"}  # which has no statistics


def test_held_encoders_normalise_by_the_batch_and_drop_features() -> None:
    encoder, (images, masks) = tiny_encoder(), photographs()
    torch.manual_seed(5)
    learning = encoder(images, masks, TEMPLATE.vertices, "all")
    torch.manual_seed(5)
    holding = encoder(images, masks, TEMPLATE.vertices, "shape")
    torch.testing.assert_close(holding.light, learning.light)
    torch.testing.assert_close(holding.camera.azimuth, learning.camera.azimuth)
    assert all(norm.track_running_stats for norm in encoder.modules() if isinstance(norm, torch.nn.BatchNorm2d))


def test_an_autocast_around_both_passes_does_not_lose_gradients() -> None:
    encoder, (images, masks) = tiny_encoder(), photographs()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        encoder(images, masks, TEMPLATE.vertices, "shape")
        second = encoder(images, masks, TEMPLATE.vertices, "all")
    everything(second).backward()
    assert encoder.get_parameter("camera.direction.0.weight").grad is not None
    assert encoder.get_parameter("light.trunk.0.convolution.weight").grad is not None


def test_the_loop_cycles_through_the_causes() -> None:
    cycle = [intervention_of(iteration) for iteration in range(4)]
    assert cycle == ["shape", "texture_and_light", "camera", "shape"]


@pytest.mark.parametrize("conditioned", [True, False])
def test_camera_and_shape_look_at_the_template_only_where_conditioned(conditioned: bool) -> None:
    encoder, (images, masks) = tiny_encoder(conditioned).eval(), photographs()
    for last in ("shape.dense", "camera.reach.3", "camera.direction.3"):
        torch.nn.init.normal_(encoder.get_parameter(f"{last}.weight"), std=0.1)
    other = TEMPLATE.vertices * torch.tensor([1.5, 0.5, 2.0])
    with torch.no_grad():
        first, second = (encoder(images, masks, vertices) for vertices in (TEMPLATE.vertices, other))
    changed = [
        not torch.equal(before, after)
        for before, after in (
            (first.offsets, second.offsets),
            (first.camera.distance, second.camera.distance),
            (first.camera.azimuth, second.camera.azimuth),
        )
    ]
    assert changed == [conditioned] * 3
    assert torch.equal(first.texture, second.texture)
    assert torch.equal(first.light, second.light)


def test_without_a_background_the_encoders_see_white() -> None:
    encoder, (images, masks) = tiny_encoder(background=False).eval(), photographs()
    cluttered = images * masks + torch.rand_like(images) * (1 - masks)
    first, second = (encoder(pictures, masks, TEMPLATE.vertices) for pictures in (images, cluttered))
    assert torch.equal(first.texture, second.texture)
    assert torch.equal(first.background, torch.ones_like(images))


def test_vertex_features_are_those_of_the_whole_list_of_numbers() -> None:
    """Forward and backward in float64 against the layer applied to all 3 c + 3 numbers of every vertex."""
    encoder = tiny_encoder().shape.double()
    vertices = TEMPLATE.vertices.double()
    features = torch.randn(2, 4, 5, 3, dtype=torch.float64, requires_grad=True)
    overall = torch.randn(2, 4, dtype=torch.float64)
    fast = encoder.vertex_features(features, overall, vertices)

    grid = vertices[None, :, None, :2].expand(2, -1, -1, -1)
    local = grid_sample(features, grid, align_corners=True)[..., 0]
    laplacian = encoder.laplacian
    parts = [
        local,
        overall[:, :, None].expand(-1, -1, len(vertices)),
        torch.einsum("wv,bcv->bcw", laplacian, local),
        vertices.T.expand(2, -1, -1),
    ]
    slow = encoder.of_vertex(torch.cat(parts, 1))
    torch.testing.assert_close(fast, slow)
    upstream = torch.randn_like(fast)
    sources = (features, encoder.of_vertex.weight)
    for ours, truth in zip(
        torch.autograd.grad(fast, sources, upstream), torch.autograd.grad(slow, sources, upstream), strict=True
    ):
        torch.testing.assert_close(ours, truth)


def test_the_papers_lookup_is_upside_down_and_the_upright_one_is_not() -> None:
    rows = torch.arange(8.0)[:, None].expand(8, 4)
    top = torch.tensor([[0.0, 0.8, 0.0]])
    seen = [float(vertices_from_map(top, (8, 4), lookup, False) @ rows.flatten()) for lookup in ("paper", "upright")]
    assert seen[0] == pytest.approx(0.9 * 8 - 0.5)
    assert seen[1] == pytest.approx(0.1 * 8 - 0.5)
    side = torch.tensor([[0.25, 0.0, 0.0]])
    columns = torch.arange(4.0).expand(8, 4)
    # upright: a person of half width 0.45 fills a picture that is twice as high as wide
    assert float(vertices_from_map(side, (8, 4), "upright", False) @ columns.flatten()) == pytest.approx(0.75 * 4 - 0.5)


def test_the_camera_takes_borders_for_plus_and_minus_one_and_the_papers_shapes_centres(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = {}
    for name, module in (("camera", camera_encoder), ("shape", shape_encoder)):

        def noted(*arguments: Any, name: str = name) -> torch.Tensor:
            taken[name] = arguments[2:]
            return vertices_from_map(*arguments)

        monkeypatch.setattr(module, "vertices_from_map", noted)
    images, masks = photographs()
    tiny_encoder()(images, masks, TEMPLATE.vertices)
    assert taken == {"camera": ("paper", False), "shape": ("paper", True)}


def test_a_frontal_flow_shows_the_front_upright() -> None:
    """The template's front corner at v looks up the texel that lies there, which points at the vertex's own place."""
    template = ellipsoid_template()
    sphere = template.vertices / torch.tensor([0.45, 0.9, 0.225])
    flow = frontal_flow((128, 64), torch.device("cpu"))
    texture = torch.cat([flow, flow.flip(1)], 1)[None]
    front = (sphere[template.faces][..., 2] > 0).all(1)
    uv = template.uv[template.face_uv[front]].reshape(-1, 2)
    corners = sphere[template.faces[front]].reshape(-1, 3)
    inside = corners[:, :2].norm(dim=1) < 0.9
    grid = torch.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]], 1)
    found = grid_sample(texture, grid[None, None], align_corners=False, padding_mode="border")[0, :, 0].T
    expected = corners[:, :2] * torch.tensor([1, -1])
    torch.testing.assert_close(found[inside], expected[inside], rtol=0, atol=5e-3)


@pytest.mark.parametrize(("sampling", "corner"), [("paper", 0), ("half_pixel", 1)])
def test_the_ends_of_the_flow_are_pixel_centres_in_the_paper_and_borders_otherwise(sampling, corner: int) -> None:
    encoder = TextureEncoder(StridedTrunk(4, (2, 2, 2, 2)), (2, 2), (1,), 1, norm="none", sampling=sampling)
    images = torch.arange(8.0).expand(1, 3, 4, 8).clone()
    flow = torch.zeros(1, 2, 4, 8)
    flow[:, 0] = -1 + corner * 3 / 8  # the centre of the second pixel, where borders are at ±1
    torch.testing.assert_close(encoder.copied(images, flow), torch.full_like(images, corner), rtol=0, atol=1e-5)


def test_pictures_are_normalised_and_the_mask_is_plus_or_minus_a_half() -> None:
    images = torch.tensor([0.485, 0.456, 0.406])[None, :, None, None].expand(1, 3, 4, 4)
    pictures = pictures_with_mask(images, torch.eye(4)[None, None])
    assert pictures[:, :3].abs().max() < 1e-6
    assert torch.equal(pictures[:, 3].abs(), torch.full((1, 4, 4), 0.5))


def test_another_template_is_refused_in_a_sentence() -> None:
    encoder, (images, masks) = tiny_encoder(), photographs()
    with pytest.raises(ValueError, match="642 vertices, but this shape encoder was built for 42"):
        encoder(images, masks, ellipsoid_template().vertices)


def test_the_papers_sizes() -> None:
    """Heads of 2304 pooled features and 6147 numbers a vertex; the trunk that learns slowly is HRNet's."""
    encoder = paper_encoder(RANGES)
    camera = CameraEncoder(RANGES, conditioned=False)
    shape = ShapeEncoder(StridedTrunk(4, (2, 2, 2, 2048)), conditioned=False)
    assert encoder.get_parameter("camera.reach.0.weight").shape == (128, 2304)
    assert camera.get_parameter("reach.0.weight").shape == (128, 1152)
    assert encoder.get_parameter("shape.gate.layers.0.weight").shape == (128, 2048, 1, 1)
    assert encoder.shape.of_vertex.weight.shape == (256, 6147, 1)
    assert encoder.shape.dense.weight.shape == (1926, 1926)
    assert shape.dense.weight.shape == (1926, 2048)
    assert encoder.get_parameter("light.head.3.weight").shape == (9, 48)
    assert encoder.texture.to_flow.weight.shape == (2, 16, 5, 5)
    slow, fast = encoder.slow_and_fast_parameters()
    assert sum(p.numel() for p in slow) == 13_548_464 + 64 * 9
    assert len(slow) + len(fast) == len(list(encoder.parameters()))


def test_the_small_encoder_sees_every_picture_by_itself_and_starts_in_front() -> None:
    torch.manual_seed(0)
    encoder, vertices = small_encoder(RANGES), ellipsoid_template().vertices
    images, masks = photographs(3)
    together, alone = encoder(images, masks, vertices), encoder(images[1:2], masks[1:2], vertices)
    for part, single in zip((*together.camera, *together[1:]), (*alone.camera, *alone[1:]), strict=True):
        torch.testing.assert_close(part[1:2], single, rtol=1e-4, atol=1e-5)
    assert together.camera.azimuth.abs().max() < 1e-2
    everything(together).backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_reduced_pictures_explain_whole_ones() -> None:
    """Encoders that look at pictures of half the size give textures and backgrounds of the whole one."""
    torch.manual_seed(0)
    encoder, vertices = small_encoder(RANGES, width=4, reduction=2), ellipsoid_template().vertices
    ramp = torch.linspace(0, 1, 64)[:, None].expand(64, 32)
    images, masks = ramp.expand(2, 3, -1, -1).clone(), torch.ones(2, 1, 64, 32)
    attributes = encoder(images, masks, vertices)
    assert attributes.background.shape == (2, 3, 64, 32)
    assert attributes.texture.shape == (2, 3, 128, 32)
    encoder.reduction = 1
    whole = encoder(images, masks, vertices)
    # from bottom to top and down again: the flow's ends lie half a large texel farther in
    torch.testing.assert_close(attributes.texture, whole.texture, rtol=0, atol=0.03)
    assert encoder.offsets(images, masks, vertices).shape == (2, 642, 3)
