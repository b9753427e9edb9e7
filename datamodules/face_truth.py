"""The 3D truth beside a synthetic photograph, as a file and as it looks from inside the crop."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from datamodules.crops import Crop, crop_values
from datamodules.samples import FaceSample, FaceTruthSample
from models.geometry.array_files import read_archive

WRINKLE_THRESHOLD_MM = 0.05


class FaceTruth(NamedTuple):
    """What a truth file holds, about the written (square) picture of side s."""

    identity: np.ndarray
    """[k] in standard deviations of the model called `model`."""
    expression: np.ndarray
    """[k]"""
    albedo: np.ndarray
    """[k]"""
    blendshape_weights: np.ndarray
    """[k] in 0..1; empty when the expression was not made of blendshapes."""
    age: float
    """In 0..1: how deep the lines are without any expression."""
    pose: np.ndarray
    """[6] pitch, yaw, roll, x and y translation as a share of s, log scale."""
    light: np.ndarray
    """[9, 3]"""
    fixed_landmarks: np.ndarray
    """[68, 2] pixels: the physical jaw, where the stored landmarks follow the visible outline."""
    person: int
    """Number of the identity: pictures of one person share it."""
    side: int
    """Pixels: s."""
    model: str
    """Provenance of the morphable model that the coefficients belong to."""
    maps: "FaceTruthMaps | None"
    """Only beside validation and test pictures."""


class FaceTruthMaps(NamedTuple):
    """Dense truth of one picture."""

    normals: np.ndarray
    """[3, s, s] float16 unit normals in the camera frame; 0 outside the face."""
    depth_mm: np.ndarray
    """[s, s] float16 distance behind the plane of the model's origin; +inf outside the face."""
    displacement_mm: np.ndarray
    """[u, u] float16 along the coarse normal, in UV."""
    wrinkles: np.ndarray
    """[s, s] bool: visible skin that is displaced by more than 0.05 mm."""


NUMBERS = tuple(name for name in FaceTruth._fields if name != "maps")


def write_face_truth(truth: FaceTruth, path: Path) -> None:
    """One npz without pickled objects."""
    values = {name: np.asarray(value) for name, value in truth._asdict().items() if name != "maps"}
    maps = {} if truth.maps is None else truth.maps._asdict()
    np.savez(path, allow_pickle=False, **values, **maps)


def read_face_truth(path: Path) -> FaceTruth:
    """Raises ValueError naming the file when it is damaged or lacks an entry."""
    try:
        values: dict[str, Any] = read_archive(path, NUMBERS, optional=FaceTruthMaps._fields)
        maps = None
        if "normals" in values:
            maps = FaceTruthMaps(*(values.pop(name) for name in FaceTruthMaps._fields))
    except (KeyError, OSError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"The truth file {path} cannot be read ({reason}): synthesize the data set again.") from None
    for name, convert in (("age", float), ("person", int), ("side", int), ("model", str)):
        values[name] = convert(values[name])
    return FaceTruth(**values, maps=maps)


def pose_in_crop(pose: np.ndarray | Tensor, photo_side: float, crop: Crop) -> Tensor:
    """[6] the pose relative to the crop, from the pose relative to a square photograph: angles stay, the translation
    and the log scale are measured in shares of the crop's side."""
    pitch, yaw, roll, shift_x, shift_y, log_scale = (float(value) for value in pose)
    origin_x, origin_y = photo_side * (0.5 + shift_x), photo_side * (0.5 - shift_y)  # the model's origin, y down
    return torch.tensor(
        [
            pitch,
            yaw,
            roll,
            (origin_x - crop.center_x) / crop.side,
            (crop.center_y - origin_y) / crop.side,
            log_scale + math.log(photo_side / crop.side),
        ]
    )


def truth_in_crop(photo: FaceSample, truth: FaceTruth, crop: Crop, path: Path) -> FaceTruthSample:
    """The truth beside a photograph, moved into its crop. Raises ValueError when the file has no dense maps."""
    if truth.maps is None:
        raise ValueError(
            f"The truth file {path} has no normals, depth and displacement, which validation and test pictures need: "
            "synthesize the data set again or take its truth folder away."
        )
    size = photo.image.shape[-1]
    depth = torch.from_numpy(truth.maps.depth_mm.astype(np.float32))
    face = torch.isfinite(depth)
    dense = torch.cat([torch.from_numpy(truth.maps.normals.astype(np.float32)), depth[None]])
    dense, face = crop_values(dense, face, crop, size)
    wrinkles = torch.from_numpy(truth.maps.wrinkles)
    cropped_wrinkles, _ = crop_values(wrinkles[None].float(), torch.ones_like(wrinkles), crop, size)
    return FaceTruthSample(
        photo=photo,
        identity=torch.from_numpy(truth.identity).float(),
        expression=torch.from_numpy(truth.expression).float(),
        albedo=torch.from_numpy(truth.albedo).float(),
        pose=pose_in_crop(truth.pose, truth.side, crop).float(),
        light=torch.from_numpy(truth.light).float(),
        normals=torch.nn.functional.normalize(dense[:3], dim=0),
        depth_mm=torch.where(face, dense[3], torch.inf),
        displacement_mm=torch.from_numpy(truth.maps.displacement_mm.astype(np.float32))[None],
        wrinkles=(cropped_wrinkles[0] > 0.5) & face,
    )
