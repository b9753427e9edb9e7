"""Tiny photographs of clothing and a tiny stage, made in memory."""

from typing import Any

import lightning
import torch
from torch.utils.data import DataLoader

from datamodules.samples import ClothingSample
from lightning_modules.clothing import Clothing
from lightning_modules.clothing_prototype import PrototypeLoop
from models.clothing.attributes import CameraRanges
from models.clothing.configurations import small_encoder
from models.clothing.loss_weights import ClothingLossWeights
from models.networks.convolution_blocks import Norm
from models.networks.discriminators import Critic

SIZE = (32, 16)
RANGES = CameraRanges(distance=(2.0, 4.0))
NOTHING = dict.fromkeys(
    (
        *("image", "silhouette", "adversarial", "laplacian", "flatness", "edge_length", "depth", "deformation"),
        *("mirror", "contour", "cycle_camera", "cycle_shape", "cycle_texture", "cycle_light"),
    ),
    0.0,
)


def photographs(number: int = 6, seed: int = 0) -> ClothingSample:
    """Lit ovals of their own proportions and two colours before noise."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.linspace(-1, 1, SIZE[0])[:, None]
    columns = torch.linspace(-1, 1, SIZE[1])[None]
    wide, tall = (0.6 + 0.35 * torch.rand(2, number, 1, 1, generator=generator)).unbind(0)
    masks = ((columns / wide).square() + (rows / tall).square() < 1).float()[:, None]
    upper, lower = torch.rand(2, number, 3, 1, 1, generator=generator).unbind(0)
    garment = torch.where(rows < 0, upper, lower)
    behind = torch.rand(number, 3, *SIZE, generator=generator)
    return ClothingSample(garment * masks + behind * (1 - masks), masks, masks.mean((1, 2, 3)), torch.arange(number))


def rows_of(batch: ClothingSample, rows: slice) -> ClothingSample:
    return ClothingSample(*(part[rows] for part in batch))


def weights(**some: float) -> ClothingLossWeights:
    """Those of people, or nothing but `some`."""
    options = (NOTHING | some) if some else {"flatness": 2e-3, "depth": 0.15, "contour": 0.0}
    return ClothingLossWeights(depth_falloff="exponential", **options)


def tiny_clothing(
    norm: Norm = "group", background: bool = True, framed: bool = False, seed: int = 0, **options: Any
) -> Clothing:
    torch.manual_seed(seed)
    defaults: dict[str, Any] = {
        "weights": weights(),
        "critic": Critic(widths=(4, 8, 8), hidden=4),
        "learning_rate": 1e-3,
        "trunk_rate": 1.0,
        "head_rate": 0.05,
        "betas": (0.9, 0.999),
        "warmup_epochs": 0.5,
        "averaged_epochs": 1,
    }
    encoder = small_encoder(RANGES, width=4, norm=norm, background=background, framed=framed)
    return Clothing(encoder, **(defaults | options))


class TinyPhotographs(lightning.LightningDataModule):
    """Six photographs in batches of two; those of the first two batches are clean."""

    batch_size = 2

    def __init__(self) -> None:
        super().__init__()
        batch = photographs()
        self.rows = [ClothingSample(*(part[row] for part in batch)) for row in range(len(batch.image))]

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.rows, self.batch_size)  # type: ignore[arg-type]

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.rows[:2], self.batch_size)  # type: ignore[arg-type]

    def clean_dataloader(self) -> DataLoader:
        return DataLoader(self.rows[:4], self.batch_size)  # type: ignore[arg-type]


def trainer(**more: Any) -> lightning.Trainer:
    settings = {"logger": False, "enable_checkpointing": False, "num_sanity_val_steps": 0} | more
    return lightning.Trainer(accelerator="cpu", enable_progress_bar=False, enable_model_summary=False, **settings)


def moving_prototype(**options: Any) -> PrototypeLoop:
    return PrototypeLoop(every=1, dilution="none", **options)
