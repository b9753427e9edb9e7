"""A body's reconstruction in numbers, so that other programs can place the mesh in the picture."""

from typing import Any

from experiments.reconstruction.bodies.body_frame import BodyFrame
from experiments.reconstruction.bodies.occupancy import BodyRun, BodySurface
from experiments.reconstruction.bodies.views import BODY_HEIGHT_CM, BodyView, warnings_of, yaw_degrees
from experiments.shipped import limits_of
from models.geometry.view_cameras import HALF_EXTENT_CM

FRAMES = (
    "mesh.* is in metres: x right, y up, z to the front, origin at the middle of the body; body centimetres = 100 * "
    "metres * 180 / height_cm. mesh_picture.ply is in pixels of the first picture as displayed (EXIF orientation "
    "applied): x right, y down, z away from the camera, the centre of the upper left pixel at (0.5, 0.5)."
)
CALIBRATION = (
    "h = view_from_body @ [X, Y, Z, 1] with X, Y, Z in body centimetres; x = h0 / h3 and y = h1 / h3 run from -1 to 1 "
    "between the picture's edges, y down; h2 is the depth towards the camera in units of 102.4 cm. crop_from_body is "
    "the same for the square that the network saw."
)
NORMALS = (
    "n = 2 * value / 255 - 1 in the camera's axes (x right, y up, z to the camera); normals_front, _left and _right as "
    f"a picture of {2 * HALF_EXTENT_CM:g} cm shows them from there, _back is the far side in the picture of the front, "
    "not mirrored; left and right are the body's own"
)
DEPTH = "depth.png: 32768 + 256 * centimetres towards the camera, in the picture of normals_front; 0 is empty"


def body_values(
    run: BodyRun,
    views: list[BodyView],
    surface: BodySurface,
    resolution: int,
    height_cm: float | None,
    frame: BodyFrame | None,
    fits: list[float],
    share_seen: float,
) -> dict[str, Any]:
    """Crop, calibration, run, threshold, resolution, timings, parts, and how well the silhouettes fit."""
    mesh = surface.mesh_cm
    return {
        "run": str(run.path.resolve()),
        "limits": limits_of(run.path),
        "network": type(run.module.network).__name__,
        "height_cm": height_cm or BODY_HEIGHT_CM,
        "height_given": height_cm is not None,
        "frames": FRAMES,
        "calibration": CALIBRATION,
        "normals": NORMALS,
        "depth": DEPTH,
        "views": [view_values(view, fit, run.image_size) for view, fit in zip(views, fits)],
        "world_from_body": None if frame is None else frame.world_from_body.tolist(),
        "occupancy_threshold": 0.5,
        "resolution": resolution,
        "cell_cm": 2 * HALF_EXTENT_CM / resolution,
        "queries": surface.queries,
        "seconds": {"encoding": surface.seconds_encoding, "extracting": surface.seconds_extracting},
        "mesh": {
            "vertices": mesh.number_of_vertices,
            "faces": mesh.number_of_faces,
            "watertight": surface.closed,
            "parts": surface.parts,
            "floating_parts_removed": surface.parts_removed,
            "share_of_vertices_seen": share_seen,
        },
        "warnings": [warning for view in views for warning in warnings_of(view)],
    }


def view_values(view: BodyView, fit: float, image_size: int) -> dict[str, Any]:
    left, top, right, bottom = view.person.box
    return {
        "picture": str(view.person.path.resolve()),
        "picture_size": [view.person.picture.width, view.person.picture.height],
        "mask": view.person.how,
        "found": view.person.found,
        "person_box": {"left": left, "top": top, "right": right, "bottom": bottom},
        "crop": view.crop._asdict(),
        "crop_size": image_size,
        "yaw_degrees": yaw_degrees(view),
        "view_from_body": view.view_from_body.double().tolist(),
        "crop_from_body": view.crop_from_body.double().tolist(),
        "silhouette_iou": fit,
    }
