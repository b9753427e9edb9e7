"""The second stage: half its inputs are the first stage's, it mends them, and both stages are measured."""

from typing import Any

import lightning
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from datamodules.samples import BodyGridSample, BodySample
from lightning_modules.body_superresolution import BodySuperResolution
from models.bodies.features import BodyFeatures, OccupancyNetwork, OccupancyQuery
from models.bodies.superresolution import VoxelSuperResolution
from models.geometry.voxel_cube import voxel_centres
from tests.lightning_modules.body_scenes import RADII_CM, ellipsoid_sample, ellipsoid_truth

SIDE = 16


class WithGhost(OccupancyNetwork):
    """A first stage that has the ellipsoid right but for a ball that is not there."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.asked = 0

    def encode(self, images: Tensor, masks: Tensor) -> BodyFeatures:
        self.asked += 1
        return BodyFeatures([[images * self.weight]])

    def query(self, features, view_from_body, points_cm, per_view=False) -> OccupancyQuery:
        body = 1 - (points_cm / RADII_CM).square().sum(-1)
        ghost = 1 - ((points_cm - torch.tensor([0.0, 20.0, 60.0])) / 30).square().sum(-1)
        logits = torch.maximum(body, ghost)[None] * self.weight
        return OccupancyQuery(logits, None, points_cm)


def stage(**options: Any) -> BodySuperResolution:
    torch.manual_seed(0)
    network = VoxelSuperResolution(SIDE, ((8,), (16, 16)), (32, 32), reach=0.1, norm="group")
    options.setdefault("learning_rate", 5e-3)
    return BodySuperResolution(WithGhost(), network, coarse=SIDE, test_resolution=48, precision="float32", **options)


def seen_everywhere(body: BodySample) -> BodySample:
    """Masks that cover whole pictures: outlines take no ghost away."""
    return body._replace(masks=torch.ones_like(body.masks))


def grid_batch(seed: int = 0) -> BodyGridSample:
    body = seen_everywhere(ellipsoid_sample(points=600, seed=seed))
    grid = ((voxel_centres(SIDE) / RADII_CM).square().sum(1) < 1).to(torch.uint8).reshape(1, 1, SIDE, SIDE, SIDE)
    return BodyGridSample(body._replace(index=torch.tensor([3])), grid)


def trainer(**more: Any) -> lightning.Trainer:
    return lightning.Trainer(
        logger=False, enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False,
        accelerator="cpu", num_sanity_val_steps=0, **more,
    )  # fmt: skip


def batches(*samples: Any) -> DataLoader:
    """Batches that are already batches."""
    return DataLoader(list(samples), batch_size=None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def learnt() -> BodySuperResolution:
    module = stage(kept_grids=1, corrupted_share=0.3)
    trainer(max_steps=130).fit(module, batches(*(grid_batch(seed % 20) for seed in range(130))))
    return module.eval()


def test_the_ghost_of_the_first_stage_is_taken_away_and_the_test_says_so(learnt: BodySuperResolution):
    truth = ellipsoid_truth()
    truth = truth._replace(body=seen_everywhere(truth.body))
    scores = trainer().test(learnt, batches(truth), verbose=False)[0]
    assert scores["test/iou_volume"] > scores["test/stage_one_iou_volume"]
    assert scores["test/components"] == 1
    assert scores["test/stage_one_components"] == 2
    assert scores["test/p2s_cm"] < scores["test/stage_one_p2s_cm"]
    point = torch.tensor([[0.0, 20.0, 60.0], [0.0, 0.0, 0.0]])
    body = seen_everywhere(ellipsoid_sample())
    before, after = learnt.both_queries(body)
    assert (before(point) > 0).tolist() == [True, True]
    assert (after(point) > 0).tolist() == [False, True]


def test_the_first_stage_neither_learns_nor_leaves_evaluation():
    module = stage(corrupted_share=0.0).train()
    assert not module.stage_one.training
    assert module.network.training
    module.log = lambda *arguments, **options: None  # type: ignore[method-assign]
    module.training_step(grid_batch(), 0).backward()
    assert all(value.grad is None for value in module.stage_one.parameters())
    assert all(value.grad is not None for value in module.network.parameters())


def test_inputs_are_the_first_stages_or_spoilt_truth_as_asked():
    batch = grid_batch()
    seen = stage(corrupted_share=0.0).inputs(batch)
    assert torch.equal(seen[0], stage().voxels(BodyFeatures([[]]), batch.body))
    module = stage(corrupted_share=1.0)
    spoilt = module.inputs(batch)
    assert module.stage_one.asked == 0  # type: ignore[comparison-overlap]
    assert not torch.equal(spoilt, seen)


def test_data_without_the_networks_voxels_are_refused():
    batch = grid_batch()
    with pytest.raises(ValueError, match="have no voxels, but the network reads 16"):
        stage().inputs(batch.body)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="have 8 voxels a side"):
        stage().inputs(batch._replace(grid=batch.grid[..., :8, :8, :8]))


def test_kept_grids_spare_the_first_stage():
    module = stage(corrupted_share=0.0, kept_grids=2)
    for _ in range(6):
        module.inputs(grid_batch())
    assert module.stage_one.asked == 2  # type: ignore[comparison-overlap]
    fresh = stage(corrupted_share=0.0)
    for _ in range(3):
        fresh.inputs(grid_batch())
    assert fresh.stage_one.asked == 3  # type: ignore[comparison-overlap]


def test_validation_panel_and_meshes(learnt: BodySuperResolution):
    truth = ellipsoid_truth()
    found = trainer().validate(learnt, batches(truth), verbose=False)[0]
    assert found["val/iou_points"] > 0.7
    assert found["val/stage_one_iou_points"] == 1  # at points near the true surface there is no ghost
    assert learnt.panel(truth).shape[:2] == (2, 3)
    assert set(learnt.meshes(truth)) == {"body-0000", "body-0000-stage-one"}
    assert isinstance(truth.body, BodySample)
    assert learnt.reconstruct(truth.body, 32).number_of_faces > 0


def test_the_mean_of_both_stages_averages_their_log_odds(learnt: BodySuperResolution):
    body, points = seen_everywhere(ellipsoid_sample(points=50)), 60 * torch.rand(200, 3) - 30
    features = learnt.encode(body.images, body.masks)
    before, second = learnt.stage_one_query(features, body)(points), learnt.query_of(features, body)(points)
    averaging = stage(answer="mean_of_both")
    averaging.load_state_dict(learnt.state_dict())
    torch.testing.assert_close(averaging.eval().query_of(features, body)(points), (before + second) / 2)
    assert (before - second).abs().max() > 0.1
