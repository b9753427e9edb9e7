"""What the data modules of all clothing data sets share."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal

import lightning
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from datamodules.clothing_dataset import ClothingDataset
from datamodules.clothing_pictures import ClothingAugmentation, Framing
from datamodules.clothing_records import ClothingLayout, Split, split_names
from datamodules.clothing_truth import clothing_batch
from datamodules.epoch_order import RepeatedItems, training_order
from datamodules.foreground_index import Bounds, Coverage
from datamodules.samples import ClothingSample, ClothingTruthSample

Role = Split | Literal["clean"] | None
ROLES: dict[str, tuple[Role, ...]] = {
    "fit": ("train", "val"),
    "validate": ("val",),
    "test": ("test",),
    "predict": (None,),
}
"""What each of the trainer's verbs reads."""


class ClothingDataModule(lightning.LightningDataModule, ABC):
    """Photographs with masks for the trainer: `train` gives ClothingSample, augmented; `val` and `test` give
    ClothingTruthSample where the data set has truth, else ClothingSample; `predict` gives every photograph.

    root: folder of the data set. image_size: height and width in pixels. augmentation: None leaves training pictures
    unchanged. train_ratio, test_ratio: only photographs whose masks cover a share strictly between these are used, in
    validation as in test; None takes all. clean_ratio: narrower bounds, for the photographs that the template learns
    from (`clean_dataloader`). clean_augmented: those are augmented too. validation_share: of the data set's training
    part, held out for model selection. repeats: how often an epoch visits every photograph. workers: processes that
    load; 0 loads in the training process. memory_gib: kept in memory of decoded pictures, for each loader and each of
    its workers. seed: of order and augmentation.

    Under DDP every process must use the same seed and gets its share of each epoch (`ShuffledEpochs`).
    """

    def __init__(
        self,
        root: str,
        *,
        image_size: tuple[int, int],
        batch_size: int,
        augmentation: ClothingAugmentation | None,
        train_ratio: Bounds | None,
        clean_ratio: Bounds | None,
        test_ratio: Bounds | None,
        clean_augmented: bool,
        validation_share: float,
        repeats: int,
        workers: int,
        memory_gib: float,
        seed: int,
    ) -> None:
        super().__init__()
        if min(image_size) < 16:
            raise ValueError(f"image_size is {image_size}: give a height and a width of 16 pixels or more.")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}: give 1 or more.")
        for name, bounds in (("train_ratio", train_ratio), ("clean_ratio", clean_ratio), ("test_ratio", test_ratio)):
            if bounds is not None and not bounds[0] < bounds[1]:
                raise ValueError(f"{name} is {bounds}: give the smaller bound first.")
        self.root = Path(root)
        self.image_size = image_size
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.train_ratio = train_ratio
        self.clean_ratio = clean_ratio
        self.test_ratio = test_ratio
        self.clean_augmented = clean_augmented
        self.validation_share = validation_share
        self.repeats = repeats
        self.workers = workers
        self.memory_gib = memory_gib
        self.seed = seed
        self._layout: ClothingLayout | None = None
        self._coverage: dict[str, Coverage] = {}
        self._clean: ClothingDataset | None = None

    @abstractmethod
    def open_layout(self) -> ClothingLayout:
        """Finds the data set's files."""

    @property
    def layout(self) -> ClothingLayout:
        """The data set's files. Raises ValueError when some of them do not match."""
        if self._layout is None:
            layout = self.open_layout()
            layout.require_sound()
            self._coverage = layout.coverage()
            self._layout = layout
        return self._layout

    def prepare_data(self) -> None:
        """Counts the foreground of masks that the index lacks, in one process, for all."""
        assert self.layout

    def setup(self, stage: str) -> None:
        """Raises ValueError or FileNotFoundError for the first photograph that could not be shown, before the work."""
        for role in ROLES[stage]:
            if self._passing(role):  # what is empty and never asked for is no mistake
                self.photographs(role).require_showable()

    def photographs(self, role: Role) -> ClothingDataset:
        """Those of a split, the clean ones of training, or all. Raises ValueError when there are none."""
        layout, passing = self.layout, self._passing(role)
        if not passing:
            raise ValueError(self._why_empty(role))
        augmented = role == "train" or (role == "clean" and self.clean_augmented)
        return ClothingDataset(
            layout,
            passing,
            self._coverage,
            Framing(*self.image_size, layout.squared),
            augmentation=self.augmentation if augmented else None,
            with_truth=role in ("val", "test") and layout.has_truth,
            seed=self.seed,
            memory_bytes=int(self.memory_gib * 2**30),
        )

    def train_dataloader(self) -> DataLoader[ClothingSample]:
        photographs = RepeatedItems(self.photographs("train"), self.repeats)
        order = training_order(photographs, self, self.seed)
        return self._loader(photographs, sampler=order, drop_last=len(order) > self.batch_size)

    def val_dataloader(self) -> DataLoader[ClothingSample | ClothingTruthSample]:
        return self._loader(self.photographs("val"))

    def test_dataloader(self) -> DataLoader[ClothingSample | ClothingTruthSample]:
        return self._loader(self.photographs("test"))

    def predict_dataloader(self) -> DataLoader[ClothingSample]:
        return self._loader(self.photographs(None))

    def clean_dataloader(self) -> DataLoader[ClothingSample]:
        """The well-segmented training photographs, shuffled, whole batches only: what the template learns from.

        Under DDP each process gets its own share; call it anew for each epoch.
        """
        if self._clean is None:
            self._clean = self.photographs("clean")
        processes, rank = (self.trainer.world_size, self.trainer.global_rank) if self.trainer is not None else (1, 0)
        epoch = self._epoch()
        order = np.random.default_rng((self.seed, epoch, 1)).permutation(len(self._clean))
        together = self.batch_size * processes
        kept = len(order) // together * together or len(order)  # fewer than one batch: all of them
        keys = [(epoch, int(index)) for index in order[:kept][rank::processes]]
        return self._loader(self._clean, sampler=keys, persistent_workers=False)

    def _chosen(self, role: Role) -> list[int]:
        """Places in the layout's list of records of those of a role, whatever their masks cover."""
        records = self.layout.records
        if role is None:
            return list(range(len(records)))
        split: Split = "train" if role == "clean" else role
        names = split_names(records, self.validation_share, self.layout.parted_by)[split]
        return [position for position, record in enumerate(records) if record.name in names]

    def _passing(self, role: Role) -> list[int]:
        """Of those, the ones whose masks cover a share within the bounds."""
        chosen, bounds, records = self._chosen(role), self._bounds(role), self.layout.records
        return [position for position in chosen if self._coverage[records[position].name].between(bounds)]

    def _bounds(self, role: Role) -> Bounds | None:
        if role is None:
            return None
        return {"train": self.train_ratio, "clean": self.clean_ratio}.get(role, self.test_ratio)

    def _why_empty(self, role: Role) -> str:
        chosen, bounds = self._chosen(role), self._bounds(role)
        if not chosen:
            lists = f", mend {self.layout.parted_by}" if self.layout.parted_by else ""
            return f"{self.root} has no photographs for {role}: add some{lists} or leave {role} out."
        ratios = sorted(self._coverage[self.layout.records[k].name].ratio for k in chosen)
        setting = {"train": "train_ratio", "clean": "clean_ratio"}.get(str(role), "test_ratio")
        return (
            f"None of the {len(chosen)} masks for {role} in {self.root} covers a share between {bounds}, they cover "
            f"{ratios[0]:.2f} to {ratios[-1]:.2f}: change {setting}."
        )

    def _epoch(self) -> int:
        return self.trainer.current_epoch if self.trainer is not None else 0

    def _loader(self, photographs: Dataset, **options) -> DataLoader:
        settings = {"persistent_workers": self.workers > 0, **options}
        return DataLoader(
            photographs,
            batch_size=self.batch_size,
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
            collate_fn=clothing_batch,
            **settings,
        )
