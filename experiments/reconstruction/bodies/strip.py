"""One row that shows a body's reconstruction at a glance: picture, crop, mask, overlay, normals and other views."""

from dataclasses import replace

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from experiments.reconstruction.bodies.pictures import turned
from experiments.reconstruction.bodies.views import BodyView
from experiments.reconstruction.overlay import normal_picture, picture_of
from experiments.reconstruction.panel import Part, panel, with_frame
from models.geometry.mesh import Mesh

HEIGHT = 256
COLOURS = {0: "front", 90: "left", 180: "back", 270: "right"}
SHAPES = {0: "shape", 180: "shape, back"}


def strip(
    views: list[BodyView], mesh_cm: Mesh, overlays: list[Image.Image], normals_front: Float[Tensor, "3 s s"]
) -> Image.Image:
    """The first picture with a frame around the person, their crop, mask and overlay; normals of the front; colours
    from the front, both sides and behind, the shape from the front and behind."""
    view, around = views[0], {yaw: turned(mesh_cm, yaw, HEIGHT) for yaw in COLOURS}
    marked = replace(view, person=replace(view.person, picture=overlays[0]))
    parts = [
        Part("picture", with_frame(view.person.picture, view.person.box, HEIGHT)),
        Part("crop", picture_of(view.image(HEIGHT))),
        Part("mask", picture_of(view.mask(HEIGHT).expand(3, -1, -1))),
        Part("mesh green, mask red", picture_of(marked.image(HEIGHT))),
        Part("normals", picture_of(normal_picture(normals_front))),
    ]
    parts += [Part(name, picture_of(around[yaw][1])) for yaw, name in COLOURS.items()]
    parts += [Part(name, picture_of(around[yaw][0])) for yaw, name in SHAPES.items()]
    return panel(parts, HEIGHT)
