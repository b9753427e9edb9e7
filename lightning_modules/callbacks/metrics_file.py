"""The last value of every logged metric, in metrics.json."""

import math
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from lightning_modules.callbacks.provenance import replace_entry


class MetricsFile(Callback):
    """Writes metrics.json into the run's folder: `{"fit": {name: value}, "test": {…}}`, each verb replacing its own
    names.
    """

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.write(trainer, "fit")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == "validate":
            self.write(trainer, "validate")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.write(trainer, "test")

    def write(self, trainer: Trainer, verb: str) -> None:
        if not trainer.is_global_zero:
            return
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        # JSON knows no NaN: a metric without a value is null
        finite = {name: value if math.isfinite(value) else None for name, value in sorted(values.items())}
        replace_entry(Path(trainer.default_root_dir) / "metrics.json", verb, finite)
