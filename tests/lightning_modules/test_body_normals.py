"""The stage that learns normals: it learns, it measures both sides apart, its checkpoint is enough."""

from pathlib import Path

import lightning
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from datamodules.samples import BodyNormalSample
from lightning_modules.body_normals import BodyNormals, covered
from models.bodies.normal_maps import NormalMaps
from models.losses.perceptual import FeatureMapLoss
from models.networks.unet import AddingUNet
from models.networks.vgg19 import VGG19Features

SIDE = 32


class Spheres(Dataset):
    """Spheres of several radii, lit from the front; the back is the front with z the other way."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> BodyNormalSample:
        centres = (2 * torch.arange(SIDE) + 1) / SIDE - 1
        y, x = torch.meshgrid(-centres, centres, indexing="ij")
        radius = 0.5 + 0.05 * index
        square = 1 - (x**2 + y**2) / radius**2
        mask = (square > 0).float()
        front = torch.stack([x / radius, y / radius, square.clamp_min(0).sqrt()]) * mask
        back = front * torch.tensor([1.0, 1.0, -1.0])[:, None, None]
        shaded = (0.5 + 0.5 * front).clamp(0, 1)
        return BodyNormalSample(shaded, mask[None], front, back, torch.tensor(index))


def loader() -> DataLoader:
    return DataLoader(Spheres(), 4)


def stage(perceptual: FeatureMapLoss | None = None) -> BodyNormals:
    torch.manual_seed(0)
    network = NormalMaps(AddingUNet(3, (8, 16, 16), 3), AddingUNet(3, (8, 16, 16), 3))
    return BodyNormals(network, perceptual, learning_rate=3e-3, precision="float32")


def trainer(folder: Path, **options) -> lightning.Trainer:
    return lightning.Trainer(
        default_root_dir=folder, accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, **options,
    )  # fmt: skip


def test_it_learns_both_sides_and_its_checkpoint_is_enough(tmp_path: Path):
    module = stage()
    fitting = trainer(tmp_path, max_steps=60, enable_checkpointing=False)
    before = fitting.validate(module, loader(), verbose=False)[0]
    fitting.fit(module, loader())
    after = fitting.test(module, loader(), verbose=False)[0]
    for side in ("front", "back"):
        name = f"{side}_normal_error_degrees"
        assert after[f"test/{name}"] < 20 < before[f"val/{name}"]
    fitting.save_checkpoint(tmp_path / "last.ckpt")
    loaded = stage()
    loaded.load_state_dict(torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"])
    batch = next(iter(loader()))
    torch.testing.assert_close(loaded.predict_step(batch, 0)["back"], module.predict_step(batch, 0)["back"])
    assert module.panel(batch).shape == (4, 3, SIDE, 5 * SIDE)


def test_the_sides_are_measured_apart():
    module = stage()
    batch = next(iter(loader()))
    module.front_error.update(batch.front, batch.front, covered(batch))
    module.back_error.update(batch.front, batch.back, covered(batch))
    assert module.front_error.compute().item() == pytest.approx(0, abs=1e-4)
    assert module.back_error.compute().item() > 60


def test_a_perceptual_network_judges_but_is_not_kept(tmp_path: Path):
    module = stage(FeatureMapLoss(VGG19Features()))
    fitting = trainer(tmp_path, max_steps=1, limit_val_batches=0, enable_checkpointing=False)
    fitting.fit(module, DataLoader(Spheres(), 1))
    assert not any(value.requires_grad for value in module.perceptual.parameters())  # type: ignore[union-attr]
    fitting.save_checkpoint(tmp_path / "last.ckpt")
    stored = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert not any(name.startswith("perceptual.") for name in stored["state_dict"])
    assert (tmp_path / "last.ckpt").stat().st_size < 2**20
