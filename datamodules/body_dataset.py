"""Bodies as training items: pictures from several sides, and labelled points drawn live."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.body_augmentation import BodyAugmentation, augmented_views
from datamodules.body_records import BodyLayout, BodyRecord, BodyView, ViewRecord
from datamodules.bounded_memory import BoundedMemory
from datamodules.occupancy_sampling import VALIDATION_SEED, PointSampling, SolidBody, sample_points
from datamodules.projection_guard import PROBE_POINTS, require_projection
from datamodules.samples import BodySample, BodyTruthSample

Key = tuple[int, int] | int
"""An index, or (epoch, index) for items that change from epoch to epoch."""


class BodySource:
    """Meshes and pictures of a layout, guarded when they are first read and kept in memory up to `memory_bytes`."""

    def __init__(self, layout: BodyLayout, memory_bytes: int) -> None:
        self.layout = layout
        self._bodies: BoundedMemory[SolidBody] = BoundedMemory(memory_bytes * 3 // 4, lambda body: body.bytes)
        self._views: BoundedMemory[BodyView] = BoundedMemory(memory_bytes // 4, _bytes_of_view)

    def body(self, record: BodyRecord) -> SolidBody:
        """Raises ValueError when the mesh is broken or implausible (`SolidBody.require_plausible`)."""
        return self._bodies.get(record.name, lambda: self._read_body(record))

    def view(self, record: BodyRecord, view: ViewRecord, size: int) -> BodyView:
        """Raises ValueError when the picture is broken or its camera does not put the body into the mask."""
        return self._views.get((record.name, view.name, size), lambda: self._read_view(record, view, size))

    def _read_body(self, record: BodyRecord) -> SolidBody:
        mesh = self.layout.mesh(record)
        body = SolidBody(mesh.vertices_cm, mesh.faces, str(record.mesh))
        body.require_plausible()
        return body

    def _read_view(self, record: BodyRecord, view: ViewRecord, size: int) -> BodyView:
        shown = self.layout.view(record, view, size)
        probe = self.body(record).surface_points(PROBE_POINTS, np.random.default_rng(VALIDATION_SEED))
        camera = f"The camera {view.camera} of {record.name}"
        matrix = shown.view_from_body.double().numpy()
        require_projection(shown.mask[0].numpy(), matrix, probe, camera, self.layout.mask_border)
        return shown


def _bytes_of_view(view: BodyView) -> int:
    return view.image.numel() + view.mask.numel() + 1000


class BodyDataset(Dataset[BodySample | BodyTruthSample]):
    """The bodies of one split, or of all.

    image_size: side of the pictures in pixels. views: pictures an item, equally spaced around the body; in training
    they begin at a random one, else at the first. points: labelled points an item, drawn as `sampling` says; 0 gives
    none. augmentation: None changes nothing. training: items change with the epoch of their key. with_truth: items are
    BodyTruthSample. memory_bytes: of this process, for meshes and decoded pictures, least recently used out first.

    Every item depends on the seed, the epoch and the record alone. Reading one raises ValueError with a sentence that
    names the broken file.
    """

    def __init__(
        self,
        layout: BodyLayout,
        split: Literal["train", "val", "test"] | None = None,
        *,
        image_size: int = 128,
        views: int = 4,
        points: int = 2000,
        sampling: PointSampling | None = None,
        augmentation: BodyAugmentation | None = None,
        training: bool = False,
        with_truth: bool = False,
        seed: int = 0,
        memory_bytes: int = 2 << 30,
    ) -> None:
        self.layout = layout
        self.image_size = image_size
        self.views = views
        self.points = points
        self.sampling = sampling or PointSampling()
        self.augmentation = augmentation
        self.training = training
        self.with_truth = with_truth
        self.seed = seed
        self.source = BodySource(layout, memory_bytes)
        self.positions = [
            position
            for position, record in enumerate(layout.records)
            if split is None or record.name in layout.splits[split]
        ]

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def records(self) -> list[BodyRecord]:
        """Of the whole data set: an item's `index` is a place in this list, whatever the split."""
        return self.layout.records

    def record(self, index: int) -> BodyRecord:
        return self.records[self.positions[index]]

    def __getitem__(self, key: Key) -> BodySample | BodyTruthSample:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        record, position = self.record(index), self.positions[index]
        seed = (self.seed, epoch, position) if self.training else (VALIDATION_SEED, position)
        generator = np.random.default_rng(seed)
        chosen = spaced_views(record, self.views, generator if self.training else None)
        images, masks, views = stacked([self.source.view(record, view, self.image_size) for view in chosen])
        if self.augmentation is not None:
            images, masks, views = augmented_views(images, masks, views, self.augmentation, generator)
        body = self.source.body(record)
        drawn = sample_points(
            body, self.sampling, self.points, generator, masks[:, 0].numpy() > 0.5, views.double().numpy()
        )
        sample = BodySample(images, masks, views, drawn.points_cm, drawn.occupancy, torch.tensor(position))
        if not self.with_truth:
            return sample
        return BodyTruthSample(sample, body.vertices_cm, body.faces, self.layout.bands(record))


def stacked(shown: list[BodyView]) -> tuple[Tensor, Tensor, Tensor]:
    """Images [n, 3, h, w] in [0, 1], masks [n, 1, h, w] and calibrations [n, 4, 4]."""
    images = torch.stack([view.image for view in shown]).float() / 255
    masks = torch.stack([view.mask for view in shown]).float()
    return images, masks, torch.stack([view.view_from_body for view in shown])


def spaced_views(record: BodyRecord, number: int, generator: np.random.Generator | None) -> list[ViewRecord]:
    """`number` views equally spaced around the body, beginning at a random one, or at the first without a generator.

    Several pictures from one side (pitches, lights) are variants, one of which is drawn. Raises ValueError when there
    are too few sides.
    """
    sides: dict[float, list[ViewRecord]] = {}
    for view in record.views:
        sides.setdefault(view.yaw_degrees, []).append(view)
    variants = list(sides.values())
    if len(variants) < number:
        raise ValueError(
            f"{record.name} has pictures from {len(variants)} sides, {number} were asked for: add the missing views or "
            f"ask for {len(variants)}."
        )
    start = 0 if generator is None else int(generator.integers(len(variants)))
    chosen = [variants[(start + k * len(variants) // number) % len(variants)] for k in range(number)]
    if generator is None:
        return [side[0] for side in chosen]
    return [side[int(generator.integers(len(side)))] for side in chosen]
