"""What the data modules of all body data sets share."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal

import lightning
import torch
from torch.utils.data import DataLoader, Dataset

from datamodules.body_augmentation import BodyAugmentation
from datamodules.body_dataset import BodyDataset
from datamodules.body_grids import GriddedBodies
from datamodules.body_records import BodyLayout
from datamodules.epoch_order import RepeatedItems, training_order
from datamodules.occupancy_sampling import PointSampling
from datamodules.samples import BodySample, BodyTruthSample


class BodyDataModule(lightning.LightningDataModule, ABC):
    """Bodies for the trainer: `train` and `predict` give BodySample; `val` and `test` give BodyTruthSample in batches
    of one.

    root: folder of the data set. image_size: side of the pictures in pixels. views: pictures of a body, equally spaced
    around it. points: labelled points a body, drawn anew every time as `sampling` says. batch_size: of training.
    repeats: how often an epoch visits every body, each time with other views and points. augmentation: None leaves
    training pictures unchanged. workers: processes that load; 0 loads in the training process. memory_gib: kept in
    memory of meshes and decoded pictures, each worker its own. voxels: where above 0, training items are BodyGridSample
    with the truth on a grid of that many voxels along each side. seed: of order, views, points and augmentation.

    Under DDP every process must use the same seed and gets its share of each epoch (`ShuffledEpochs`).
    """

    def __init__(
        self,
        root: str,
        image_size: int = 128,
        views: int = 4,
        points: int = 2000,
        batch_size: int = 2,
        repeats: int = 1,
        sampling: PointSampling | None = None,
        augmentation: BodyAugmentation | None = None,
        workers: int = 0,
        memory_gib: float = 4.0,
        voxels: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        for name, value in (("image_size", image_size), ("views", views), ("batch_size", batch_size)):
            if value < 1:
                raise ValueError(f"{name} is {value}: give 1 or more.")
        self.root = Path(root)
        self.image_size = image_size
        self.views = views
        self.points = points
        self.batch_size = batch_size
        self.repeats = repeats
        self.sampling = sampling or PointSampling()
        self.augmentation = augmentation
        self.workers = workers
        self.memory_gib = memory_gib
        self.voxels = voxels
        self.seed = seed

    @abstractmethod
    def layout(self) -> BodyLayout:
        """The data set's files and splits."""

    def bodies(self, split: Literal["train", "val", "test"] | None) -> BodyDataset:
        """The bodies of a split. Raises ValueError when it is empty."""
        training = split == "train"
        bodies = BodyDataset(
            self.layout(),
            split,
            image_size=self.image_size,
            views=self.views,
            points=self.points,
            sampling=self.sampling,
            augmentation=self.augmentation if training else None,
            training=training,
            with_truth=split in ("val", "test"),
            seed=self.seed,
            memory_bytes=int(self.memory_gib * 2**30),
        )
        if not len(bodies):
            raise ValueError(f"{self.root} has no bodies in the split '{split}': add some or choose another split.")
        return bodies

    def train_dataloader(self) -> DataLoader[BodySample]:
        once = self.bodies("train")
        bodies = RepeatedItems(GriddedBodies(once, self.voxels) if self.voxels else once, self.repeats)
        order = training_order(bodies, self, self.seed)
        return self._loader(bodies, self.batch_size, sampler=order, drop_last=len(order) > self.batch_size)

    def val_dataloader(self) -> DataLoader[BodyTruthSample]:
        return self._loader(self.bodies("val"), 1)

    def test_dataloader(self) -> DataLoader[BodyTruthSample]:
        return self._loader(self.bodies("test"), 1)

    def predict_dataloader(self) -> DataLoader[BodySample]:
        return self._loader(self.bodies(None), 1)

    def _loader(self, bodies: Dataset, batch_size: int, **options) -> DataLoader:
        return DataLoader(
            bodies,
            batch_size=batch_size,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
            **options,
        )
