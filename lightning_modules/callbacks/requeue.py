"""A training under SLURM that is asked to stop saves itself between two batches and asks to be started again."""

from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from lightning_modules.callbacks.last_checkpoint import goes_on_exactly
from lightning_modules.slurm_job import current_job, requeue
from lightning_modules.stop_signals import END, REQUEUE, heard, listen

ENDED_BY_SIGTERM = 143
"""Exit status that shells give to a process which SIGTERM ended."""


class StoppedBySlurm(Exception):  # noqa: N818 - no error
    """The training is saved and shall leave the trainer at once, without ending its epoch."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status
        """Of the process."""


class Requeue(Checkpoint):
    """Answers SIGUSR1 (the time is nearly over: save, requeue, stop) and SIGTERM (preempted or cancelled: save, stop;
    SLURM itself starts a preempted job again where the partition says so).

    The processes agree after a batch on what they have heard, so that all save after the same one. After the last batch
    of an epoch they wait until validation and everything else that belongs to its end is done, and at the end of
    training there is nothing to requeue. It counts as a checkpoint callback: those see an epoch's end last.

    Args:
        checkpoint: the file, the one from which the run goes on.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        listen(REQUEUE)

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        listen(REQUEUE, END)  # the trainer has just put its own handler there, which talks to the other processes

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        listen(REQUEUE, END)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if goes_on_exactly(trainer):
            self.stop_when_asked(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch + 1 != trainer.max_epochs and not has_made_all_steps(trainer):
            self.stop_when_asked(trainer)

    def stop_when_asked(self, trainer: Trainer) -> None:
        """Raises StoppedBySlurm in all processes when one of them has heard a signal.

        Raises:
            ValueError: SLURM refuses to requeue.
        """
        if not one_of_all(trainer, heard(REQUEUE) or heard(END)):
            return
        again = one_of_all(trainer, heard(REQUEUE))
        trainer.save_checkpoint(self.checkpoint, weights_only=False)  # returns when the file is there, in all processes
        for logger in trainer.loggers:
            logger.save()
        saved = f"saved step {trainer.global_step} of epoch {trainer.current_epoch} to {self.checkpoint}"
        if not again:
            raise StoppedBySlurm(f"SLURM ends the job: {saved}", ENDED_BY_SIGTERM)
        job = current_job()
        if trainer.is_global_zero and job is not None:
            requeue(job)
        raise StoppedBySlurm(f"{saved}, and asked SLURM to start the job again", 0)


def one_of_all(trainer: Trainer, flag: bool) -> bool:
    """Whether the flag is set in one process at least; all must ask."""
    return trainer.strategy.reduce_boolean_decision(flag, all=False)


def has_made_all_steps(trainer: Trainer) -> bool:
    return 0 <= trainer.max_steps <= trainer.global_step
