"""Parameters and camera of a reconstruction as plain numbers, so that other programs can place the mesh in the
photograph."""

import math
from typing import Any

import torch
from torch import Tensor

from experiments.reconstruction.faces.explanation import ExplainedFace
from experiments.reconstruction.faces.photos import FaceInPhoto
from models.geometry.cameras import FACE_PIXELS_PER_MM_AT_UNIT_SIDE

OPENCV_FROM_CAMERA = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
"""Our camera frame has y up and z towards the viewer; OpenCV's has y down and z forwards."""
STANDOFF_MM = 1000.0
"""An orthographic camera has no distance; the face is put this far in front so that every depth is positive."""
CAMERA_NOTE = (
    "Points of the exported meshes are metres in the model's frame (x right, y up, z out of the face). "
    "p_mm = camera_from_model[:3,:3] @ (1000 * p_m) + camera_from_model[:3,3] is the OpenCV camera frame (x right, "
    "y down, z forwards, mm). The camera is orthographic: [x_px, y_px, 1] = intrinsics @ [p_mm.x, p_mm.y, 1], in "
    "pixels of the photograph as displayed (EXIF orientation applied), the centre of the upper left pixel at "
    "(0.5, 0.5); p_mm.z is depth only."
)


def camera_values(face: ExplainedFace, found: FaceInPhoto) -> dict[str, Any]:
    """The orthographic camera in OpenCV form: `camera_from_model` 4 x 4 (rigid, mm), `intrinsics` 3 x 3 (px per mm)."""
    pose = face.parameters.pose[0].double()
    pixels_per_mm = float(face.crop.side * FACE_PIXELS_PER_MM_AT_UNIT_SIDE * pose[5].exp())
    center_x = face.crop.center_x + float(pose[3]) * face.crop.side
    center_y = face.crop.center_y - float(pose[4]) * face.crop.side
    camera_from_model = torch.eye(4, dtype=torch.float64)
    camera_from_model[:3, :3] = OPENCV_FROM_CAMERA.double() @ face.geometry.rotation[0].double()
    camera_from_model[2, 3] = STANDOFF_MM
    return {
        "model": "orthographic",
        "note": CAMERA_NOTE,
        "picture_size": [found.photo.width, found.photo.height],
        "camera_from_model": camera_from_model.tolist(),
        "intrinsics": [[pixels_per_mm, 0.0, center_x], [0.0, pixels_per_mm, center_y], [0.0, 0.0, 1.0]],
        "pixels_per_mm": pixels_per_mm,
        "crop": {"center_x": face.crop.center_x, "center_y": face.crop.center_y, "side": face.crop.side},
        "crop_from_photo": face.crop.image_from_photo(face.size).tolist(),
        "crop_size": face.size,
    }


def parameter_values(face: ExplainedFace, found: FaceInPhoto) -> dict[str, Any]:
    """Every coefficient by name, with its unit, and the camera."""
    parameters = face.parameters
    pitch, yaw, roll, shift_x, shift_y, log_scale = (float(value) for value in parameters.pose[0])
    model = face.face_model
    return {
        "picture": str(found.path.resolve()),
        "found": found.found,
        "face_model": {"name": model.name, "provenance": model.provenance},
        "identity": {"unit": "standard deviations", "values": numbers(parameters.identity)},
        "expression": {"unit": "the model's expression basis", "values": numbers(parameters.expression)},
        "albedo": {"unit": "standard deviations", "values": numbers(parameters.albedo)},
        "pose": {
            "pitch_degrees": math.degrees(pitch),
            "yaw_degrees": math.degrees(yaw),
            "roll_degrees": math.degrees(roll),
            "shift_right_share_of_crop": shift_x,
            "shift_up_share_of_crop": shift_y,
            "log_scale": log_scale,
        },
        "light": {
            "convention": "real spherical harmonics of Chen et al. (TIP 2020): 9 x RGB, camera frame",
            "values": parameters.light[0].tolist(),
        },
        "camera": camera_values(face, found),
    }


def numbers(coefficients: Tensor) -> list[float]:
    return [float(value) for value in coefficients[0]]
