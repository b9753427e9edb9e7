"""Steps of a training stage by the stage's own command line, timed part by part."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import lightning
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import LightningCLI
from torch.utils.data import DataLoader, Sampler

from datamodules.epoch_order import ShuffledEpochs
from experiments.benchmarks.step_clock import PARTS, Clock, Window, rendering_told
from experiments.benchmarks.training_stages import SYNTHESIZED, MeasuredStage, checkpoint_of
from experiments.cli import main
from experiments.commands.training import ThreefoldCLI, parsed

VISITS = 3
"""How often every item is read before steps are measured: until then pictures are decoded and kept."""


class StepTimes(NamedTuple):
    """Of several training steps in a row."""

    steps: int
    wall: dict[str, float]
    """Seconds of the clock, all steps together, by part."""
    processor: dict[str, float]
    """Seconds of this process's processors; loader workers are other processes."""
    reading: dict[str, float]
    """Processor seconds of the steps before, in which items are read for the first time."""
    steps_before: int

    def row(self) -> dict[str, float]:
        """Milliseconds a step, steps a second and shares in percent."""
        wall, processor = sum(self.wall.values()), sum(self.processor.values())
        figures = {"steps per second": self.steps / wall}
        figures |= {f"{part} ms": 1e3 * self.wall[part] / self.steps for part in PARTS}
        figures |= {f"{part} processor ms": 1e3 * self.processor[part] / self.steps for part in PARTS}
        figures |= {"step ms": 1e3 * wall / self.steps, "step processor ms": 1e3 * processor / self.steps}
        figures["data share percent"] = 100 * self.wall["data"] / wall
        figures["data share of processor percent"] = 100 * self.processor["data"] / processor
        figures["first reading processor ms"] = 1e3 * self.reading.get("data", 0.0) / max(1, self.steps_before)
        return figures


class EndlessOrder(Sampler[tuple[int, int]]):
    """One epoch after the other as one, so that what an epoch begins with is no part of a step."""

    def __init__(self, items: int, trainer: Trainer, batches: int, batch: int) -> None:
        self.items, self.trainer, self.length = items, trainer, batches * batch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for epoch in count():
            share = {"processes": self.trainer.world_size, "rank": self.trainer.global_rank}
            yield from ShuffledEpochs(self.items, seed=0, current_epoch=lambda at=epoch: at, **share)


class LongEpoch(lightning.LightningDataModule):
    """The training data of another data module, in a single epoch of `batches` batches."""

    def __init__(self, data: Any, batches: int) -> None:
        super().__init__()
        self.data, self.batches = data, batches

    def train_dataloader(self) -> DataLoader:
        assert self.trainer is not None
        given = self.data.train_dataloader()
        order = EndlessOrder(len(given.dataset), self.trainer, self.batches, given.batch_size)
        return DataLoader(
            given.dataset,
            given.batch_size,
            sampler=order,
            num_workers=given.num_workers,
            collate_fn=given.collate_fn,
            pin_memory=given.pin_memory,
            drop_last=True,
        )

    def clean_dataloader(self) -> DataLoader:
        return self.data.clean_dataloader()


def timed_steps(words: Sequence[str], folder: Path, steps: int, warm_up: int | None, keep: Path | None) -> StepTimes:
    """Trains by the words after `threefold fit` and measures.

    Args:
        steps: that are measured.
        warm_up: steps before them; None takes `VISITS` visits of every item.
        keep: file that the stage's checkpoint is written to in the end; None writes none.
    """
    clock = Clock()

    class Measuring(ThreefoldCLI):
        """Trains without files, callbacks and validation."""

        def before_instantiate_classes(self) -> None: ...

        def instantiate_trainer(self, **_: Any) -> Trainer:
            quiet = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
            options: dict[str, Any] = dict.fromkeys(quiet, False)
            options |= {"callbacks": [], "profiler": clock, "limit_val_batches": 0, "use_distributed_sampler": False}
            self.save_config_callback = None
            return LightningCLI.instantiate_trainer(self, default_root_dir=folder, **options)

        def fit(self, model: LightningModule, datamodule: Any, **_: Any) -> None:
            loader = datamodule.train_dataloader()
            own_share = -(-VISITS * len(loader.dataset) // (loader.batch_size * self.trainer.world_size))
            self.window = Window(clock, own_share if warm_up is None else warm_up, steps)
            self.trainer.callbacks.append(self.window)  # type: ignore[attr-defined]
            with rendering_told(model, clock):
                # one batch more than is needed: what belongs to the end of an epoch is left out
                self.trainer.fit(model, LongEpoch(datamodule, self.window.warm_up + steps + 1))

    for library in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(library).setLevel(logging.WARNING)  # what it says of itself would stand between the rows
    line = parsed("fit", words, Measuring)
    window = line.window  # type: ignore[attr-defined]
    if keep is not None and line.trainer.is_global_zero:
        keep.parent.mkdir(parents=True, exist_ok=True)
        line.trainer.save_checkpoint(keep)
    return StepTimes(steps, window.wall, window.processor, window.reading, window.warm_up)


def make_ready(stage: MeasuredStage, stages: Mapping[str, MeasuredStage], folder: Path) -> None:
    """Makes the data of a stage, and one step of each stage that it needs the checkpoint of, where they are missing."""
    if not (folder / stage.data).is_dir():
        main(["synthesize", *SYNTHESIZED[stage.data], "--out", str(folder / stage.data)])
    for _, name in stage.earlier:
        keep = checkpoint_of(folder, name)
        if not keep.is_file():
            make_ready(stages[name], stages, folder)
            timed_steps([*stages[name].command(folder, 0), "--trainer.accelerator", "cpu"], folder, 1, 0, keep)
