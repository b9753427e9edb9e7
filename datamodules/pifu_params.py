"""The cameras of PIFu's layout: PARAM/<subject>/<yaw>_<pitch>_<light>.npy to a view of the body frame."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.geometry.view_cameras import HALF_EXTENT_CM, perspective_views
from models.morphable.restricted_pickle import read_arrays

LARGEST_ANGLE_TO_UPRIGHT = math.radians(10)


class PifuParam(NamedTuple):
    """One file of PARAM."""

    rotation: np.ndarray
    """[3, 3] from the scan's axes to the camera's (x right, y up, z towards the camera)."""
    center: np.ndarray
    """[3] in the scan's unit."""
    scale: float
    """180 / height of the scan: from the scan's unit to centimetres of the body frame."""
    ortho_ratio: float
    """Centimetres of the body frame a pixel."""
    camera_distance: float | None
    """Centimetres from the body's origin to a pinhole camera; None for parallel projection."""


def read_param(path: Path) -> PifuParam:
    """Read without running the pickle. Raises FileNotFoundError, or ValueError when an entry is missing, has another
    shape or is not finite."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no camera {path}: render the view again or take its picture away.")
    entries = read_arrays(path, "R", "center", "scale", "ortho_ratio", "camera_distance")
    for name, shape in (("R", (3, 3)), ("center", (3,)), ("scale", ()), ("ortho_ratio", ())):
        found = entries.get(name)
        if found is None:
            raise ValueError(f"The camera {path} has no entry {name}: render the view again.")
        entries[name] = found = found.reshape(-1) if name == "center" else found.squeeze()
        if found.shape != shape or found.dtype.kind not in "fiu" or not np.isfinite(found).all():
            raise ValueError(
                f"The entry {name} of the camera {path} has the shape {found.shape} and holds {found.dtype}, expected "
                f"finite numbers of the shape {shape}: render the view again."
            )
    rotation, scale, ortho_ratio = (
        entries["R"].astype(np.float64),
        float(entries["scale"]),
        float(entries["ortho_ratio"]),
    )
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3 or scale <= 0 or ortho_ratio <= 0:
        raise ValueError(
            f"The camera {path} holds an R that is no rotation, or a scale or ortho_ratio that is not above 0: render "
            "the view again."
        )
    distance = entries.get("camera_distance")
    return PifuParam(
        rotation,
        entries["center"].astype(np.float64),
        scale,
        ortho_ratio,
        None if distance is None or distance.dtype.kind not in "fiu" else float(distance),
    )


def turn_of_view(yaw_degrees: float, pitch_degrees: float) -> np.ndarray:
    """[3, 3] R_x(pitch) R_y(yaw), which a file's name stands for."""
    yaw, pitch = math.radians(yaw_degrees), math.radians(pitch_degrees)
    c, s = math.cos(yaw), math.sin(yaw)
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    c, s = math.cos(pitch), math.sin(pitch)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ about_y


def body_from_scan(param: PifuParam, yaw_degrees: float, pitch_degrees: float, path: Path) -> np.ndarray:
    """[4, 4] from the scan's unit and axes to the body frame: centred, 180 cm high, +y up.

    Scans with +z up are told by R, which turns them upright besides what the file's name says. Raises ValueError when R
    is neither.
    """
    rest = turn_of_view(yaw_degrees, pitch_degrees).T @ param.rotation
    y_up, z_up = np.eye(3), np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    for upright in (y_up, z_up, z_up.T):
        if math.acos(np.clip((np.trace(upright.T @ rest) - 1) / 2, -1, 1)) < LARGEST_ANGLE_TO_UPRIGHT:
            matrix = np.eye(4)
            matrix[:3, :3] = param.scale * upright
            matrix[:3, 3] = -param.scale * upright @ param.center
            return matrix
    raise ValueError(
        f"The R of the camera {path} does not turn by the yaw and pitch of its name ({yaw_degrees:g} and "
        f"{pitch_degrees:g} degrees): name the file after its angles."
    )


def view_of_param(param: PifuParam, side: int, body_from_scan_: np.ndarray) -> Tensor:
    """[4, 4] float64 `view_from_body` of a square picture of `side` pixels."""
    half_extent = param.ortho_ratio * side / 2
    scan_to_view = np.eye(4)
    scan_to_view[:3, :3] = param.scale * param.rotation
    scan_to_view[:3, 3] = -param.scale * param.rotation @ param.center
    signs = np.diag([1 / half_extent, -1 / half_extent, 1 / HALF_EXTENT_CM, 1])
    view = torch.from_numpy(signs @ scan_to_view @ np.linalg.inv(body_from_scan_))
    if param.camera_distance is None:
        return view
    return perspective_views(view[None], torch.tensor([param.camera_distance], dtype=torch.float64))[0]
