"""The occupancy stage: it learns, it is measured, every option of the loss and the optimiser does what it says."""

from typing import Any

import lightning
import pytest
import torch
from torch.utils.data import DataLoader

from lightning_modules.body_occupancy import BodyOccupancy
from models.bodies.multiscale import MultiScale
from models.bodies.pifu import Pifu
from models.geometry.components import without_floating_parts
from models.geometry.extraction import EmptySurfaceError
from models.networks.hourglass import HourglassEncoder, PyramidEncoder
from models.networks.point_mlp import PointMlp
from tests.lightning_modules.body_scenes import RADII_CM, ellipsoid_sample, ellipsoid_truth


def pifu() -> Pifu:
    torch.manual_seed(0)
    encoder = HourglassEncoder(channels=16, stacks=2, depth=1, feature_channels=15)
    return Pifu(encoder, PointMlp((16, 64, 32, 1), (1, 2), 1), depth_scale=4.0)


def multiscale() -> MultiScale:
    torch.manual_seed(0)
    encoder = PyramidEncoder(channels=16, depths=(1, 1, 1), feature_channels=(5, 5, 5))
    return MultiScale(encoder, PointMlp((16, 64, 32, 1), (1, 2), 1), depth_scale=4.0)


def trainer(**more: Any) -> lightning.Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False, "accelerator": "cpu"}
    return lightning.Trainer(**{**quiet, "enable_model_summary": False, **more})


def loader(sample: Any, times: int = 1) -> DataLoader:
    """Batches that are already batches."""
    return DataLoader([sample] * times, batch_size=None)  # type: ignore[arg-type]


def trained(module: BodyOccupancy, steps: int) -> BodyOccupancy:
    sample = ellipsoid_sample()
    trainer(max_steps=steps, num_sanity_val_steps=0, gradient_clip_val=1.0).fit(module, loader(sample, steps))
    return module.eval()


@pytest.fixture(scope="module", params=[pifu, multiscale])
def learnt(request) -> BodyOccupancy:
    """A network that was shown one body a hundred times."""
    module = BodyOccupancy(request.param(), learning_rate=1e-2, precision="float32", test_resolution=48)
    return trained(module, 100)


def test_one_body_is_learnt(learnt: BodyOccupancy) -> None:
    fresh = ellipsoid_sample(points=2000, seed=5)
    with torch.no_grad():
        features = learnt.encode(fresh.images, fresh.masks).last()
        logits = learnt.network.query(features, fresh.view_from_body, fresh.points_cm).logits[-1]
    assert ((logits > 0) == (fresh.occupancy > 0.5)).float().mean() > 0.93
    mesh = without_floating_parts(learnt.reconstruct(fresh, 48))
    extent = mesh.vertices.amax(0) - mesh.vertices.amin(0)
    assert ((extent - 2 * RADII_CM).abs() < 12).all(), extent


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "mse", "optimizer": "rmsprop", "schedule": "published"},
        {"loss": "extended_bce"},
        {"loss": "extended_bce", "gamma": 0.7, "per_view_weight": 1.0},
    ],
)
def test_every_published_choice_lowers_its_loss(options: dict[str, Any]) -> None:
    module = BodyOccupancy(pifu(), learning_rate=1e-3, precision="float32", **options)
    losses = []
    module.log = lambda name, value, **_: losses.append(float(value)) if name == "train/loss" else None  # type: ignore[method-assign]
    trained(module, 25)
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5]), losses


def test_the_published_schedule_divides_by_ten() -> None:
    module = BodyOccupancy(pifu(), optimizer="rmsprop", schedule="published", drops=(0.5, 0.8), learning_rate=1e-3)
    seen: list[float] = []

    class Watch(lightning.Callback):
        def on_train_batch_end(self, trainer, pl_module, *_: Any) -> None:
            seen.append(trainer.optimizers[0].param_groups[0]["lr"])

    sample = ellipsoid_sample(views=1, size=16, points=20)
    trainer(max_steps=10, callbacks=[Watch()]).fit(module, loader(sample, 10))
    assert seen == pytest.approx([1e-3] * 4 + [1e-4] * 3 + [1e-5] * 3)


def test_the_loss_of_every_view_is_added() -> None:
    sample = ellipsoid_sample()
    plain = BodyOccupancy(pifu(), precision="float32")
    viewed = BodyOccupancy(pifu(), precision="float32", per_view_weight=1.0)
    for module in (plain, viewed):
        module.log = lambda *_, **__: None  # type: ignore[method-assign]
    assert viewed.training_step(sample, 0) > plain.training_step(sample, 0) + 0.1


def test_a_network_that_says_outside_everywhere_is_a_failure_and_counted() -> None:
    module = BodyOccupancy(pifu(), precision="float32", test_resolution=32)
    with torch.no_grad():
        module.network.classifier.layers[-1].weight.zero_()  # type: ignore[union-attr]
        module.network.classifier.layers[-1].bias.fill_(-5.0)  # type: ignore[union-attr]
    with pytest.raises(EmptySurfaceError):
        module.reconstruct(ellipsoid_sample(), 32)
    scores = trainer().test(module, loader(ellipsoid_truth()), verbose=False)[0]
    assert scores["test/failures"] == 1
    assert scores["test/iou_volume"] == 0


def test_the_test_measures_the_mesh(learnt: BodyOccupancy) -> None:
    scores = trainer().test(learnt, loader(ellipsoid_truth()), verbose=False)[0]
    assert scores["test/failures"] == 0
    assert scores["test/iou_volume"] > 0.6
    assert scores["test/s2p_cm"] < 3
    assert scores["test/hull_iou_volume"] > 0.7
    assert "test/bands_c1" not in scores  # an ellipsoid has no folds


def test_validation_measures_points() -> None:
    module = BodyOccupancy(pifu(), precision="float32")
    scores = trainer().validate(module, loader(ellipsoid_sample()), verbose=False)[0]
    assert set(scores) == {"val/bce", "val/iou_points", "val/precision_points", "val/recall_points"}


def test_prediction_is_a_grid_in_the_body_frame(learnt: BodyOccupancy) -> None:
    rows = trainer().predict(learnt, loader(ellipsoid_sample()))
    assert rows is not None
    grid = rows[0]["occupancy"][0]  # type: ignore[index]
    assert grid.shape == (64, 64, 64)
    assert grid.dtype == torch.bool
    assert grid[32, 32, 32]
    assert not grid[0, 32, 32]
    middle = grid[24:40, :, 24:40].any(2).any(0).sum(), grid[:, 24:40, 24:40].any(2).any(1).sum()
    assert middle[0] > 1.5 * middle[1]  # taller (y) than wide (x): the axes are x, y, z


def test_prediction_has_nothing_outside_the_outlines() -> None:
    module = BodyOccupancy(pifu(), precision="float32").eval()
    with torch.no_grad():
        module.network.classifier.layers[-1].weight.zero_()  # type: ignore[union-attr]
        module.network.classifier.layers[-1].bias.fill_(5.0)  # type: ignore[union-attr]
        grid = module.predict_step(ellipsoid_sample(), 0)["occupancy"][0]
    assert grid[32, 32, 32]
    assert not grid[10, 32, 32]  # beside the body, in every picture


def test_the_panel_and_the_meshes_are_there(learnt: BodyOccupancy) -> None:
    panel = learnt.panel(ellipsoid_truth())
    assert panel.shape[:3] == (1, 3, 256)
    assert panel.std() > 0.05
    (mesh,) = learnt.meshes(ellipsoid_truth()).values()
    assert 1 < float(mesh.vertices[:, 1].max() - mesh.vertices[:, 1].min()) < 3  # metres
