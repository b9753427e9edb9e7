"""The last value of every logged metric, in metrics.json."""

import math
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from lightning_modules.callbacks.provenance import replace_entry


class MetricsFile(Callback):
    """Writes metrics.json into the run's folder: `{"fit": {name: value}, "test": {…}}`, each verb replacing its own
    names.

    Of a training that was interrupted, metrics that were not measured again since are those of before.
    """

    def __init__(self) -> None:
        self.before: dict[str, float] = {}

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["metrics"] = self.before | values_of(trainer) | waiting(trainer)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn == "fit":
            self.before = checkpoint.get("metrics", {})

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Not at the end of training, which a run that was killed after its last step has no more."""
        self.write(trainer, "fit")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == "validate":
            self.write(trainer, "validate")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.write(trainer, "test")

    def write(self, trainer: Trainer, verb: str) -> None:
        if not trainer.is_global_zero:
            return
        values = self.before | values_of(trainer)
        # JSON knows no NaN: a metric without a value is null
        finite = {name: value if math.isfinite(value) else None for name, value in sorted(values.items())}
        replace_entry(Path(trainer.default_root_dir) / "metrics.json", verb, finite)


def values_of(trainer: Trainer) -> dict[str, float]:
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def waiting(trainer: Trainer) -> dict[str, float]:
    """What was logged for the epoch as a whole in an epoch that is not over; the trainer itself forgets it. A mean over
    batches is that of the batches so far, until the rest of the epoch is logged."""
    if trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
        return {}
    found = trainer.fit_loop.epoch_loop._results.metrics(on_step=False)["callback"]
    return {name: float(value) for name, value in found.items()}
