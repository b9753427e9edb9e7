"""Normals of both sides of a person from one picture: the networks that PIFuHD's levels look through.

picture -> generators -> unit normals of the near and the far surface -> L1 and perceptual loss in the mask. Source:
Saito et al., PIFuHD, CVPR 2020, section 4.2 and supplement.
"""

from typing import Any, Literal

import lightning
import torch
from torch import Tensor

from datamodules.samples import BodyNormalSample
from lightning_modules.face_checkpoints import leave_out_training_files
from lightning_modules.gradient_exchange import mean_over_processes
from lightning_modules.hyper_parameters import save_plain_hyperparameters
from lightning_modules.schedules import cosine_schedule
from lightning_modules.shared_samples import without_repetitions
from metrics.normals import NormalErrorDegrees
from models.bodies.normal_maps import FrontBackNormals, NormalMaps
from models.losses.perceptual import FeatureMapLoss
from models.losses.smoothness import masked_mean
from models.networks.precision import Precision, network_autocast


class BodyNormals(lightning.LightningModule):
    """One training stage: two generators of pictures, or a shared one.

    Args:
        network: makes the normals.
        perceptual: compares normal maps as pictures in the features of a frozen network; None leaves the term out (the
            paper: VGG-19, whose weights have to be downloaded).
        l1_weight: of the mean absolute difference (the paper: 5); the perceptual term has the weight 1.
        learning_rate: of Adam with betas (0.5, 0.999).
        schedule: "cosine", or "constant".
        precision: of the generators' arithmetic, see `models.networks.precision`.
    """

    def __init__(
        self,
        network: NormalMaps,
        perceptual: FeatureMapLoss | None = None,
        l1_weight: float = 5.0,
        learning_rate: float = 2e-4,
        schedule: Literal["cosine", "constant"] = "cosine",
        precision: Precision = "auto",
    ) -> None:
        super().__init__()
        save_plain_hyperparameters(self)
        self.network, self.perceptual = network, perceptual
        self.l1_weight, self.learning_rate, self.schedule = l1_weight, learning_rate, schedule
        self.precision: Precision = precision
        self.front_error, self.back_error = NormalErrorDegrees(), NormalErrorDegrees()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """A checkpoint does without the network that only judges."""
        leave_out_training_files(checkpoint)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Resumed training has its judge already."""
        judge = {name: value for name, value in self.state_dict().items() if name.startswith("perceptual.")}
        checkpoint["state_dict"] = {**judge, **checkpoint["state_dict"]}

    def normals(self, images: Tensor, masks: Tensor) -> FrontBackNormals:
        """Normals [b, 3, h, w] of pictures in [0, 1]."""
        with network_autocast(self.precision, images.device):
            return self.network(images, masks)

    def training_step(self, batch: BodyNormalSample, batch_index: int) -> Tensor:
        made = self.normals(batch.image, batch.mask)
        sides = {"front": (made.front, batch.front), "back": (made.back, batch.back)}
        judge, total = self.perceptual, made.front.new_zeros(())
        mask = covered(batch)[:, None].to(made.front)
        pixels = mean_over_processes(mask.sum())
        for side, (found, wanted) in sides.items():
            difference = masked_mean((found - wanted).abs(), mask, pixels)
            self.log(f"train/{side}_l1", difference.detach())
            total = total + self.l1_weight * difference
            if judge is not None:
                seen = judge(found * 0.5 + 0.5, wanted * 0.5 + 0.5)
                self.log(f"train/{side}_perceptual", seen.detach())
                total = total + seen
        self.log("train/loss", total.detach(), prog_bar=True)
        return total

    def validation_step(self, batch: BodyNormalSample, batch_index: int) -> None:
        self.score(without_repetitions(self, batch, batch_index))

    def test_step(self, batch: BodyNormalSample, batch_index: int) -> None:
        self.score(without_repetitions(self, batch, batch_index))

    def score(self, batch: BodyNormalSample | None) -> None:
        """Measure one batch; `on_*_epoch_end` reports."""
        if batch is None:
            return
        made = self.normals(batch.image, batch.mask)
        self.front_error.update(made.front, batch.front, covered(batch))
        self.back_error.update(made.back, batch.back, covered(batch))

    def on_validation_epoch_end(self) -> None:
        self.report("val")

    def on_test_epoch_end(self) -> None:
        self.report("test")

    def report(self, stage: str) -> None:
        front, back = self.front_error.compute(), self.back_error.compute()
        self.front_error.reset()
        self.back_error.reset()
        errors = {"front_normal_error_degrees": front, "back_normal_error_degrees": back}
        errors["normal_error_degrees"] = (front + back) / 2
        self.log_dict({f"{stage}/{name}": value for name, value in errors.items()}, prog_bar=True)

    def predict_step(self, batch: BodyNormalSample, batch_index: int) -> dict[str, Tensor]:
        """Both normal maps, and which picture they belong to."""
        made = self.normals(batch.image, batch.mask)
        return {"front": made.front, "back": made.back, "index": batch.index}

    def panel(self, batch: BodyNormalSample) -> Tensor:
        """Picture, front normals and their truth, back normals and their truth: one row for each body."""
        made = self.normals(batch.image, batch.mask)
        coloured = [normals * 0.5 + 0.5 for normals in (made.front, batch.front, made.back, batch.back)]
        return torch.cat([batch.image, *coloured], dim=-1)

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self.learning_rate, betas=(0.5, 0.999))
        if self.schedule == "constant":
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, cosine_schedule(steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def covered(batch: BodyNormalSample) -> Tensor:
    """[b, h, w] bool: pixels of the mask for which both true normals are known."""
    known = (batch.front != 0).any(1) & (batch.back != 0).any(1)
    return known & (batch.mask[:, 0] > 0.5)
