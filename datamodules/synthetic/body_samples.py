"""What the rays of a picture meet first, or last, on a synthetic body: the mesh says about where, the field exactly."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from models.geometry.mesh import Mesh
from models.geometry.normals import vertex_normals
from models.geometry.view_cameras import is_perspective
from models.rendering.rasterize import rasterize

NORMAL_STEP_CM = 0.05
REACH_CM = 1.5
"""A point is moved at most so far along its ray: chords of the mesh cut no deeper."""
LEAST_SLOPE = 0.2
"""Nearer to grazing than this the ray is not trusted to meet the field where the mesh lies."""
TETRAHEDRON = ((1.0, -1.0, -1.0), (-1.0, -1.0, 1.0), (-1.0, 1.0, -1.0), (1.0, 1.0, 1.0))


class BodyField(Protocol):
    """A solid body in the body frame: negative inside, near the surface about the distance in centimetres."""

    def __call__(self, points_cm: Tensor, /) -> Tensor: ...

    def albedo(self, points_cm: Tensor, /) -> Tensor:
        """[p, 3] colours as a picture stores them (gamma 2.2), in [0, 1]."""
        ...


class BodySamples(NamedTuple):
    """The covered ones of a picture's height x width samples."""

    size: tuple[int, int]
    at: Tensor
    """[n] int64 position in the flattened samples, ascending."""
    points_cm: Tensor
    """[n, 3]"""
    normals: Tensor
    """[n, 3] outward, in body axes."""
    corners: Tensor
    """[n, 3] int64 vertices of the triangle seen, and"""
    weights: Tensor
    """[n, 3] its barycentric coordinates."""

    def interpolated(self, of_vertices: Tensor) -> Tensor:
        """[n, c] of values [v, c] at the vertices."""
        a, b, c = (of_vertices.index_select(0, corner) for corner in self.corners.unbind(1))
        return torch.addcmul(torch.addcmul(a * self.weights[:, :1], b, self.weights[:, 1:2]), c, self.weights[:, 2:])

    def from_behind(self) -> "BodySamples":
        """The far surface of the opposite parallel view (half a turn about +y), of which these are the near one."""
        width = self.size[1]
        row, column = self.at.div(width, rounding_mode="floor"), self.at % width
        at, order = (row * width + width - 1 - column).sort()
        rest = (self.points_cm, self.normals, self.corners, self.weights)
        return BodySamples(self.size, at, *(values[order] for values in rest))


@torch.no_grad()
def near_and_far_samples(
    field: BodyField, mesh: Mesh, view_from_body: Tensor, size: tuple[int, int], *, far: bool = True, steps: int = 2
) -> tuple[BodySamples, BodySamples | None]:
    """What a picture of `size` = (height, width) samples sees, and the farthest surface behind the same samples.

    mesh: closed, within REACH_CM of the field's surface. steps: secant steps along each ray. Both answers cover the
    same samples. far=False leaves the second out.
    """
    projected = mesh.vertices @ view_from_body[:, :3].T + view_from_body[:, 3]
    nearness = 1 / projected[:, 3] if is_perspective(view_from_body) else projected[:, 2]  # linear on the screen
    half = view_from_body.new_tensor([size[1] / 2, size[0] / 2])
    screen = (projected[:, :2] / projected[:, 3:] + 1) * half
    smooth = vertex_normals(mesh.vertices[None], mesh.faces)[0]
    seen: list[BodySamples] = []
    covered = None
    for turned in (False, True)[: 2 if far else 1]:
        depth = 1 + (nearness - nearness.min() if turned else nearness.max() - nearness)
        faces = mesh.faces.flip(1) if turned else mesh.faces
        fragments = rasterize(torch.cat([screen, depth[:, None]], 1)[None], faces, size, perspective=False, cull="back")
        covered = (fragments.face_index[0] >= 0).flatten() if covered is None else covered
        at = covered.nonzero().squeeze(1)
        found = fragments.face_index[0].flatten()[at].clamp(min=0)  # the same samples: closed meshes have two sides
        corners = faces[found]
        weights = fragments.barycentrics[0].flatten(0, 1)[at] / projected[:, 3][corners]
        samples = BodySamples(size, at, weights, weights, corners, weights / weights.sum(1, keepdim=True))
        points, rays = samples.interpolated(mesh.vertices), towards_camera(view_from_body, size, at)
        points = on_the_field(field, points, rays, (samples.interpolated(smooth) * rays).sum(1), steps)
        seen.append(samples._replace(points_cm=points, normals=field_normals(field, points)))
    return seen[0], seen[1] if far else None


def towards_camera(view_from_body: Tensor, size: tuple[int, int], at: Tensor) -> Tensor:
    """[n, 3] unit directions in body axes from samples [n] to the camera."""
    height, width = size
    x = ((at % width) * 2 + 1) / width - 1
    y = (at.div(width, rounding_mode="floor") * 2 + 1) / height - 1
    linear = view_from_body[:, :3]
    normals_of_columns = linear[0] - x[:, None] * linear[3]  # the planes h0 = x h3 and h1 = y h3 meet in the ray
    normals_of_rows = linear[1] - y[:, None] * linear[3]
    rays = torch.linalg.cross(normals_of_columns, normals_of_rows)
    rays = rays * (rays @ linear[2]).sign()[:, None]
    return rays / rays.norm(dim=1, keepdim=True)


def on_the_field(field: BodyField, points_cm: Tensor, rays: Tensor, slopes: Tensor, steps: int) -> Tensor:
    """Points moved along their rays onto the field's surface by secants; `slopes` [n] guess the field's along them."""
    slopes = torch.where(slopes < 0, slopes.clamp(max=-LEAST_SLOPE), slopes.clamp(min=LEAST_SLOPE))
    values = field(points_cm)
    moved, reached, best = torch.zeros_like(values), points_cm, values.abs()
    best_moved = moved
    for _ in range(steps):
        step = (moved - values / slopes).clamp_(-REACH_CM, REACH_CM)
        following = field(torch.addcmul(points_cm, rays, step[:, None]))
        secant = (following - values) / torch.where(step == moved, 1, step - moved)
        trusted = (secant * slopes > LEAST_SLOPE * slopes.abs()) & (secant.abs() < 8) & (step != moved)
        slopes = torch.where(trusted, secant, slopes)
        moved, values = step, following
        better = values.abs() < best
        best, best_moved = torch.where(better, values.abs(), best), torch.where(better, moved, best_moved)
    last = (best_moved - torch.where(best_moved == moved, values, 0) / slopes).clamp_(-REACH_CM, REACH_CM)
    reached = torch.addcmul(points_cm, rays, last[:, None])
    return reached


def field_normals(field: BodyField, points_cm: Tensor) -> Tensor:
    """[n, 3] the field's unit gradient from four values on a tetrahedron around each point."""
    normals = torch.zeros_like(points_cm)
    for corner in TETRAHEDRON:
        offset = points_cm.new_tensor(corner)
        normals.addcmul_(field(points_cm + NORMAL_STEP_CM * offset)[:, None], offset)
    return normals / normals.norm(dim=1, keepdim=True).clamp(min=1e-12)
