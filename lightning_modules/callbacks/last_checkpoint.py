"""When the state of a training is saved to go on from, and how it goes on at the same batch."""

import time
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins import DoublePrecision

from lightning_modules.callbacks.checkpoint_files import LAST

LEAST_PERIOD = 20
"""Epochs are saved at most so often that saving takes a twentieth of the time."""


class LastCheckpoint(Checkpoint):
    """Writes checkpoints/last.ckpt: at the ends of epochs, in their middle when `minutes` have passed, and when all
    else that belongs to a run is written.

    It saves only where the trainer can go on exactly: not while gradients are accumulated and not when a validation is
    due. A training that goes on has the batches of its epoch that were done read again and left out, which makes no
    demand on the data. Random numbers are the matter of `SeededBatches`.
    """

    def __init__(self, folder: str | Path, minutes: float = 5.0) -> None:
        super().__init__()
        self.path = Path(folder) / LAST
        self.minutes = minutes
        self.saved = time.monotonic()
        self.cost = 0.0
        self.trained = False
        self.batches_done: int | None = None
        self.processes = 1

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.processes = trainer.world_size
        if isinstance(trainer.precision_plugin, DoublePrecision):
            # the trainer does it after the weights are read, when they would have lost half of their digits
            trainer.precision_plugin.convert_module(pl_module)

    # -------------------------------------------------------------------------------------------------- saving

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.trained = True
        if goes_on_exactly(trainer) and self.due(trainer, 60 * self.minutes):
            self.save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.due(trainer, min(60 * self.minutes, LEAST_PERIOD * self.cost)):
            self.save(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.trained:
            self.save(trainer)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Saves the counters as they are read: the end of an epoch or of training, at which there are several moments
        for saving, has one state, and a run that is killed between them, which then saves no more, has it, too."""
        loop = checkpoint["loops"]["fit_loop"]
        if settle(loop) is not None:  # no validation is going on: what the last one counted is the trainer's to forget
            validated = loop["epoch_loop.val_loop.batch_progress"]
            validated["is_last_batch"] = False
            for part in (validated["total"], validated["current"]):
                part.update(dict.fromkeys(part, 0))
        checkpoint["epoch"] = loop["epoch_progress"]["current"]["completed"]

    def due(self, trainer: Trainer, seconds: float) -> bool:
        """The same answer in all processes."""
        return trainer.strategy.reduce_boolean_decision(time.monotonic() - self.saved >= seconds, all=False)

    def save(self, trainer: Trainer) -> None:
        started = time.monotonic()
        trainer.save_checkpoint(self.path, weights_only=False)
        self.saved = time.monotonic()
        self.cost = self.saved - started

    # ------------------------------------------------------------------------------------------------ going on

    def state_dict(self) -> dict[str, Any]:
        return {"processes": self.processes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if self.batches_done and state_dict["processes"] != self.processes:
            raise ValueError(
                f"The checkpoint was saved in the middle of an epoch by {state_dict['processes']} process(es), and "
                f"now there are {self.processes}, which share the data differently: train with as many as before."
            )

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self.batches_done = settle(checkpoint["loops"]["fit_loop"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.saved = time.monotonic()
        if self.batches_done is None:
            return
        loop = trainer.fit_loop
        if self.batches_done == 0:
            loop.epoch_loop.restarting = False  # a new epoch like any other
        fetcher, loader = loop._data_fetcher, loop._combined_loader
        assert fetcher is not None
        assert loader is not None
        for each in loader.flattened:
            if hasattr(getattr(each, "sampler", None), "set_epoch"):  # the trainer tells them after it has asked them
                each.sampler.set_epoch(trainer.current_epoch)
        iter(fetcher)
        for _ in range(self.batches_done):
            next(fetcher)
        fetcher.fetched = 0  # the trainer adds the batches that were done
        self.batches_done = None


def goes_on_exactly(trainer: Trainer) -> bool:
    """Whether a state saved at the end of this batch is one that the trainer can go on from as if nothing had been."""
    loop = trainer.fit_loop
    if loop.epoch_loop.batch_progress.is_last_batch or loop.epoch_loop._is_training_done or loop._should_accumulate():
        return False
    return loop._data_fetcher is not None and not loop.epoch_loop._should_check_val_fx(loop._data_fetcher)


def settle(loop: dict[str, Any]) -> int | None:
    """Brings the trainer's counters in a checkpoint into one of the two forms from which it goes on rightly, in the
    middle of an epoch or between two, and gives the batches of the unfinished epoch that are done; None when all are,
    and only its validation may be missing (a checkpoint of the best epoch), with which the trainer deals itself.

    At the end of an epoch the trainer says that it is not quite completed, from which it takes a batch too many when it
    counts by steps; when the last step cut an epoch short it says that the epoch was whole.
    """
    epochs, batches = loop["epoch_progress"], loop["epoch_loop.batch_progress"]
    if epochs["total"]["processed"] < epochs["total"]["started"]:  # in the middle
        return None if batches["is_last_batch"] else batches["current"]["ready"]
    cut_short = batches["current"]["ready"] > 0 and not batches["is_last_batch"]
    for part in (epochs["total"], epochs["current"]):
        part["processed"] -= cut_short
        part["completed"] = part["processed"]
    return batches["current"]["ready"] if cut_short else 0
