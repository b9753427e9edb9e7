"""A folder of face pictures as batches, with landmarks, masks and 3D truth where they exist."""

from collections.abc import Callable, Sequence
from pathlib import Path

import lightning
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from datamodules.crops import (
    Crop,
    box_crop,
    crop_photo,
    crop_pixels,
    crop_segmentation,
    face_crop,
    move_points,
    whole_picture_crop,
)
from datamodules.epoch_order import training_order
from datamodules.face_augmentation import (
    DEFAULT_AUGMENTATION,
    WINDOW_SHARE,
    FaceAugmentation,
    augmented_batch,
    hashed_uniforms,
)
from datamodules.face_records import Box, FaceRecord, Split, face_records, split_names
from datamodules.face_truth import read_face_truth, truth_in_crop
from datamodules.landmarks import NUMBER_OF_LANDMARKS, read_landmarks
from datamodules.pictures import read_picture, read_segmentation
from datamodules.samples import FaceSample, FaceTruthSample

FindFace = Callable[[Image.Image], Box]
"""Picture -> the face's box (left, top, right, bottom) in its pixels, brows to chin; raises ValueError when there is
none."""


class FaceFolder(Dataset[FaceSample | FaceTruthSample]):
    """The crops of one split, or of the whole folder, without augmentation.

    root: the neutral layout or any folder of pictures (`face_records`). split: None takes every picture. with_truth:
    samples are FaceTruthSample. find_face: finds the face in pictures that have neither landmarks nor a box; without it
    the whole picture is the crop.

    Reading a sample raises ValueError with one sentence that names the broken file; nothing is skipped.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        split: Split | None = None,
        image_size: int = 128,
        with_truth: bool = False,
        find_face: FindFace | None = None,
    ) -> None:
        self.root = Path(root)
        self.image_size = image_size
        self.with_truth = with_truth
        self.find_face = find_face
        self.records = face_records(self.root)
        splits = split_names(self.root, [record.name for record in self.records])
        self.positions = [
            position for position, record in enumerate(self.records) if split is None or split in splits[record.name]
        ]

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: int) -> FaceSample | FaceTruthSample:
        record = self.records[self.positions[index]]
        photo, crop, points, known = self.located(index)
        image, image_from_photo = crop_photo(photo, crop, self.image_size)
        if record.segmentation is None:
            segmentation = torch.full((self.image_size, self.image_size), -1, dtype=torch.int64)
        else:
            classes = read_segmentation(record.segmentation, photo.size)
            segmentation = torch.from_numpy(crop_segmentation(classes, crop, self.image_size)).long()
        sample = FaceSample(
            image=image,
            landmarks=torch.from_numpy(move_points(points, image_from_photo) * known[:, None]),
            landmark_weights=torch.from_numpy(known),
            segmentation=segmentation,
            index=torch.tensor(self.positions[index]),
        )
        if not self.with_truth:
            return sample
        if record.truth is None:
            raise ValueError(f"The picture {record.picture} has no truth file: add it or take the truth folder away.")
        return truth_in_crop(sample, read_face_truth(record.truth), crop, record.truth)

    def located(self, index: int) -> tuple[Image.Image, Crop, np.ndarray, np.ndarray]:
        """The upright photograph, the face's crop in it, its landmarks [68, 2] in the photograph's pixels and [68] 1
        where they are known."""
        record = self.records[self.positions[index]]
        photo = read_picture(record.picture)
        if record.landmarks is not None:
            points = read_landmarks(record.landmarks)
            _require_inside(points, photo, record)
            return photo, face_crop(points), points, np.ones(NUMBER_OF_LANDMARKS, np.float32)
        return photo, self._crop_without_landmarks(photo, record), *_UNKNOWN

    def _crop_without_landmarks(self, photo: Image.Image, record: FaceRecord) -> Crop:
        if record.box is None and self.find_face is None:
            return whole_picture_crop(*photo.size)
        try:
            box = record.box if record.box is not None or self.find_face is None else self.find_face(photo)
            return box_crop(*(box or (0, 0, *photo.size)))
        except ValueError as error:
            raise ValueError(f"{record.picture}: {error}") from None


_UNKNOWN = (np.zeros((NUMBER_OF_LANDMARKS, 2), np.float32), np.zeros(NUMBER_OF_LANDMARKS, np.float32))


def _require_inside(points: np.ndarray, photo: Image.Image, record: FaceRecord) -> None:
    inside = (points >= -0.5 * np.asarray(photo.size)) & (points <= 1.5 * np.asarray(photo.size))
    if not inside.all():
        raise ValueError(
            f"The landmarks {record.landmarks} lie far outside their picture of {photo.width} x {photo.height} pixels: "
            "write them in pixels of that picture, origin at the top left."
        )


LARGEST_CACHE_BYTES = 2 << 30
"""Of decoded windows in one process; pictures beyond are decoded anew in every epoch."""


class FaceWindow:
    """What the training loader keeps of one picture: a window around the crop as bytes."""

    def __init__(self, faces: FaceFolder, index: int) -> None:
        record = faces.records[faces.positions[index]]
        photo, crop, points, self.known = faces.located(index)
        window = crop.enlarged(WINDOW_SHARE)
        side = round(faces.image_size * WINDOW_SHARE)
        self.pixels = np.ascontiguousarray(crop_pixels(photo, window, side).transpose(2, 0, 1))
        self.landmarks = move_points(points, crop.image_from_photo(faces.image_size))
        self.has_segmentation = record.segmentation is not None
        self.segmentation = np.zeros((side, side), np.uint8)
        if record.segmentation is not None:
            self.segmentation = crop_segmentation(read_segmentation(record.segmentation, photo.size), window, side)


class AugmentedFaces(Dataset[FaceSample]):
    """Training batches: asked for a list of (epoch, index), it answers with one augmented FaceSample for all of
    them."""

    def __init__(self, faces: FaceFolder, augmentation: FaceAugmentation, *, seed: int, cache: bool) -> None:
        self.faces = faces
        self.augmentation = augmentation
        self.seed = seed
        self.cache: dict[int, FaceWindow] = {}
        self.room = LARGEST_CACHE_BYTES if cache else 0

    def __len__(self) -> int:
        return len(self.faces)

    def __getitems__(self, keys: Sequence[tuple[int, int] | int]) -> FaceSample:
        pairs = [key if isinstance(key, tuple) else (0, key) for key in keys]
        windows = [self._window(index) for _, index in pairs]
        positions = np.array([self.faces.positions[index] for _, index in pairs])
        known = torch.from_numpy(np.stack([window.known for window in windows]))
        image, landmarks, segmentation = augmented_batch(
            torch.from_numpy(np.stack([window.pixels for window in windows])),
            torch.from_numpy(np.stack([window.landmarks for window in windows])),
            torch.from_numpy(np.stack([window.segmentation for window in windows])),
            self.faces.image_size,
            self.augmentation,
            hashed_uniforms(self.seed, np.array([epoch for epoch, _ in pairs]), positions, 8),
        )
        masked = torch.tensor([window.has_segmentation for window in windows])
        segmentation = torch.where(masked[:, None, None], segmentation, -1)
        return FaceSample(image, landmarks * known[..., None], known, segmentation, torch.from_numpy(positions))

    def __getitem__(self, key: tuple[int, int] | int) -> FaceSample:
        return FaceSample(*(member[0] for member in self.__getitems__([key])))

    def _window(self, index: int) -> FaceWindow:
        window = self.cache.get(index) or FaceWindow(self.faces, index)
        size = window.pixels.nbytes + window.segmentation.nbytes
        if index not in self.cache and size <= self.room:
            self.cache[index] = window
            self.room -= size
        return window


def _as_is(batch: FaceSample) -> FaceSample:
    return batch


class FaceFolderDataModule(lightning.LightningDataModule):
    """A folder of faces for the trainer: `train` gives FaceSample, augmented; `val` and `test` give FaceTruthSample
    where the folder has truth, else FaceSample; `predict` gives every picture of the folder as FaceSample.

    root: see `face_records` for the layouts and for how the splits are chosen. image_size: side of the crops in pixels.
    workers: processes that load; 0 loads in the training process, which is fastest with the cache on two cores.
    augmentation: None leaves training pictures unchanged. cache: keep decoded crops in memory (each worker its own, up
    to 2 GiB): about 95 KB a picture at 128 pixels. seed: of order and augmentation. find_face: see `FaceFolder`.

    Under DDP every process must use the same seed and gets its share of each epoch (`ShuffledEpochs`).
    """

    def __init__(
        self,
        root: str,
        image_size: int = 128,
        batch_size: int = 32,
        workers: int = 0,
        augmentation: FaceAugmentation | None = DEFAULT_AUGMENTATION,
        cache: bool = True,
        seed: int = 0,
        find_face: FindFace | None = None,
    ) -> None:
        super().__init__()
        self.root = Path(root)
        self.image_size = image_size
        self.batch_size = batch_size
        self.workers = workers
        self.augmentation = augmentation or FaceAugmentation(0.0, 0.0, 0.0, 0.0, 0.0)
        self.cache = cache
        self.seed = seed
        self.find_face = find_face

    def folder(self, split: Split | None) -> FaceFolder:
        """The pictures of a split without augmentation. Raises ValueError when the split is empty."""
        with_truth = split in ("val", "test") and self.has_truth
        faces = FaceFolder(
            self.root, split=split, image_size=self.image_size, with_truth=with_truth, find_face=self.find_face
        )
        if not len(faces):
            raise ValueError(f"{self.root} has no pictures in the split '{split}': add pictures or mend split.txt.")
        return faces

    @property
    def has_truth(self) -> bool:
        return (self.root / "truth").is_dir()

    def train_dataloader(self) -> DataLoader[FaceSample]:
        faces = AugmentedFaces(self.folder("train"), self.augmentation, seed=self.seed, cache=self.cache)
        order = training_order(faces, self, self.seed)
        return self._loader(faces, sampler=order, drop_last=len(order) > self.batch_size, collate_fn=_as_is)

    def val_dataloader(self) -> DataLoader[FaceSample | FaceTruthSample]:
        return self._loader(self.folder("val"))

    def test_dataloader(self) -> DataLoader[FaceSample | FaceTruthSample]:
        return self._loader(self.folder("test"))

    def predict_dataloader(self) -> DataLoader[FaceSample]:
        return self._loader(self.folder(None))

    def _loader(self, faces: Dataset, **options) -> DataLoader:
        return DataLoader(
            faces,
            batch_size=self.batch_size,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
            **options,
        )
