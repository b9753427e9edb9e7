"""The picture of a set of attributes: the camera, the rasterization, the light and the composition of the family."""

import math
from dataclasses import replace
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.clothing.attributes import ClothingAttributes, ClothingCamera
from models.clothing.template import ClothingTemplate
from models.geometry.cameras import PerspectiveCamera, look_towards, transform_points
from models.geometry.normals import face_normals
from models.networks.precision import at_least_float32
from models.rendering.dibr import dibr_sigma_px, dibr_silhouette
from models.rendering.edge_gradients import edge_gradients
from models.rendering.fragments import Fragments
from models.rendering.interpolate import interpolate_corners
from models.rendering.lighting import MAGIC_MIRROR, shade
from models.rendering.rasterize import rasterize
from models.rendering.textures import sample_texture

VERTICAL_FIELD_OF_VIEW = 2 * math.atan(1 / 2.5)
"""43.6 degrees: a distance of 2.5 fits what reaches from -1 to 1."""
FACES_PER_PIXEL = 30
"""So many triangles are felt by a pixel of the soft mask's fringe, the first ones by their index."""

Convention = Literal["paper", "perspective_correct"]
OutlineGradients = Literal["fringe", "edge"]


class ClothingRendering(NamedTuple):
    """What attributes look like, for one picture size."""

    image: Float[Tensor, "b 3 h w"]
    """Lit, in [0, 1], over the background."""
    soft_mask: Float[Tensor, "b 1 h w"]
    """1 where the mesh is seen; beside it the fringe, or 0 when the gradients are those of edges. Differentiable."""
    hard_mask: Float[Tensor, "b 1 h w"]
    """1 where the mesh is seen, 0 elsewhere; no gradient."""
    normals: Float[Tensor, "b 3 h w"]
    """Unit normals of the triangles in the camera's frame (z towards it), 0 outside."""
    fragments: Fragments


def render_attributes(
    attributes: ClothingAttributes,
    template: ClothingTemplate,
    size: tuple[int, int],
    *,
    background: bool,
    convention: Convention = "paper",
    outline_gradients: OutlineGradients = "fringe",
) -> ClothingRendering:
    """Picture of ``size`` (h, w) of the vertices of ``attributes``, with the faces and uv of the template.

    Differentiable in everything but the uv: textures, light and background through the colours, vertices and camera
    through the barycentrics and normals of covered pixels and through outlines. Always in float32 at least.

    Args:
        background: True composes over the attributes' background, lit like the surface as in the paper's training
            (there the normal is 0, so that the factor is 0.2821 L₀ - 0.3154 L₆); False over white, as in its
            evaluation.
        convention: "paper" draws the triangles whose normal does not point away from the picture's plane
            (camera-space z ≥ 0, whatever the perspective) and interpolates linearly on the screen; at 43.6 degrees and
            a distance of 2 straight lines of the texture bend visibly and triangles at the rim differ.
            "perspective_correct" draws the nearest triangle and interpolates along the surface.
        outline_gradients: "fringe" is the paper's: only the soft mask feels the outline, in a fringe of 0.02
            normalised units (one pixel of 128). "edge": image and soft mask stay hard and both feel it.

    Source: DIB-R (Chen et al., NeurIPS 2019) as used by Zheng et al., "3D Magic Mirror".
    """
    camera = perspective_camera(attributes.camera, size)
    vertices, faces = attributes.vertices.to(camera.camera_from_world), template.faces
    with torch.autocast(vertices.device.type, enabled=False):
        vertices_screen = camera.to_screen(vertices)
        normals = face_normals(transform_points(camera.camera_from_world, vertices), faces)
        if convention == "paper":
            fragments = rasterize_facing(vertices_screen, normals, faces, size)
        else:
            fragments = rasterize(vertices_screen, faces, size)
        covered = (fragments.face_index >= 0)[:, None]
        hard_mask = covered.to(vertices)

        uv = interpolate_corners(template.uv[template.face_uv].to(vertices), fragments)
        texture = sample_texture(attributes.texture.to(vertices), uv)
        seen_normals = of_seen_faces(normals, fragments.face_index)
        light = attributes.light.to(vertices)[:, :, None].expand(-1, -1, 3)
        behind = attributes.background.to(vertices) if background else texture.new_zeros(())
        image = shade(torch.where(covered, texture, behind), seen_normals, light, MAGIC_MIRROR, clip=True)
        if not background:
            image = torch.where(covered, image, 1.0)

        if outline_gradients == "fringe":
            soft_mask = dibr_silhouette(
                vertices_screen, faces, covered[:, 0], dibr_sigma_px(size), faces_per_pixel=FACES_PER_PIXEL
            )[:, None]
        else:
            both = torch.cat([image, hard_mask], 1)
            both = edge_gradients(both, vertices_screen, faces, fragments, perspective=convention != "paper")
            image, soft_mask = both[:, :3], both[:, 3:]
    return ClothingRendering(image, soft_mask, hard_mask, seen_normals, fragments)


def perspective_camera(camera: ClothingCamera, size: tuple[int, int]) -> PerspectiveCamera:
    """The family's camera for pictures of ``size`` (h, w): on a sphere around the ORIGIN, looking at (offset, 0).

    The offset turns the camera where it stands: a target to the right moves the object to the left in the picture.
    `principal` moves all that is seen, whatever its depth, without turning the camera.
    Worked number: at azimuth and elevation 0, distance 2.5 and offset 0 the point (0, 1, 0) lies on the upper edge.
    Differentiable; in float32 at least.
    """
    azimuth, elevation, distance, offset, principal = camera.each(at_least_float32)
    with torch.autocast(azimuth.device.type, enabled=False):
        on_the_ground = elevation.cos()
        direction = torch.stack([on_the_ground * azimuth.sin(), elevation.sin(), on_the_ground * azimuth.cos()], -1)
        target = torch.cat([offset, torch.zeros_like(offset[:, :1])], -1)
        camera_from_world = look_towards(distance[:, None] * direction, target)
    angle = torch.full_like(distance, VERTICAL_FIELD_OF_VIEW)
    centred = PerspectiveCamera.from_field_of_view(camera_from_world, angle, size)
    height, width = size
    aside = principal * principal.new_tensor([width / 2, -height / 2])
    return replace(centred, principal_px=centred.principal_px + aside)


def rasterize_facing(
    vertices_screen: Float[Tensor, "b v 3"],
    normals_camera: Float[Tensor, "b f 3"],
    faces: Int[Tensor, "f 3"],
    size: tuple[int, int],
) -> Fragments:
    """DIB-R's rasterization: triangles with normal z ≥ 0 in the camera's frame, barycentrics linear on the screen.

    A test of the plane's direction, not of the side that is seen: off the optical axis it draws some triangles from
    behind and leaves some visible ones out. Differentiable to the vertices on the screen.
    """
    turned_away = normals_camera.detach()[..., 2] < 0
    corners = vertices_screen.index_select(1, faces.reshape(-1)).unflatten(1, (-1, 3))
    # rasterization takes one list of triangles for the batch: what a picture shall not show has no area there
    corners = torch.where(turned_away[..., None, None], corners[:, :, :1], corners).flatten(1, 2)
    each_with_its_own = torch.arange(corners.shape[1], device=faces.device).view(-1, 3)
    return rasterize(corners, each_with_its_own, size, perspective=False)


def of_seen_faces(values: Float[Tensor, "b f c"], face_index: Int[Tensor, "b h w"]) -> Float[Tensor, "b c h w"]:
    """The value of the triangle under each pixel, 0 where there is none. Differentiable to the values."""
    (b, h, w), c = face_index.shape, values.shape[-1]
    pixel = (face_index >= 0).reshape(b, 1, h * w).expand(-1, c, -1)
    index = face_index.reshape(b, 1, h * w).clamp(min=0).expand(-1, c, -1)
    return torch.where(pixel, values.mT.gather(2, index), 0.0).view(b, c, h, w)
