"""The 3D truth beside a synthetic photograph of clothing: one npz a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from datamodules.samples import ClothingSample, ClothingTruthSample
from models.geometry.array_files import read_archive
from models.geometry.atomic import replace_when_complete


class ClothingTruth(NamedTuple):
    """What a truth file holds; frame and camera are those of `datamodules.samples.ClothingTruthSample`."""

    vertices: np.ndarray
    """[v, 3] float32."""
    faces: np.ndarray
    """[f, 3] int32."""
    colours: np.ndarray
    """[v, 3] float32 RGB in [0, 1], without light."""
    azimuth: float
    """Radians, as the elevation."""
    elevation: float
    distance: float
    offset: np.ndarray
    """[2] float32."""


def write_clothing_truth(truth: ClothingTruth, path: Path) -> None:
    """One npz without pickled objects."""
    with replace_when_complete(path) as (partial,), partial.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            vertices=truth.vertices.astype(np.float32),
            faces=truth.faces.astype(np.int32),
            colours=truth.colours.astype(np.float32),
            azimuth=np.float64(truth.azimuth),
            elevation=np.float64(truth.elevation),
            distance=np.float64(truth.distance),
            offset=truth.offset.astype(np.float32),
        )


def read_clothing_truth(path: Path) -> ClothingTruth:
    """Raises FileNotFoundError, or ValueError naming the file, when it is missing, damaged or lacks an entry."""
    require_truth(path)
    try:
        values = read_archive(path, ClothingTruth._fields)
        numbers = {name: float(values[name]) for name in ("azimuth", "elevation", "distance")}
        truth = ClothingTruth(**{**values, **numbers})
        _require_shapes(truth)
    except (OSError, TypeError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"The truth file {path} cannot be read ({reason}): synthesize the data set again.") from None
    return truth


def require_truth(path: Path | None) -> Path:
    """The file that was given. Raises FileNotFoundError where there is none."""
    if path is None or not path.is_file():
        raise FileNotFoundError(
            f"There is no truth file {path}: synthesize the data set again or take its TRUTH folder away."
        )
    return path


def _require_shapes(truth: ClothingTruth) -> None:
    vertices, faces = truth.vertices, truth.faces
    if vertices.ndim != 2 or vertices.shape[1] != 3 or not np.isfinite(vertices).all():
        raise ValueError(f"vertices are {vertices.shape}, not finite [v, 3]")
    if faces.ndim != 2 or faces.shape[1] != 3 or not len(faces):
        raise ValueError(f"faces are {faces.shape}, not [f, 3]")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ValueError("faces point outside of the vertices")
    if truth.colours.shape != vertices.shape or not np.isfinite(truth.colours).all():
        raise ValueError(f"colours are {truth.colours.shape}, not finite {vertices.shape}")
    if truth.offset.shape != (2,):
        raise ValueError(f"offset is {truth.offset.shape}, not [2]")
    # one camera that is no number would take the figures of the whole test away
    if not np.isfinite([truth.azimuth, truth.elevation, truth.distance, *truth.offset]).all() or truth.distance <= 0:
        raise ValueError("the camera is not finite, or not before the subject")


def truth_sample(photo: ClothingSample, truth: ClothingTruth) -> ClothingTruthSample:
    return ClothingTruthSample(
        photo=photo,
        vertices=torch.from_numpy(truth.vertices).float(),
        faces=torch.from_numpy(truth.faces).long(),
        colours=torch.from_numpy(truth.colours).float(),
        counts=torch.tensor([len(truth.vertices), len(truth.faces)]),
        azimuth=torch.tensor(truth.azimuth, dtype=torch.float32),
        elevation=torch.tensor(truth.elevation, dtype=torch.float32),
        distance=torch.tensor(truth.distance, dtype=torch.float32),
        offset=torch.from_numpy(truth.offset).float(),
    )


def clothing_batch(
    samples: Sequence[ClothingSample] | Sequence[ClothingTruthSample],
) -> ClothingSample | ClothingTruthSample:
    """Stacked; meshes are padded at their ends to the largest of the batch (`ClothingTruthSample`)."""
    truths = [sample for sample in samples if isinstance(sample, ClothingTruthSample)]
    if len(truths) < len(samples):
        return default_collate(list(samples))
    even = [
        truth._replace(**{name: getattr(truth, name)[:0] for name in ("vertices", "faces", "colours")})
        for truth in truths
    ]
    batch: ClothingTruthSample = default_collate(even)
    return batch._replace(
        vertices=_padded([truth.vertices for truth in truths]),
        faces=_padded([truth.faces for truth in truths]),
        colours=_padded([truth.colours for truth in truths]),
    )


def _padded(rows: list[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
