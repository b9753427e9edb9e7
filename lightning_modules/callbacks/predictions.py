"""What a run says about every picture of a folder, as numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor


class Predictions(Callback):
    """Writes predictions.npz into the run's folder from `predict`: the arrays that the module's `predict_step` returns,
    one row a picture, and `names`, the pictures' names.

    `predict_step` gives a dictionary of tensors with `index`, the pictures' places in the folder.
    """

    def __init__(self) -> None:
        self.batches: list[dict[str, Tensor]] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "predict" and trainer.world_size > 1:
            raise MisconfigurationException("predict writes one file from one process; add --trainer.devices 1")

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if isinstance(outputs, dict):
            self.batches.append({name: value.detach().cpu() for name, value in outputs.items()})

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.batches:
            return
        arrays: dict[str, Any] = {
            name: torch.cat([batch[name] for batch in self.batches]).numpy() for name in self.batches[0]
        }
        self.batches.clear()
        records = trainer.predict_dataloaders.dataset.records  # type: ignore[union-attr]
        names = np.array([records[int(place)].name for place in arrays.pop("index")])
        folder = Path(trainer.default_root_dir)
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / ".predictions.npz"
        np.savez_compressed(unfinished, names=names, **arrays)
        unfinished.replace(folder / "predictions.npz")
