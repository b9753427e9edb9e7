"""Colours of a body's surface from its pictures: what they see, the far side from what is before it, the rest smoothly.

A vertex trusts a picture as far as it is seen there, faces the camera and lies within the mask, away from its outline.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import coo_array, diags_array
from scipy.spatial import KDTree
from torch import Tensor
from torch.nn.functional import grid_sample, max_pool2d

from experiments.reconstruction.bodies.views import BodyView
from models.geometry.mesh import Mesh
from models.geometry.normals import vertex_normals
from models.geometry.view_cameras import (
    HALF_EXTENT_CM,
    camera_axes,
    is_perspective,
    project_to_views,
    vertices_on_screen,
)
from models.rendering.rasterize import rasterize

SEEN_SIDE = 1024
"""Pixels along the crop at which it is decided what a picture sees: 2 mm a pixel."""
PICTURE_SIDE = 768
SLANTED, FRONTAL = 0.15, 0.5
"""Cosine between normal and camera from which a vertex begins to trust a picture, and trusts it wholly."""
RIM_CM = 1.0
"""Within this distance of the mask's outline, colours are mixed with the background's."""
FAR_SIDE_TRUST = 0.6
"""Weight of the picture's colour on the far side, against the smoothness."""
HEAD_ABOVE_CM = 66.0
"""Of the body frame: a face is no good guess for the back of the head, hair from its sides is."""
SMOOTHNESS = 1.0
SMOOTHING_STEPS = 60


class Observation(NamedTuple):
    """What the pictures say about every vertex."""

    colours: Float[Tensor, "v 3"]
    trust: Float[Tensor, " v"]
    """0 where nothing is known, 1 where a picture sees the vertex from the front."""


def coloured(mesh_cm: Mesh, views: list[BodyView]) -> tuple[Mesh, float]:
    """The mesh (body frame) with vertex colours, and the share of its vertices that a picture sees."""
    observations = [observed(mesh_cm, view) for view in views]
    seen = merged(observations)
    share = float((seen.trust > 0.5).float().mean())
    if not bool((seen.trust > 0).any()):
        return Mesh(mesh_cm.vertices, mesh_cm.faces, vertex_colors=torch.full_like(mesh_cm.vertices, 0.6)), 0.0
    guessed = merged([far_side(mesh_cm, view) for view in views])
    unseen = 1 - seen.trust
    trust = seen.trust + FAR_SIDE_TRUST * unseen * guessed.trust
    blend = (FAR_SIDE_TRUST * unseen * guessed.trust / trust.clamp_min(1e-9))[:, None]
    colours = seen.colours * (1 - blend) + guessed.colours * blend
    filled = filled_smoothly(mesh_cm, Observation(colours, trust))
    return Mesh(mesh_cm.vertices, mesh_cm.faces, vertex_colors=filled), share


def observed(mesh_cm: Mesh, view: BodyView) -> Observation:
    """Colours of the vertices that the picture sees."""
    colours, inside = picture_at(mesh_cm, view)
    facing = cosine(mesh_cm, view)
    trust = ramp(facing) * visible(mesh_cm, view, facing) * inside
    return Observation(colours, trust)


def far_side(mesh_cm: Mesh, view: BodyView) -> Observation:
    """For vertices that look away from the camera: the colour of what the picture shows before them."""
    colours, inside = picture_at(mesh_cm, view)
    body_below_head = (HEAD_ABOVE_CM - mesh_cm.vertices[:, 1]).div(10).clamp(0, 1)
    return Observation(colours, ramp(-cosine(mesh_cm, view)) * inside * body_below_head)


def merged(observations: list[Observation]) -> Observation:
    """The best picture of every vertex prevails, with a soft change from one to the next."""
    trust = torch.stack([each.trust for each in observations])
    weight = trust**4
    colours = torch.stack([each.colours for each in observations])
    mixed = (weight[..., None] * colours).sum(0) / weight.sum(0).clamp_min(1e-9)[:, None]
    return Observation(mixed, trust.amax(0))


def ramp(facing: Float[Tensor, " v"]) -> Float[Tensor, " v"]:
    return ((facing - SLANTED) / (FRONTAL - SLANTED)).clamp(0, 1)


def cosine(mesh_cm: Mesh, view: BodyView) -> Float[Tensor, " v"]:
    """Between each vertex' normal and the direction to the camera."""
    normals = vertex_normals(mesh_cm.vertices[None], mesh_cm.faces)[0]
    of_crop = view.crop_from_body
    if not is_perspective(of_crop[None]):
        return normals @ camera_axes(of_crop)[2]
    camera = torch.linalg.solve(of_crop[[0, 1, 3], :3], -of_crop[[0, 1, 3], 3])
    towards = torch.nn.functional.normalize(camera - mesh_cm.vertices, dim=1)
    return (normals * towards).sum(1)


def picture_at(mesh_cm: Mesh, view: BodyView) -> tuple[Float[Tensor, "v 3"], Float[Tensor, " v"]]:
    """The picture's colour where each vertex projects, and whether that is well inside the mask."""
    position = project_to_views(view.crop_from_body[None, None], mesh_cm.vertices[None]).position[0]
    rim = 2 * round(RIM_CM / (2 * HALF_EXTENT_CM) * PICTURE_SIDE) + 1
    eroded = 1 - max_pool2d(1 - view.mask(PICTURE_SIDE)[None], rim, 1, rim // 2)
    layers = torch.cat([view.image(PICTURE_SIDE)[None], eroded], 1)
    sampled = grid_sample(layers, position[:, :, None], align_corners=False)[0, :, :, 0]
    return sampled[:3].T, (sampled[3] > 0.5).float()


def visible(mesh_cm: Mesh, view: BodyView, facing: Float[Tensor, " v"]) -> Float[Tensor, " v"]:
    """1 for vertices that nothing hides: they are not behind the surface that their pixel sees.

    A pixel's centre lies up to half a pixel beside the vertex, so a slanted surface is deeper there by as much as its
    slope says.
    """
    of_crop = view.crop_from_body[None]
    screen = vertices_on_screen(of_crop, mesh_cm.vertices[None], (SEEN_SIDE, SEEN_SIDE))
    fragments = rasterize(screen, mesh_cm.faces, (SEEN_SIDE, SEEN_SIDE), perspective=is_perspective(of_crop))
    x, y, z = screen[0].unbind(1)
    column, row = x.floor().long(), y.floor().long()
    shown = (column >= 0) & (column < SEEN_SIDE) & (row >= 0) & (row < SEEN_SIDE)
    before = fragments.depth[0, row.clamp(0, SEEN_SIDE - 1), column.clamp(0, SEEN_SIDE - 1)]
    pixel_cm = 2 * HALF_EXTENT_CM / SEEN_SIDE
    tolerance_cm = 0.1 + pixel_cm * (1 / facing.clamp(0.1, 1) ** 2 - 1).sqrt()
    return (shown & (z - before <= tolerance_cm * depth_of_a_centimetre(of_crop[0]))).float()


def depth_of_a_centimetre(of_crop: Float[Tensor, "4 4"]) -> float:
    """How much z on the screen (`vertices_on_screen`) grows in a centimetre away from the camera."""
    row = of_crop[3] if is_perspective(of_crop[None]) else of_crop[2]
    return float(row[:3].norm())


def filled_smoothly(mesh: Mesh, known: Observation) -> Float[Tensor, "v 3"]:
    """Every vertex's colour: its own as far as it is trusted, that of its neighbours as far as not."""
    vertices = mesh.vertices.double().numpy()
    trust = known.trust.double().numpy()
    colours = known.colours.double().clamp(0, 1).numpy()
    sources = np.flatnonzero(trust >= min(0.5, trust.max()))
    _, nearest = KDTree(vertices[sources]).query(vertices[trust <= 0])
    current = colours.copy()
    current[trust <= 0] = colours[sources[nearest]]
    average = neighbour_average(mesh.faces, len(vertices))
    own = (trust / np.maximum(1 - trust, 1e-3) / SMOOTHNESS)[:, None]
    for _ in range(SMOOTHING_STEPS):
        current = (own * colours + average @ current) / (own + 1)
    return torch.from_numpy(current).float().clamp(0, 1)


def neighbour_average(faces: Int[Tensor, "f 3"], count: int):
    """[v v] sparse: the mean over the vertices that share an edge."""
    corners = faces.numpy()
    start = np.concatenate([corners[:, 0], corners[:, 1], corners[:, 2]])
    end = np.concatenate([corners[:, 1], corners[:, 2], corners[:, 0]])
    pairs = coo_array((np.ones(2 * len(start)), (np.r_[start, end], np.r_[end, start])), shape=(count, count)).tocsr()
    return diags_array(1 / np.maximum(pairs.sum(1), 1)) @ pairs
