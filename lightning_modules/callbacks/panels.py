"""What the model sees and makes, as one picture an epoch."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from lightning.pytorch import Callback, LightningModule, Trainer
from PIL import Image
from torch import Tensor

ROWS = 6


class Panels(Callback):
    """Writes panels/epoch-0003.png into the run's folder (panels/test.png from `test`), from the first batch of the
    loader.

    It asks the module for `panel(batch) -> [b, 3, h, w]` in [0, 1], one row of pictures a sample; a module without that
    method gets no panels.
    """

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if batch_idx == 0 and dataloader_idx == 0 and not trainer.sanity_checking:
            name = f"epoch-{trainer.current_epoch:04d}.png" if trainer.state.fn == "fit" else "validate.png"
            self.write(trainer, pl_module, batch, name)

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
            self.write(trainer, pl_module, batch, "test.png")

    def write(self, trainer: Trainer, pl_module: LightningModule, batch: Any, name: str) -> None:
        panel = getattr(pl_module, "panel", None)
        if panel is None or not trainer.is_global_zero:
            return
        with torch.no_grad():
            rows = panel(batch)[:ROWS]
        folder = Path(trainer.default_root_dir) / "panels"
        folder.mkdir(parents=True, exist_ok=True)
        stacked(rows).save(folder / name)


def stacked(rows: Float[Tensor, "b 3 h w"]) -> Image.Image:
    """The rows of pictures, one above the other."""
    tall = torch.cat(list(rows.detach().float().cpu().clamp(0, 1)), dim=1)
    return Image.fromarray((tall * 255).round().byte().permute(1, 2, 0).numpy(), "RGB")
