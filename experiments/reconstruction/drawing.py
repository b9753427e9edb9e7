"""A mesh on a screen, smooth at its outline: what the pictures of a reconstruction are made with."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

from models.geometry.mesh import Mesh
from models.geometry.normals import vertex_normals
from models.rendering.fragments import Fragments
from models.rendering.interpolate import interpolate, interpolate_corners
from models.rendering.lighting import shade_chen2020
from models.rendering.rasterize import rasterize
from models.rendering.textures import sample_texture

SAMPLES = 2
"""Each pixel is drawn SAMPLES x SAMPLES times and averaged."""
GREY = 0.75
STUDIO_LIGHT = {0: 1.75, 1: 0.75, 2: -0.35, 3: 0.45}
"""First coefficients of the light on grey shapes: ambient, from the front, the left and above."""


@dataclass(frozen=True)
class Drawing:
    """Colours and coverage of one drawn mesh."""

    image: Float[Tensor, "3 h w"]
    """In [0, 1]; 0 where nothing is drawn, and at the outline already multiplied by the coverage."""
    coverage: Float[Tensor, "1 h w"]
    normals: Float[Tensor, "3 h w"]
    """Unit normals in the camera frame (x right, y up, z to the camera); 0 outside."""

    def over(self, background: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
        """The drawn mesh in front of a picture of the same size."""
        return self.image + background * (1 - self.coverage)


def studio_light() -> Float[Tensor, "9 3"]:
    light = torch.zeros(9, 3)
    for index, value in STUDIO_LIGHT.items():
        light[index] = value
    return light


class Sight(NamedTuple):
    """What of a mesh each sample of a picture sees: enough to paint it in several colours."""

    fragments: Fragments
    normals: Float[Tensor, "1 3 y x"]
    """In the camera frame, of `SAMPLES` x `SAMPLES` samples a pixel."""


def draw(
    mesh: Mesh,
    vertices_screen: Float[Tensor, "v 3"],
    size: tuple[int, int],
    *,
    light: Float[Tensor, "9 3"] | None = None,
    normals_camera: Float[Tensor, "v 3"] | None = None,
) -> Drawing:
    """Draws a mesh whose vertices stand at `vertices_screen` (pixels of a picture of `size` = (h, w), y down, depth);
    see `paint` for its colours."""
    return paint(mesh, look(mesh, vertices_screen, size, normals_camera=normals_camera), light=light)


@torch.no_grad()
def look(
    mesh: Mesh,
    vertices_screen: Float[Tensor, "v 3"],
    size: tuple[int, int],
    *,
    normals_camera: Float[Tensor, "v 3"] | None = None,
) -> Sight:
    """The costly part of drawing; meshes with other colours and the same vertices can share it."""
    screen = vertices_screen[None] * SAMPLES
    fragments = rasterize(screen, mesh.faces, (size[0] * SAMPLES, size[1] * SAMPLES), perspective=False)
    if normals_camera is None:
        normals_camera = vertex_normals(screen * screen.new_tensor([1, -1, -1]), mesh.faces)[0]
    return Sight(fragments, unit(interpolate(normals_camera[None], mesh.faces, fragments)))


@torch.no_grad()
def paint(mesh: Mesh, sight: Sight, *, light: Float[Tensor, "9 3"] | None = None) -> Drawing:
    """What is seen, in the mesh's colours: its texture, else the vertex colours, else grey.

    `light` shades it; None shows textures and colours as they are (a texture taken from a photograph is lit already)
    and greys in a studio's light.
    """
    fragments, normals = sight
    colours = surface_colours(mesh, fragments)
    if light is None and colours is None:
        light = studio_light()
    if colours is None:
        colours = GREY * torch.ones_like(normals)
    covered = (fragments.face_index[:, None] >= 0).to(colours)
    image = colours if light is None else shade_chen2020(colours, normals, light[None].to(colours))
    coverage = avg_pool2d(covered, SAMPLES)
    return Drawing(
        avg_pool2d(image.clamp(0, 1) * covered, SAMPLES)[0],
        coverage[0],
        (unit(avg_pool2d(normals, SAMPLES)) * (coverage > 0))[0],
    )


def unit(vectors: Float[Tensor, "1 3 y x"]) -> Float[Tensor, "1 3 y x"]:
    """Of length one; zeros stay. Several times faster than torch's own `normalize` over so few channels."""
    return vectors * vectors.square().sum(1, keepdim=True).clamp_min(1e-24).rsqrt()


def surface_colours(mesh: Mesh, fragments: Fragments) -> Tensor | None:
    """[1 3 h w] colour of the surface under each pixel, None for a mesh without colours."""
    if mesh.texture is not None and mesh.uv is not None and mesh.face_uv is not None:
        return sample_texture(mesh.texture[None], interpolate_corners(mesh.uv[mesh.face_uv], fragments))
    if mesh.vertex_colors is not None:
        return interpolate(mesh.vertex_colors[None], mesh.faces, fragments)
    return None
