"""A garment from other sides: attributes with other cameras, and the pictures of them."""

import math

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from experiments.reconstruction.drawing import Drawing, draw
from experiments.reconstruction.overlay import normal_picture, picture_of
from models.clothing.attributes import CameraRanges, ClothingAttributes, ClothingCamera, with_azimuth
from models.clothing.renderer import perspective_camera, render_attributes
from models.clothing.template import ClothingTemplate
from models.geometry.mesh import Mesh
from models.geometry.normals import vertex_normals

SAMPLES = 2
"""Each pixel is drawn SAMPLES x SAMPLES times and averaged."""
HEIGHT = 256
"""Of the pictures, in pixels."""
AZIMUTHS = 8
ELEVATIONS_DEGREES = (-60.0, -40.0, -20.0, 0.0, 20.0, 40.0, 60.0)
DISTANCES = 7
TURNTABLE_FRAMES = 24


def repeated(attributes: ClothingAttributes, number: int) -> ClothingAttributes:
    """A batch of one as often as asked."""
    camera = attributes.camera.each(lambda part: part.expand(number, *part.shape[1:]))
    return ClothingAttributes(camera, *(part.expand(number, *part.shape[1:]) for part in attributes[1:]))


def turned(attributes: ClothingAttributes, degrees: list[float]) -> ClothingAttributes:
    """One garment from farther round than its photograph: positive angles move the camera to the garment's left."""
    many = repeated(attributes, len(degrees))
    return with_azimuth(many, many.camera.azimuth + torch.deg2rad(torch.tensor(degrees)))


def raised(attributes: ClothingAttributes, degrees: list[float]) -> ClothingAttributes:
    """One garment from these elevations; positive ones are above."""
    many = repeated(attributes, len(degrees))
    return many._replace(camera=many.camera._replace(elevation=torch.deg2rad(torch.tensor(degrees))))


def at_distances(attributes: ClothingAttributes, distances: list[float]) -> ClothingAttributes:
    many = repeated(attributes, len(distances))
    return many._replace(camera=many.camera._replace(distance=torch.tensor(distances)))


@torch.no_grad()
def coloured(
    attributes: ClothingAttributes, template: ClothingTemplate, size: tuple[int, int]
) -> Float[Tensor, "b 3 h w"]:
    """Lit colours over white, along the surface as a viewer shows them, smooth at the outline."""
    large = size[0] * SAMPLES, size[1] * SAMPLES
    # "edge": no fringe of a soft mask is computed
    rendering = render_attributes(
        attributes, template, large, background=False, convention="perspective_correct", outline_gradients="edge"
    )
    return avg_pool2d(rendering.image, SAMPLES)


@torch.no_grad()
def grey(
    camera: ClothingCamera, vertices: Float[Tensor, "b v 3"], faces: Int[Tensor, "f 3"], size: tuple[int, int]
) -> Float[Tensor, "b 3 h w"]:
    """The shapes in a studio's light over white."""
    white = torch.ones(3, *size)
    return torch.stack([drawn.over(white) for drawn in drawings(camera, vertices, faces, size)])


@torch.no_grad()
def normals(attributes: ClothingAttributes, faces: Int[Tensor, "f 3"], size: tuple[int, int]) -> Float[Tensor, "3 h w"]:
    """The normals of one garment from its photograph's view, as colours."""
    return normal_picture(drawings(attributes.camera, attributes.vertices, faces, size)[0].normals)


def drawings(
    camera: ClothingCamera, vertices: Float[Tensor, "b v 3"], faces: Int[Tensor, "f 3"], size: tuple[int, int]
) -> list[Drawing]:
    """Shapes without colours."""
    cameras = perspective_camera(camera, size)
    screens = cameras.to_screen(vertices)
    directions = vertex_normals(vertices, faces) @ cameras.camera_from_world[:, :3, :3].mT
    return [
        draw(Mesh(shape, faces), screen, size, normals_camera=seen)
        for shape, screen, seen in zip(vertices, screens, directions)
    ]


def row(pictures: Float[Tensor, "b 3 h w"]) -> Image.Image:
    """Pictures side by side."""
    return picture_of(torch.cat(list(pictures), 2))


def all_round() -> list[float]:
    """Azimuths of the strip: the photograph's own first, then by eighths of a turn."""
    return [360 * step / AZIMUTHS for step in range(AZIMUTHS)]


def rotations(
    attributes: ClothingAttributes, template: ClothingTemplate, size: tuple[int, int], ranges: CameraRanges
) -> dict[str, Image.Image]:
    """A strip each of azimuths (from the photograph's own by eighths of a turn), elevations (-60 to 60 degrees) and
    distances (the range of the run's cameras)."""
    near, far = ranges.distance
    distances = [near + (far - near) * step / (DISTANCES - 1) for step in range(DISTANCES)]
    varied = {
        "rotation_azimuth": turned(attributes, all_round()),
        "rotation_elevation": raised(attributes, list(ELEVATIONS_DEGREES)),
        "rotation_distance": at_distances(attributes, distances),
    }
    return {name: row(coloured(many, template, size)) for name, many in varied.items()}


def turntable(
    attributes: ClothingAttributes, template: ClothingTemplate, size: tuple[int, int], frames: int = TURNTABLE_FRAMES
) -> list[Image.Image]:
    """A whole turn that begins at the photograph's own view: grey shape on the left, colours on the right."""
    many = turned(attributes, [360 * frame / frames for frame in range(frames)])
    both = torch.cat([grey(many.camera, many.vertices, template.faces, size), coloured(many, template, size)], 3)
    return [picture_of(frame) for frame in both]


def shown_size(size: tuple[int, int], height: int = HEIGHT) -> tuple[int, int]:
    """Pictures of `height` with the ratio of the network's (h, w)."""
    return height, max(1, round(height * size[1] / size[0]))


def degrees(radians: float) -> float:
    """In (-180, 180]."""
    angle = math.degrees(radians) % 360
    return angle - 360 if angle > 180 else angle
