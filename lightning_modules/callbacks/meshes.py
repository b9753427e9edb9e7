"""A few meshes of a run, to open in a viewer."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer


class Meshes(Callback):
    """Writes meshes/*.glb into the run's folder from the first batch of `test` and of the last validation of `fit`.

    It asks the module for `meshes(batch) -> dict[str, Mesh]` (metres; keys become file names); a module without that
    method gets no meshes.
    """

    def __init__(self) -> None:
        self.first_batch: Any = None

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if batch_idx == 0 and dataloader_idx == 0:
            self.first_batch = batch

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.first_batch is not None:
            self.write(trainer, pl_module, self.first_batch)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if batch_idx == 0 and dataloader_idx == 0:
            self.write(trainer, pl_module, batch)

    def write(self, trainer: Trainer, pl_module: LightningModule, batch: Any) -> None:
        meshes = getattr(pl_module, "meshes", None)
        if meshes is None or not trainer.is_global_zero:
            return
        from models.geometry.files import write_mesh

        was_training = pl_module.training
        pl_module.eval()
        with torch.no_grad():
            named = meshes(batch)
        pl_module.train(was_training)
        folder = Path(trainer.default_root_dir) / "meshes"
        folder.mkdir(parents=True, exist_ok=True)
        for name, mesh in named.items():
            write_mesh(mesh, folder / f"{name}.glb")
