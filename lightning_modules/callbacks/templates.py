"""The template while it is learned, to watch it grow afterwards."""

from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from models.geometry.mesh import Mesh

MOST = 100
"""Files that a training leaves at most."""


class Templates(Callback):
    """Writes template/epoch-0003.obj into the run's folder: the template after so many epochs, 0 what training begins
    with. Epochs that did not move it leave no file, and of long trainings only every so-manieth does.

    It asks the module for `template_mesh() -> Mesh`; a module without that method gets no files.
    """

    def __init__(self) -> None:
        self.last_written: Mesh | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == 0:
            self.write(trainer, pl_module, 0)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        finished = trainer.current_epoch + 1
        every = max(1, -(-(trainer.max_epochs or 0) // MOST))
        if finished % every == 0 or finished == trainer.max_epochs:
            self.write(trainer, pl_module, finished)

    def write(self, trainer: Trainer, pl_module: LightningModule, finished: int) -> None:
        template_mesh = getattr(pl_module, "template_mesh", None)
        if template_mesh is None or not trainer.is_global_zero or getattr(trainer, "fast_dev_run", False):
            return
        mesh = template_mesh()
        if self.last_written is not None and torch.equal(mesh.vertices, self.last_written.vertices):
            return
        from models.geometry.files import write_mesh

        write_mesh(mesh, Path(trainer.default_root_dir) / "template" / f"epoch-{finished:04d}.obj")
        self.last_written = mesh
