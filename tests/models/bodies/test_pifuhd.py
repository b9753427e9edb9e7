"""PIFuHD's two levels: what Ω is and where it comes from, windows, half pixels, what is frozen."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from models.bodies.features import OUTSIDE_LOGIT, BodyFeatures
from models.bodies.normal_maps import NormalMaps
from models.bodies.pifuhd import PifuHdCoarse, PifuHdFine, averaged_down
from models.bodies.windows import cut_windows, draw_windows, window_frames
from models.geometry.view_cameras import project_to_views, turned_views
from models.losses.occupancy import occupancy_loss
from models.networks.hourglass import HourglassEncoder
from models.networks.point_mlp import PointMlp
from models.networks.unet import AddingUNet

SIDE, HALF = 64, 32


def normal_maps() -> NormalMaps:
    return NormalMaps(AddingUNet(3, (8, 8), 6))


def coarse_level(normals: NormalMaps | None = None) -> PifuHdCoarse:
    encoder = HourglassEncoder(9 if normals else 3, 16, stacks=2, depth=1, feature_channels=7)
    return PifuHdCoarse(encoder, PointMlp((8, 32, 16, 12, 8, 1), (2, 3, 4), 2), normals, image_size=HALF)


def fine_level(train_coarse: bool = False, window: int = 32) -> PifuHdFine:
    torch.manual_seed(0)
    encoder = HourglassEncoder(9, 16, stacks=1, depth=1, feature_channels=5, down="none")
    mlp = PointMlp((17, 16, 8, 1), (1, 2), 1)
    return PifuHdFine(coarse_level(normal_maps()), encoder, mlp, window, train_coarse)


def pictures(views: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    images, masks = torch.rand(2, views, 3, SIDE, SIDE), torch.zeros(2, views, 1, SIDE, SIDE)
    masks[..., 8:56, 16:48] = 1
    return images, masks, turned_views(views).expand(2, -1, -1, -1), torch.randn(2, 200, 3) * 25


def test_in_the_published_sizes_omega_has_256_numbers_and_the_whole_has_the_published_weights():
    with torch.device("meta"):
        encoder = HourglassEncoder(9)
        fine = HourglassEncoder(9, stacks=1, depth=4, feature_channels=16, down="none")
    level = PifuHdCoarse(
        HourglassEncoder(9, 16, 1, 1, 256), PointMlp(skip_layers=(2, 3, 4), merge_layer=2), normal_maps(), HALF
    )
    images, masks, views, points = pictures()
    assert level.query(level.encode(images, masks), views, points).context.shape == (2, 200, 256)
    mlps = (PointMlp(skip_layers=(2, 3, 4)), PointMlp((272, 512, 256, 128, 1), (1, 2), 1))
    total = sum(value.numel() for module in (encoder, fine, *mlps) for value in module.parameters())
    assert total + 2 * 182_443_267 == pytest.approx(387.0e6, abs=0.1e6)


def test_a_frozen_coarse_level_gets_no_gradient_and_stays_in_evaluation():
    network = fine_level().train()
    assert not network.coarse.training
    assert network.encoder.training
    images, masks, views, points = pictures()
    query = network.query(network.encode(images, masks), views, points)
    assert query.logits.shape == (1, 2, 200)
    assert query.weights is not None
    occupancy_loss(query.logits[-1], torch.ones(2, 200), query.weights).backward()
    assert all(value.grad is None for value in network.coarse.parameters())
    trained = [*network.encoder.parameters(), *network.classifier.parameters()]
    assert all(value.grad is not None for value in trained)
    assert not any(value.requires_grad for value in network.coarse.parameters())


def test_a_coarse_level_in_training_answers_and_learns_but_the_normals_do_not():
    network = fine_level(train_coarse=True).train()
    images, masks, views, points = pictures()
    query = network.query(network.encode(images, masks), views, points)
    assert query.logits.shape == (3, 2, 200)  # two stacks of the coarse level, and the fine level
    query.logits.square().mean().backward()
    learning = {name for name, value in network.named_parameters() if value.grad is not None}
    assert {name for name, _ in network.named_parameters()} - learning == {
        name for name, _ in network.named_parameters() if name.startswith("coarse.normals.")
    }


def test_omega_is_the_same_whether_the_fine_level_sees_a_window_or_everything():
    network = fine_level()
    images, masks, views, points = pictures()
    omegas: list[Tensor] = []
    network.classifier.register_forward_pre_hook(lambda _, inputs: omegas.append(inputs[0][..., 5:]))
    network.query(network.eval().encode(images, masks), views, points)
    network.query(network.train().encode(images, masks), views, points)
    torch.testing.assert_close(omegas[0], omegas[1], rtol=0, atol=0)
    assert omegas[0].shape == (2, 1, 200, 12)


def test_depth_reaches_the_fine_level_through_omega_alone():
    network = fine_level().eval()
    images, masks, views, points = pictures()
    farther = points + torch.tensor([0.0, 0.0, 30.0])
    features = network.encode(images, masks)
    assert not torch.equal(*(network.query(features, views, each).logits for each in (points, farther)))
    nn.init.zeros_(network.coarse.classifier.layers[0].weight)  # type: ignore[arg-type]
    for layer in network.coarse.classifier.layers[1:3]:
        nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
    near, far = (network.query(features, views, each).logits for each in (points, farther))
    torch.testing.assert_close(near, far)


def test_identical_views_answer_as_one_and_their_order_changes_nothing():
    network = fine_level().eval()
    images, masks, views, points = pictures()
    alone = network.query(network.encode(images, masks), views, points).logits

    def repeated(each: Tensor) -> Tensor:
        return each.expand(-1, 3, *each.shape[2:])

    three = network.query(network.encode(repeated(images), repeated(masks)), repeated(views), points).logits
    torch.testing.assert_close(three, alone, rtol=0, atol=1e-5)
    images, masks, views, points = pictures(3)
    order = [2, 0, 1]
    turned = network.query(network.encode(images[:, order], masks[:, order]), views[:, order], points).logits
    torch.testing.assert_close(
        turned, network.query(network.encode(images, masks), views, points).logits, rtol=0, atol=1e-5
    )


def test_points_outside_the_picture_are_outside_and_those_outside_the_window_do_not_count():
    network = fine_level()
    images, masks, views, points = pictures()
    points[:, 0] = torch.tensor([150.0, 0.0, 0.0])
    whole = network.query(network.eval().encode(images, masks), views, points)
    assert whole.weights is None
    assert (whole.logits[-1, :, 0] == OUTSIDE_LOGIT).all()
    part = network.query(network.train().encode(images, masks), views, points)
    assert part.weights is not None
    assert 0 < part.weights.mean() < 1
    assert (part.logits[-1][part.weights == 0] == OUTSIDE_LOGIT).all()
    assert (part.logits[-1][part.weights == 1] != OUTSIDE_LOGIT).all()


class Pooling(HourglassEncoder):
    """An encoder that shows its input, averaged over its stride: only places are tested."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__(channels, 4, 1, 1, channels)
        self.multiple = self.stride = stride

    def forward(self, images: Tensor) -> list[Tensor]:
        return [avg_pool2d(images, self.stride)]


class Showing(PointMlp):
    """A classifier that hands over what it was given."""

    def forward(self, features, per_view=False):
        output = super().forward(features, per_view)
        return output._replace(merged=features.mean(1))


def test_every_level_and_every_window_reads_the_pixel_that_a_point_projects_to():
    coarse = PifuHdCoarse(Pooling(3, 4), Showing((4, 4, 4, 1), (1,), 1), None, HALF)
    network = PifuHdFine(coarse, Pooling(3, 2), Showing((7, 4, 4, 1), (1,), 1), window=32)
    network.window = 26  # also at odd corners and with other sides
    centre = (2 * torch.arange(SIDE) + 1) / SIDE - 1
    y, x = torch.meshgrid(centre, centre, indexing="ij")
    images = (torch.stack([x, y, x * 0]) * 0.5 + 0.5).expand(2, 1, 3, SIDE, SIDE)  # the network sees 2 i - 1
    views = turned_views(1, 0.3).expand(2, 1, 4, 4)
    points = torch.randn(2, 2000, 3) * 35
    position = project_to_views(views, points).position[:, 0]
    well_inside = position.abs().amax(-1) < 1 - 5 / HALF
    for mode in (False, True):
        features = network.train(mode).encode(images, torch.ones(2, 1, 1, SIDE, SIDE))
        query = network.query(features, views, points)
        inside = well_inside
        if mode:
            assert features.windows is not None
            local = project_to_views(features.windows @ views, points).position[:, 0]
            inside = inside & (local.abs().amax(-1) < 1 - 2 / 13)
        assert inside.sum() > 100
        fine, omega = query.context[..., :3], query.context[..., 3:]
        torch.testing.assert_close(fine[inside][:, :2], position[inside], atol=1e-5, rtol=0)
        torch.testing.assert_close(omega[inside][:, :2], position[inside], atol=1e-5, rtol=0)


def test_windows_are_slices_and_their_frames_agree():
    corners = draw_windows(3, 2, (40, 60), 16, torch.Generator().manual_seed(0))
    assert corners.amin() >= 0
    assert (corners.amax((0, 1)) <= torch.tensor([44, 24])).all()
    pictures = torch.rand(3, 2, 1, 40, 60)
    cut = cut_windows(pictures, corners, 16)
    left, top = corners[1, 1].tolist()
    assert torch.equal(cut[1, 1], pictures[1, 1, :, top : top + 16, left : left + 16])
    frames = window_frames(corners, 16, (40, 60), pictures)
    edges = torch.tensor([2 * left / 60 - 1, 2 * (top + 16) / 40 - 1, 0.0, 1.0])
    torch.testing.assert_close(frames[1, 1] @ edges, torch.tensor([-1.0, 1.0, 0.0, 1.0]), atol=1e-6, rtol=0)
    with pytest.raises(ValueError, match="windows have 64 pixels"):
        draw_windows(1, 1, (40, 60), 64)


def test_larger_pictures_are_averaged():
    pictures = torch.rand(1, 2, 12, 12)
    torch.testing.assert_close(averaged_down(pictures, 4), avg_pool2d(pictures, 3))
    assert averaged_down(pictures, 12) is pictures


def test_the_answer_is_differentiable_in_the_points_through_a_frozen_coarse_level():
    network = fine_level().eval()
    images, masks, views, points = pictures()
    points.requires_grad_(True)
    network.query(network.encode(images, masks), views, points).logits.sum().backward()
    assert points.grad is not None
    assert points.grad[..., 2].abs().max() > 0  # the depth, which only Ω knows


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="9: set its in_channels"):
        PifuHdCoarse(HourglassEncoder(3, 16, 1, 1, 7), PointMlp((8, 4, 1), (1,), 0), normal_maps())
    with pytest.raises(ValueError, match="begin with 8"):
        PifuHdCoarse(HourglassEncoder(3, 16, 1, 1, 7), PointMlp((9, 4, 1), (1,), 0))
    encoder = HourglassEncoder(3, 16, 1, 1, 5, down="none")
    with pytest.raises(ValueError, match="begin with 17"):
        PifuHdFine(coarse_level(), encoder, PointMlp((18, 4, 1), (1,), 0), 32)
    with pytest.raises(ValueError, match="multiple of 4"):
        PifuHdFine(coarse_level(), encoder, PointMlp((17, 4, 1), (1,), 0), 30)


def test_nothing_is_remembered_between_calls():
    network = fine_level().eval()
    images, masks, views, points = pictures()
    features = network.encode(images, masks)
    before = network.query(features, views, points).logits
    network.query(network.encode(1 - images, masks), views, points + 1)
    assert torch.equal(network.query(BodyFeatures(*features), views, points).logits, before)


def test_half_precision_networks_keep_places_in_full_precision():
    network = fine_level().train()
    images, masks, views, points = pictures()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = network.encode(images, masks)
    assert features.windows is not None
    assert features.windows.dtype == torch.float32
    assert network.query(features._replace(stages=[[each.float() for each in features.stages[0]]]), views, points)


def test_half_precision_around_the_fine_level_does_not_move_its_windows():
    network = fine_level().train()
    images, masks, views, _ = pictures()
    points = torch.rand(2, 5000, 3) * 180 - 90
    features = network.encode(images, masks)
    wanted = network.query(features, views, points).weights
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = network.query(features, views, points).weights
    assert wanted is not None
    assert found is not None
    assert 0 < wanted.sum() < wanted.numel()
    assert torch.equal(found.float(), wanted)


def test_windows_of_several_views_show_the_same_part_of_the_body():
    corners = draw_windows(200, 4, (64, 64), 16, torch.Generator().manual_seed(0))
    assert (corners[..., 1] == corners[:, :1, 1]).all()
    assert (corners[..., 1].amin(), corners[..., 1].amax()) == (0, 48)
    assert corners[..., 0].amin() == 17
    assert corners[..., 0].amax() == 32
    network = fine_level(window=16).train()
    images, masks, views, _ = pictures(8)
    points = (torch.rand(2, 2000, 3) * 2 - 1) * torch.tensor([20.0, 90.0, 20.0])
    weights = network.query(network.encode(images, masks), views, points).weights
    assert weights is not None
    assert weights.mean() > 0.01  # a quarter of the rows, and then only what eight narrow windows share
