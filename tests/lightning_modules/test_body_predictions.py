"""`threefold predict` on people: one row an item under the body's name, from every stage."""

from pathlib import Path

import lightning
import numpy as np
import pytest

from datamodules.renderpeople import RenderPeopleDataModule, RenderPeopleNormalsDataModule
from lightning_modules.body_normals import BodyNormals
from lightning_modules.body_occupancy import BodyOccupancy
from lightning_modules.body_superresolution import BodySuperResolution
from lightning_modules.callbacks.predictions import Predictions
from models.bodies.normal_maps import NormalMaps
from models.bodies.pifu import Pifu
from models.bodies.superresolution import VoxelSuperResolution
from models.networks.hourglass import HourglassEncoder
from models.networks.point_mlp import PointMlp
from models.networks.unet import AddingUNet
from tests.datamodules.body_trees import write_pifu_tree

PEOPLE = ["anna", "ben"]


def occupancy_network() -> Pifu:
    encoder = HourglassEncoder(channels=16, stacks=1, depth=1, feature_channels=7)
    return Pifu(encoder, PointMlp((8, 8, 8, 1), (1, 2), 1))


@pytest.mark.parametrize("stage", ["occupancy", "superresolution", "normals"])
def test_predictions_of_every_stage_are_named_after_their_bodies(stage: str, tmp_path: Path) -> None:
    root = str(write_pifu_tree(tmp_path / "data", size=32).root)
    data: lightning.LightningDataModule = RenderPeopleDataModule(root, image_size=32, views=2, points=8)
    if stage == "occupancy":
        module: lightning.LightningModule = BodyOccupancy(occupancy_network(), precision="float32")
    elif stage == "superresolution":
        network = VoxelSuperResolution(8, ((4,), (4,)), (8,), norm="group")
        module = BodySuperResolution(occupancy_network(), network, coarse=8, precision="float32")
    else:
        module = BodyNormals(NormalMaps(AddingUNet(3, [8, 8], 6)), precision="float32")
        data = RenderPeopleNormalsDataModule(root, image_size=32, views=1)
    trainer = lightning.Trainer(
        logger=False, enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False,
        accelerator="cpu", callbacks=[Predictions()], default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.predict(module, data)
    with np.load(tmp_path / "predictions.npz") as rows:
        assert rows["names"].tolist() == PEOPLE
        if stage == "normals":
            assert rows["back"].shape == (2, 3, 32, 32)
        else:
            assert rows["occupancy"].shape == (2, 64, 64, 64)
            assert rows["occupancy"].dtype == bool
