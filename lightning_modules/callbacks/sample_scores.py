"""The scores of every test sample, to compare methods sample by sample."""

import csv
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from models.geometry.atomic import replace_when_complete


class SampleScores(Callback):
    """Writes test_samples.csv into the run's folder from `test`: a row a sample, a column a figure, `index` first.

    It asks the module for `test_samples() -> dict[str, list[float]]` before the module reports and forgets; a module
    without that method gets no file.
    """

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        samples = getattr(pl_module, "test_samples", None)
        if samples is None:
            return
        columns = samples()  # every process asks: they gather
        if not trainer.is_global_zero or not columns.get("index"):
            return
        path = Path(trainer.default_root_dir) / "test_samples.csv"
        with replace_when_complete(path) as (unfinished,), unfinished.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
