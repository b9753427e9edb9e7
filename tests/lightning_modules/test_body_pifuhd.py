"""PIFuHD through the occupancy stage: coarse level, then the fine level on windows over the frozen coarse one."""

import lightning
import pytest
import torch
from torch.utils.data import DataLoader

from datamodules.samples import BodySample
from lightning_modules.body_occupancy import BodyOccupancy
from models.bodies.normal_maps import NormalMaps
from models.bodies.pifuhd import PifuHdCoarse, PifuHdFine
from models.networks.hourglass import HourglassEncoder
from models.networks.point_mlp import PointMlp
from models.networks.unet import AddingUNet
from tests.lightning_modules.body_scenes import ellipsoid_sample

SIDE = 64


def trained(network: PifuHdCoarse | PifuHdFine, steps: int) -> BodyOccupancy:
    module = BodyOccupancy(network, loss="extended_bce", learning_rate=1e-2, precision="float32")
    sample = ellipsoid_sample(views=1, size=SIDE, points=800)
    trainer = lightning.Trainer(
        max_steps=steps, num_sanity_val_steps=0, gradient_clip_val=1.0, logger=False, enable_progress_bar=False,
        enable_checkpointing=False, enable_model_summary=False, accelerator="cpu",
    )  # fmt: skip
    trainer.fit(module, DataLoader([sample] * steps, batch_size=None))  # type: ignore[arg-type]
    return module.eval()


def accuracy(module: BodyOccupancy, body: BodySample) -> float:
    with torch.no_grad():
        features = module.encode(body.images, body.masks).last()
        logits = module.network.query(features, body.view_from_body, body.points_cm).logits[-1]
    return ((logits > 0) == (body.occupancy > 0.5)).float().mean().item()


@pytest.fixture(scope="module")
def coarse() -> PifuHdCoarse:
    torch.manual_seed(0)
    encoder = HourglassEncoder(9, 16, stacks=2, depth=1, feature_channels=15)
    classifier = PointMlp((16, 64, 32, 16, 1), (2, 3), 2)
    network = PifuHdCoarse(encoder, classifier, NormalMaps(AddingUNet(3, (8, 8), 6)), SIDE // 2, depth_scale=4.0)
    before = {name: value.clone() for name, value in network.normals.state_dict().items()}  # type: ignore[union-attr]
    module = trained(network, 100)
    assert accuracy(module, ellipsoid_sample(views=1, size=SIDE, points=2000, seed=5)) > 0.9
    torch.testing.assert_close(network.normals.state_dict(), before, rtol=0, atol=0)  # type: ignore[union-attr]
    return network


def test_the_fine_level_learns_on_windows_and_leaves_the_coarse_one_as_it_was(coarse: PifuHdCoarse) -> None:
    torch.manual_seed(0)
    encoder = HourglassEncoder(9, 16, stacks=1, depth=1, feature_channels=8, down="none")
    before = {name: value.clone() for name, value in coarse.state_dict().items()}
    fine = trained(PifuHdFine(coarse, encoder, PointMlp((24, 32, 16, 1), (1, 2), 1), window=SIDE // 2), 100)
    torch.testing.assert_close(coarse.state_dict(), before, rtol=0, atol=0)
    assert accuracy(fine, ellipsoid_sample(views=1, size=SIDE, points=2000, seed=5)) > 0.9
