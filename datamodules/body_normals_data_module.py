"""Pictures of bodies with their normal maps, for the networks that predict them."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal

import lightning
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from datamodules.body_augmentation import BodyAugmentation, augmented_normals
from datamodules.body_dataset import Key, spaced_views
from datamodules.body_records import BodyLayout, BodyNormals, BodyRecord, BodyView, ViewRecord
from datamodules.bounded_memory import BoundedMemory
from datamodules.epoch_order import RepeatedItems, training_order
from datamodules.occupancy_sampling import VALIDATION_SEED
from datamodules.samples import BodyNormalSample


class BodyNormalsDataset(Dataset[BodyNormalSample]):
    """One picture an item: in training a random view of each body, else `views` equally spaced ones of each.

    Arguments as in `BodyDataset`. Reading raises ValueError with a sentence that names the broken file.
    """

    def __init__(
        self,
        layout: BodyLayout,
        split: Literal["train", "val", "test"] | None = None,
        *,
        image_size: int = 128,
        views: int = 4,
        augmentation: BodyAugmentation | None = None,
        training: bool = False,
        seed: int = 0,
        memory_bytes: int = 2 << 30,
    ) -> None:
        self.layout = layout
        self.image_size = image_size
        self.augmentation = augmentation
        self.training = training
        self.seed = seed
        self.views = 1 if training else views
        self._kept: BoundedMemory[tuple[BodyView, torch.Tensor]] = BoundedMemory(memory_bytes, _bytes)
        self.positions = [
            position
            for position, record in enumerate(layout.records)
            if split is None or record.name in layout.splits[split]
        ]

    @property
    def records(self) -> list[BodyRecord]:
        """Of the whole data set: an item's `index` is a place in this list, whatever the split."""
        return self.layout.records

    def __len__(self) -> int:
        return len(self.positions) * self.views

    def __getitem__(self, key: Key) -> BodyNormalSample:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        body, side = divmod(index, self.views)
        position = self.positions[body]
        record = self.records[position]
        seed = (self.seed, epoch, position) if self.training else (VALIDATION_SEED, position)
        generator = np.random.default_rng(seed)
        view = spaced_views(record, self.views, generator if self.training else None)[side]
        shown, pixels = self._kept.get((record.name, view.name), lambda: self._read(record, view))
        image, mask = shown.image.float() / 255, shown.mask.float()
        front, back = torch.nn.functional.normalize(pixels.float(), dim=1) * mask
        normals = BodyNormals(front, back)
        if self.augmentation is not None:
            image, mask, normals = augmented_normals(image, mask, normals, self.augmentation, generator)
        return BodyNormalSample(image, mask, normals.front, normals.back, torch.tensor(position))

    def _read(self, record: BodyRecord, view: ViewRecord) -> tuple[BodyView, torch.Tensor]:
        normals = self.layout.normals(record, view, self.image_size)
        both = torch.stack([normals.front, normals.back])
        return self.layout.view(record, view, self.image_size), (both * 127).round().to(torch.int8)


def _bytes(kept: tuple[BodyView, torch.Tensor]) -> int:
    return kept[0].image.numel() + kept[0].mask.numel() + kept[1].numel() + 1000


class BodyNormalsDataModule(lightning.LightningDataModule, ABC):
    """Pictures with normal maps for the trainer: every dataloader gives BodyNormalSample.

    Arguments as in `BodyDataModule`; `views` counts the pictures of each body in validation and test, training takes
    one at random, `repeats` times an epoch. Maps come from files where the data set has them, else they are rendered
    from its meshes.
    """

    def __init__(
        self,
        root: str,
        image_size: int = 128,
        views: int = 4,
        batch_size: int = 8,
        repeats: int = 1,
        augmentation: BodyAugmentation | None = None,
        workers: int = 0,
        memory_gib: float = 4.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.root = Path(root)
        self.image_size = image_size
        self.views = views
        self.batch_size = batch_size
        self.repeats = repeats
        self.augmentation = augmentation
        self.workers = workers
        self.memory_gib = memory_gib
        self.seed = seed

    @abstractmethod
    def layout(self) -> BodyLayout:
        """The data set's files and splits."""

    def pictures(self, split: Literal["train", "val", "test"] | None) -> BodyNormalsDataset:
        """The pictures of a split. Raises ValueError when it is empty."""
        pictures = BodyNormalsDataset(
            self.layout(),
            split,
            image_size=self.image_size,
            views=self.views,
            augmentation=self.augmentation if split == "train" else None,
            training=split == "train",
            seed=self.seed,
            memory_bytes=int(self.memory_gib * 2**30),
        )
        if not len(pictures):
            raise ValueError(f"{self.root} has no bodies in the split '{split}': add some or choose another split.")
        return pictures

    def train_dataloader(self) -> DataLoader[BodyNormalSample]:
        pictures = RepeatedItems(self.pictures("train"), self.repeats)
        order = training_order(pictures, self, self.seed)
        return self._loader(pictures, sampler=order, drop_last=len(order) > self.batch_size)

    def val_dataloader(self) -> DataLoader[BodyNormalSample]:
        return self._loader(self.pictures("val"))

    def test_dataloader(self) -> DataLoader[BodyNormalSample]:
        return self._loader(self.pictures("test"))

    def predict_dataloader(self) -> DataLoader[BodyNormalSample]:
        return self._loader(self.pictures(None))

    def _loader(self, pictures: Dataset, **options) -> DataLoader:
        return DataLoader(
            pictures,
            batch_size=self.batch_size,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
            **options,
        )
