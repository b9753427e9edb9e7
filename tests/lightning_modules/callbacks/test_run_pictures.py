"""Panels, meshes and metrics of a run."""

import json
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from lightning_modules.callbacks.meshes import Meshes
from lightning_modules.callbacks.metrics_file import MetricsFile
from lightning_modules.callbacks.panels import Panels, stacked
from models.geometry.files import read_mesh
from models.geometry.mesh import Mesh
from models.geometry.primitives import icosphere


class Pictured(LightningModule):
    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        self.log("val/count", float(len(batch[0])))
        self.log("val/nothing", torch.nan)

    def test_step(self, batch: list[Tensor], batch_idx: int) -> None:
        self.log("test/count", float(len(batch[0])))

    def panel(self, batch: list[Tensor]) -> Tensor:
        assert not torch.is_grad_enabled()
        return batch[0].view(-1, 1, 1, 1).expand(-1, 3, 4, 8)

    def meshes(self, batch: list[Tensor]) -> dict[str, Mesh]:
        return {"ball": icosphere(1)}


class Plain(Pictured):
    panel = None  # type: ignore[assignment]
    meshes = None  # type: ignore[assignment]


def loader() -> DataLoader:
    return DataLoader(TensorDataset(torch.linspace(0, 1, 8)), batch_size=8)


def trainer(folder: Path) -> Trainer:
    return Trainer(
        default_root_dir=folder,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Panels(), Meshes(), MetricsFile()],
    )


def test_testing_leaves_a_panel_a_mesh_and_the_metrics(tmp_path: Path) -> None:
    trainer(tmp_path).test(Pictured(), loader(), verbose=False)
    rows = np.asarray(Image.open(tmp_path / "panels" / "test.png"))
    assert rows.shape == (6 * 4, 8, 3), "six rows at most"
    assert rows[:, 0, 0][::4].tolist() == [round(255 * k / 7) for k in range(6)]
    assert read_mesh(tmp_path / "meshes" / "ball.glb").number_of_faces == 80
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"test": {"test/count": 8.0}}


def test_a_value_that_is_no_number_becomes_null(tmp_path: Path) -> None:
    trainer(tmp_path).validate(Pictured(), loader(), verbose=False)
    assert json.loads((tmp_path / "metrics.json").read_text())["validate"] == {"val/count": 8.0, "val/nothing": None}
    assert (tmp_path / "panels" / "validate.png").is_file()


def test_modules_without_pictures_are_left_alone(tmp_path: Path) -> None:
    trainer(tmp_path).test(Plain(), loader(), verbose=False)
    assert {path.name for path in tmp_path.iterdir()} == {"metrics.json"}


def test_rows_stand_one_above_the_other() -> None:
    picture = np.asarray(stacked(torch.tensor([0.0, 2.0]).view(2, 1, 1, 1).expand(2, 3, 2, 5)))
    assert picture[:2].max() == 0
    assert picture[2:].min() == 255
