"""Photographs of clothing as items: picture, mask, and the truth where there is one."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from datamodules.bounded_memory import BoundedMemory
from datamodules.clothing_pictures import (
    ClothingAugmentation,
    Framing,
    Photo,
    ShownPhoto,
    have_one_ratio,
    read_photo,
    shown,
    shrunk,
)
from datamodules.clothing_records import ClothingLayout, ClothingRecord
from datamodules.clothing_truth import read_clothing_truth, require_truth, truth_sample
from datamodules.foreground_index import Coverage
from datamodules.pictures import size_in_header
from datamodules.samples import ClothingSample, ClothingTruthSample

Key = tuple[int, int] | int
"""An index, or (epoch, index) for items that change from epoch to epoch."""


class ClothingDataset(Dataset[ClothingSample | ClothingTruthSample]):
    """Some photographs of a layout.

    positions: places in the layout's list of records. coverage: of the masks, by name. framing: size of the pictures.
    augmentation: None changes nothing. with_truth: items are ClothingTruthSample. memory_bytes: of this process, for
    decoded pictures, least recently used out first.

    Every item depends on the seed, the epoch and the record alone. Reading one raises ValueError or FileNotFoundError
    with a sentence that names the broken file.
    """

    def __init__(
        self,
        layout: ClothingLayout,
        positions: Sequence[int],
        coverage: dict[str, Coverage],
        framing: Framing,
        *,
        augmentation: ClothingAugmentation | None = None,
        with_truth: bool = False,
        seed: int = 0,
        memory_bytes: int = 2 << 30,
    ) -> None:
        self.layout = layout
        self.positions = list(positions)
        self.coverage = coverage
        self.framing = framing
        self.augmentation = augmentation
        self.with_truth = with_truth
        self.seed = seed
        self._kept: BoundedMemory[Photo] = BoundedMemory(memory_bytes, lambda photo: photo.bytes)
        self._plain: BoundedMemory[ShownPhoto] = BoundedMemory(memory_bytes, _bytes_of_shown)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def records(self) -> tuple[ClothingRecord, ...]:
        """Of the whole data set: an item's `index` is a place in this list, whatever the split."""
        return self.layout.records

    def record(self, index: int) -> ClothingRecord:
        return self.records[self.positions[index]]

    def require_showable(self) -> None:
        """Finds, before the work begins, what would end it later: by the heads of the files and the index alone.

        Raises what reading the first such photograph raises. Damage behind a file's head is found when it is read.
        """
        for index in range(len(self)):
            record = self.record(index)
            try:
                if self.with_truth:
                    require_truth(record.truth)
                if not self._looks_right(record):
                    self._whole(record)
            except (FileNotFoundError, ValueError) as error:
                sentence = str(error).removesuffix(".")
                kind = FileNotFoundError if isinstance(error, FileNotFoundError) else ValueError
                raise kind(f"{sentence} (`threefold inspect` names all that cannot be read).") from None

    def __getitem__(self, key: Key) -> ClothingSample | ClothingTruthSample:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        record, position = self.record(index), self.positions[index]
        image, mask = self._shown(record, np.random.default_rng((self.seed, epoch, position)))
        photo = ClothingSample(
            image.float() / 255,
            mask.float(),
            torch.tensor(self.coverage[record.name].ratio, dtype=torch.float32),
            torch.tensor(position),
        )
        return self._with_truth(photo, record) if self.with_truth else photo

    def _shown(self, record: ClothingRecord, generator: np.random.Generator) -> ShownPhoto:
        if self.augmentation is None:
            return self._plain.get(record.name, lambda: self._whole(record))
        photo = self._kept.get(record.name, lambda: self._shrunk(record))
        return self.augmentation.shown(photo, self.framing, generator)

    def _whole(self, record: ClothingRecord) -> ShownPhoto:
        photo = read_photo(self.layout, record, self.framing)
        # a stretched or padded picture has another camera than the written one
        if self.with_truth and not self.framing.shows_whole((photo.width, photo.height)):
            raise ValueError(
                f"The picture {record.picture} is {photo.width} x {photo.height} pixels, but the camera in its truth "
                f"file holds for that ratio of the sides, not for {self.framing.width} : {self.framing.height}: choose "
                "an image_size with the ratio of the pictures or synthesize them again."
            )
        return shown(photo, photo.whole, self.framing)

    def _looks_right(self, record: ClothingRecord) -> bool:
        coverage = self.coverage[record.name]
        picture, mask = size_in_header(record.picture), size_in_header(record.mask)
        return (
            0 < coverage.foreground < coverage.pixels
            and picture is not None
            and mask is not None
            and have_one_ratio(mask, picture)
            and self.framing.stretch(picture) <= self.layout.largest_stretch
            and (self.framing.shows_whole(picture) or not self.with_truth)
        )

    def _shrunk(self, record: ClothingRecord) -> Photo:
        assert self.augmentation is not None
        photo = read_photo(self.layout, record, self.framing)
        return shrunk(photo, self.framing, self.augmentation.oversampling)

    def _with_truth(self, photo: ClothingSample, record: ClothingRecord) -> ClothingTruthSample:
        return truth_sample(photo, read_clothing_truth(require_truth(record.truth)))


def _bytes_of_shown(photo: ShownPhoto) -> int:
    return photo.image.numel() + photo.mask.numel() + 1000
