"""The smallest training class and data set, to test the command line by itself."""

import os
import signal
import time

import numpy as np
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_modules.stop_signals import REQUEUE, heard
from models.geometry.mesh import Mesh
from models.geometry.primitives import icosphere


class ToyModule(LightningModule):
    def __init__(self, width: int = 3, learning_rate: float = 0.1, poison: bool = False) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = nn.Linear(width, 1)
        self.learning_rate = learning_rate
        self.poison = poison

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        loss = self.layer(batch[0]).square().mean()
        self.log("train/loss", loss, on_step=True)
        return loss

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        self.log("val/loss", self.layer(batch[0]).square().mean())

    def test_step(self, batch: list[Tensor], batch_idx: int) -> None:
        self.log("test/loss", self.layer(batch[0]).square().mean())

    def panel(self, batch: list[Tensor]) -> Tensor:
        return batch[0].new_full((len(batch[0]), 3, 4, 8), 0.5)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)


class OtherToyModule(ToyModule):
    def __init__(self, width: int = 3, learning_rate: float = 0.5) -> None:
        super().__init__(width, learning_rate)


class SculptedToy(ToyModule):
    """Leaves everything that a run can leave."""

    def meshes(self, batch: list[Tensor]) -> dict[str, Mesh]:
        return {"ball": icosphere(0)}

    def test_samples(self) -> dict[str, list[float]]:
        return {"index": [0.0, 1.0], "loss": [0.5, float("nan")]}


class ToyData(LightningDataModule):
    def __init__(self, number: int = 8) -> None:
        super().__init__()
        points = torch.arange(number * 3, dtype=torch.float32).view(number, 3) / (number * 3)
        self.points = TensorDataset(points)

    def loader(self) -> DataLoader:
        return DataLoader(self.points, batch_size=2)

    train_dataloader = val_dataloader = test_dataloader = loader


class InterruptionError(Exception):
    """As sudden as a kill, seen from the run's folder."""


class ChancyModule(ToyModule):
    """Depends on random numbers and on the order of its data in every step."""

    interrupt_after: int | None = None
    """Calls of the steps of training and validation, counted over all."""

    def __init__(self, width: int = 3, learning_rate: float = 0.1) -> None:
        super().__init__(width, learning_rate)

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        countdown()
        noise = torch.randn_like(batch[0]) + float(np.random.rand())  # noqa: NPY002
        loss = (self.layer(batch[0] + noise) - batch[0][:, :1]).square().mean()
        self.log("train/loss", loss, on_step=True)
        return loss

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        countdown()
        super().validation_step(batch, batch_idx)

    def configure_optimizers(self):
        optimizer = super().configure_optimizers()
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.9)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def countdown() -> None:
    if ChancyModule.interrupt_after is not None:
        ChancyModule.interrupt_after -= 1
        if ChancyModule.interrupt_after < 0:
            raise InterruptionError


class ShuffledData(ToyData):
    def __init__(self, number: int = 10, workers: int = 0) -> None:
        super().__init__(number)
        self.workers = workers

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.points, batch_size=2, shuffle=True, num_workers=self.workers)


class SignalledToy(ToyModule):
    """Signals its own process in the middle of a step, once in the life of a job, and only its first process."""

    def __init__(self, at_step: int, name: str = "SIGUSR1", width: int = 3, learning_rate: float = 0.1) -> None:
        super().__init__(width, learning_rate)
        self.at_step, self.name = at_step, name

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        if self.global_step == self.at_step and self.global_rank == 0 and "SLURM_RESTART_COUNT" not in os.environ:
            os.kill(os.getpid(), getattr(signal, self.name))
        return super().training_step(batch, batch_idx)


class LeashedToy(SignalledToy):
    """Signals the process that has begun its own, and goes on when that has passed the signal on."""

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        if self.global_step == self.at_step and "SLURM_RESTART_COUNT" not in os.environ:
            os.kill(os.getppid(), signal.SIGUSR1)
            patience = time.monotonic() + 120
            while not heard(REQUEUE):
                assert time.monotonic() < patience, "the signal is lost on its way"
                time.sleep(0.01)
        return ToyModule.training_step(self, batch, batch_idx)


class SameData(ToyData):
    """The same point again and again: the order, the batch and the process that it falls to make no difference."""

    def __init__(self, number: int = 8, workers: int = 0) -> None:
        super().__init__(number)
        self.points = TensorDataset(torch.tensor([[0.3, 0.5, 0.7]]).repeat(number, 1))
        self.workers = workers

    def loader(self) -> DataLoader:
        start = "spawn" if self.workers else None
        return DataLoader(self.points, batch_size=2, num_workers=self.workers, multiprocessing_context=start)

    train_dataloader = val_dataloader = test_dataloader = loader
