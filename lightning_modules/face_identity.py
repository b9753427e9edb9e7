"""An embedder of identity, trained on pictures that the stage renders itself: the perceptual loss without a download.

people -> two renderings each, with other expressions, poses, lights and backgrounds -> embeddings -> contrast.
"""

import lightning
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate, normalize
from torch.utils.data import DataLoader, Dataset

from lightning_modules.hyper_parameters import save_plain_hyperparameters
from lightning_modules.schedules import cosine_schedule
from models.faces.encoder import FaceEncoder
from models.faces.parameters import FaceParameters
from models.faces.reconstructor import FaceReconstructor, paste
from models.morphable.coefficient_sampling import sample_albedo, sample_expression, sample_identity
from models.morphable.linear import MorphableModel
from models.networks.identity_embedder import IdentityEmbedder


class Seeds(Dataset[int]):
    """Numbers that stand for batches of people: training and validation never share one."""

    def __init__(self, first: int, count: int) -> None:
        self.first, self.count = first, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> int:
        return self.first + index


class FaceIdentity(lightning.LightningModule):
    """Contrast between people (the loss of SimCLR, Chen, Kornblith et al. 2020, with the person as the positive pair).

    Args:
        face_model: whose identities and colours are sampled.
        embedder: the network that is trained.
        people: how many appear in a batch, each twice.
        batches: in an epoch.
        temperature: of the contrast.
        side: of the renderings in pixels.
        learning_rate: of Adam, with a cosine schedule.
    """

    def __init__(
        self,
        face_model: MorphableModel,
        embedder: IdentityEmbedder,
        people: int = 32,
        batches: int = 300,
        temperature: float = 0.5,
        side: int = 96,
        learning_rate: float = 3e-3,
    ) -> None:
        super().__init__()
        save_plain_hyperparameters(self)
        backbone = nn.Identity()
        backbone.features = 1  # type: ignore[assignment]
        sizes = (face_model.identity_size, face_model.expression_size, face_model.albedo_size)
        # it only renders: its encoder learns nothing
        self.renderer = FaceReconstructor(face_model, FaceEncoder(backbone, *sizes)).requires_grad_(False)
        self.embedder = embedder
        self.people, self.batches, self.side = people, batches, side
        self.temperature, self.learning_rate = temperature, learning_rate

    def train_dataloader(self) -> DataLoader[int]:
        return DataLoader(Seeds(0, self.batches), batch_size=None, shuffle=True)

    def val_dataloader(self) -> DataLoader[int]:
        return DataLoader(Seeds(10**9, 4), batch_size=None)

    def training_step(self, batch: int, batch_index: int) -> Tensor:
        # another seed each epoch, so that no person comes twice
        loss, _ = self.contrast(int(batch) + self.current_epoch * self.batches)
        self.log("train/loss", loss.detach(), prog_bar=True, batch_size=self.people)
        return loss

    def validation_step(self, batch: int, batch_index: int) -> None:
        loss, accuracy = self.contrast(int(batch))
        self.log_dict({"val/loss": loss, "val/same_person_percent": 100 * accuracy}, batch_size=self.people)

    def contrast(self, seed: int) -> tuple[Tensor, Tensor]:
        """Loss, and the share of people whose two pictures find each other among all."""
        with torch.no_grad():
            pictures = self.photographs(seed)
        # every picture shows a face: without that common part all embeddings would point the same way at first, and the
        # contrast would have no slope
        raw = self.embedder.raw(pictures)
        first, second = normalize(raw - raw.mean(0, keepdim=True), dim=1).chunk(2)
        likeness = first @ second.T / self.temperature
        people = torch.arange(self.people, device=likeness.device)
        loss = (cross_entropy(likeness, people) + cross_entropy(likeness.T, people)) / 2
        return loss, (likeness.argmax(1) == people).float().mean()

    def photographs(self, seed: int) -> Tensor:
        """[2 people, 3, s, s]: all people once, then all of them again in other circumstances."""
        generator = torch.Generator().manual_seed(seed)
        model, count = self.renderer.face_model, 2 * self.people

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator)

        angles = (uniform(count, 3) - 0.5) * torch.tensor([0.5, 1.2, 0.4])
        placing = (uniform(count, 3) - 0.5) * torch.tensor([0.1, 0.1, 0.15])
        light = torch.zeros(count, 9, 3)
        light[:, 0] = 2 + uniform(count, 1) + 0.2 * (uniform(count, 3) - 0.5)
        light[:, 1] = 0.3 + 0.6 * uniform(count, 1)
        light[:, 2:4] = 1.4 * (uniform(count, 2, 1) - 0.5)
        parameters = FaceParameters(
            sample_identity(model, generator, self.people).repeat(2, 1),
            sample_expression(model, generator, count)[1],
            sample_albedo(model, generator, self.people).repeat(2, 1),
            torch.cat([angles, placing], 1),
            light,
        )
        on_device = FaceParameters(*(part.to(self.device) for part in parameters))
        rendering = self.renderer.render(on_device, self.renderer.deform(on_device, self.side), self.side)
        # faint, lest the background be what is told apart
        waves = interpolate(uniform(count, 3, 5, 5) - 0.5, size=(self.side, self.side), mode="bicubic")
        background = 0.5 + 0.15 * waves
        noisy = paste(rendering, background.to(self.device)) + 0.02 * torch.randn(
            rendering.image.shape, generator=generator
        ).to(self.device)
        return noisy.clamp(0, 1)

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.embedder.parameters(), lr=self.learning_rate)
        factor = cosine_schedule(int(self.trainer.estimated_stepping_batches))
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
