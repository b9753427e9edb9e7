"""A garment's reconstruction in numbers, so that other programs can place the mesh in the picture."""

import math
from typing import Any

from experiments.reconstruction.clothing.explanation import ExplainedGarment
from experiments.reconstruction.clothing.placement import photo_from_world
from experiments.reconstruction.clothing.views import degrees
from experiments.shipped import limits_of
from models.clothing.renderer import VERTICAL_FIELD_OF_VIEW

FRAMES = (
    "mesh.* is in model units (a person is about 1.8 high): x right, y up, z to the front, origin near the middle. The "
    "camera's centre is distance * (cos e sin a, sin e, cos e cos a) with azimuth a and elevation e; it looks at "
    "(offset_x, offset_y, 0), and its axis meets the window at principal: -1 to 1 from border to border, x right, y up."
)
PIXELS = (
    "(x w, y w, w) = photo_from_world @ [X, Y, Z, 1] in pixels of the photograph as displayed (EXIF orientation "
    "applied), the centre of the upper left pixel at (0.5, 0.5); w is the depth in model units"
)
LIGHT = "nine spherical-harmonic coefficients of 3D Magic Mirror; they multiply the texture, which is without light"


def garment_values(garment: ExplainedGarment, fit: float) -> dict[str, Any]:
    """Camera, light, window, run and how well the outline fits."""
    photo, camera = garment.photo, garment.attributes.camera
    left, top, right, bottom = photo.person.box
    return {
        "kind": "clothing",
        "run": str(garment.run.path.resolve()),
        "limits": limits_of(garment.run.path),
        "picture": str(photo.person.path.resolve()),
        "picture_size": [photo.person.picture.width, photo.person.picture.height],
        "mask": photo.person.how,
        "found": photo.person.found,
        "box": {"left": left, "top": top, "right": right, "bottom": bottom},
        "window": {"whole": photo.whole, **photo.window._asdict()},
        "crop_size": list(photo.size),
        "frames": FRAMES,
        "camera": {
            "azimuth_degrees": degrees(float(camera.azimuth)),
            "elevation_degrees": degrees(float(camera.elevation)),
            "distance": float(camera.distance),
            "offset": camera.offset[0].tolist(),
            "principal": camera.principal[0].tolist(),
            "vertical_field_of_view_degrees": math.degrees(VERTICAL_FIELD_OF_VIEW),
            "photo_from_world": photo_from_world(garment).double().tolist(),
            "pixels": PIXELS,
        },
        "light": {"convention": LIGHT, "values": garment.attributes.light[0].tolist()},
        "silhouette_iou": fit,
    }
