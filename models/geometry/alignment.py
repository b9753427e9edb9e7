"""Motions that lay one shape on another: closed form for pairs of points, iterative for points and a surface."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.geometry.distances import SurfaceTree
from models.geometry.rotations import rotation_from_axis_angle


@dataclass(frozen=True, eq=False)
class Alignment:
    """Similarity motions x -> scale * rotation @ x + translation, one for each member of the batch."""

    rotation: Float[Tensor, "b 3 3"]
    scale: Float[Tensor, " b"]
    translation: Float[Tensor, "b 3"]

    @classmethod
    def identity(cls, batch: int = 1) -> "Alignment":
        """No motion, in float64."""
        rotation = torch.eye(3, dtype=torch.float64).repeat(batch, 1, 1)
        return cls(rotation, rotation.new_ones(batch), rotation.new_zeros(batch, 3))

    def apply(self, points: Float[Tensor, "b p 3"]) -> Float[Tensor, "b p 3"]:
        """Moved points. Differentiable in points and motion."""
        return self.scale[:, None, None] * points @ self.rotation.mT + self.translation[:, None]

    def inverse(self) -> "Alignment":
        """The motion that undoes this one."""
        rotation = self.rotation.mT
        scale = 1 / self.scale
        moved = (rotation @ self.translation.unsqueeze(-1)).squeeze(-1)
        return Alignment(rotation, scale, -scale[:, None] * moved)

    def after(self, first: "Alignment") -> "Alignment":
        """The one motion that does `first`, then this."""
        translation = self.apply(first.translation[:, None])[:, 0]
        return Alignment(self.rotation @ first.rotation, self.scale * first.scale, translation)


class SurfaceAlignment(NamedTuple):
    """What `iterative_closest_point` found."""

    alignment: Alignment
    """Moves the mesh onto the points; batch of one, float64."""
    root_mean_square: float
    """Of the distances from the points to the moved mesh, in the unit of the points."""
    steps: int
    converged: bool
    """Whether the last accepted step lowered the mean square by less than the tolerance, relatively."""


def similarity_alignment(
    source: Float[Tensor, "b p 3"],
    target: Float[Tensor, "b p 3"],
    *,
    weights: Float[Tensor, "b p"] | None = None,
    scale: bool = True,
    allow_reflection: bool = False,
) -> Alignment:
    """The motion of `source` with the least weighted sum of squared distances to `target`, point by point.

    `scale=False` gives the rigid motion (scale 1). `allow_reflection=True` admits a mirror image where it fits better;
    the rotation then has determinant -1. Computed in float64, returned in the type of `source`; differentiable while
    the singular values of the 3 x 3 covariance differ. Coinciding or collinear points leave the rotation undetermined:
    some minimiser comes back. Source: Umeyama, PAMI 1991, equations 39 to 43.

    Raises ValueError on less than 3 points, on negative weights or weights whose sum is 0.
    """
    if source.shape[1] < 3:
        raise ValueError(f"An alignment got {source.shape[1]} pairs of points, expected at least 3: give more pairs.")
    x, y = source.double(), target.double()
    weight = torch.ones_like(x[..., 0]) if weights is None else weights.double()
    if bool((weight < 0).any()) or bool((weight.sum(1) <= 0).any()):
        raise ValueError("An alignment got negative weights or only zeros: give each member a positive sum.")
    weight = (weight / weight.sum(1, keepdim=True)).unsqueeze(-1)
    mean_x, mean_y = (weight * x).sum(1, keepdim=True), (weight * y).sum(1, keepdim=True)
    x, y = x - mean_x, y - mean_y
    u, singular_values, v_transposed = torch.linalg.svd(y.mT @ (weight * x))
    signs = torch.ones_like(singular_values)
    if not allow_reflection:
        signs[:, 2] = torch.sign(torch.linalg.det(u @ v_transposed).detach())
    rotation = (u * signs.unsqueeze(-2)) @ v_transposed
    spread = (weight * x * x).sum((1, 2))
    tiny = torch.finfo(spread.dtype).tiny
    factor = (singular_values * signs).sum(1) / spread.clamp_min(tiny) if scale else torch.ones_like(spread)
    translation = mean_y[:, 0] - factor[:, None] * (rotation @ mean_x.mT).squeeze(-1)
    return Alignment(rotation.to(source), factor.to(source), translation.to(source))


@torch.no_grad()
def iterative_closest_point(
    vertices: Float[Tensor, "v 3"],
    faces: Int[Tensor, "f 3"],
    points: Float[Tensor, "p 3"],
    *,
    scale: bool = True,
    initial: Alignment | None = None,
    steps: int = 100,
    tolerance: float = 1e-10,
) -> SurfaceAlignment:
    """Moves the mesh so that the squared distances from the points to its surface have the least sum (a local minimum).

    Levenberg-Marquardt on the exact point-to-triangle distances, whose derivative under a small motion of the closest
    point q is -n . dq with n the direction from q to the point; so it converges in a few steps where alternating with
    `similarity_alignment` creeps. Starts from `initial`, the identity when left out: begin with landmarks. The
    distances are measured where the points are, so a shrinking mesh does not pay. CPU, float64, not differentiable.
    """
    tree = SurfaceTree(vertices, faces)
    points = points.detach().double().cpu()
    current = initial or Alignment.identity()
    current = Alignment(current.rotation.double(), current.scale.double(), current.translation.double())
    touching = _touching(points)
    residual, jacobian = _distances_and_slopes(tree, current, points, scale)
    error, damping, converged, step_count = float((residual**2).mean()), 1e-4, False, 0
    while step_count < steps and not converged:
        step_count += 1
        normal_matrix, slope = jacobian.T @ jacobian, jacobian.T @ residual
        scaled = normal_matrix + damping * torch.diag(normal_matrix.diagonal().clamp_min(1e-12))
        step = -torch.linalg.solve(scaled, slope)
        if float(step[:3].norm()) > 1 or float(step[6:].abs().sum()) > 1:
            damping *= 10  # more than a radian, or than a factor e: the linearisation holds no longer
            converged = damping > 1e8
            continue
        candidate = _small_motion(step, points.mean(0), scale).after(current)
        new_residual, new_jacobian = _distances_and_slopes(tree, candidate, points, scale)
        new_error = float((new_residual**2).mean())
        if new_error > error:
            damping *= 10
            converged = damping > 1e8  # no step in any direction helps: the bottom, to rounding
            continue
        # distances of mere rounding get smaller by chance for ever
        converged = error - new_error <= tolerance * error or new_error <= touching**2
        current, residual, jacobian, error, damping = candidate, new_residual, new_jacobian, new_error, damping / 10
    return SurfaceAlignment(current, error**0.5, step_count, converged)


def _touching(points: Tensor) -> float:
    """The distance up to which points count as lying on the surface."""
    return 1e-12 * float(points.abs().max().clamp_min(1))


def _distances_and_slopes(
    tree: SurfaceTree, alignment: Alignment, points: Tensor, scale: bool
) -> tuple[Tensor, Tensor]:
    """Distances [p] to the moved mesh, and slopes [p, 6 or 7] along turn, shift and growth about the mean."""
    found = tree.closest(alignment.inverse().apply(points[None])[0])
    closest = alignment.apply(found.closest[None])[0]
    offset = points - closest
    distance = torch.linalg.vector_norm(offset, dim=1)
    near = distance < _touching(points)
    face_normal = (alignment.rotation[0] @ tree.face_normals[found.face_index].T).T
    direction = torch.where(near[:, None], face_normal, offset / distance.clamp_min(1e-300)[:, None])
    arm = closest - points.mean(0)
    columns = [-torch.linalg.cross(arm, direction), -direction]
    if scale:
        columns.append(-(arm * direction).sum(1, keepdim=True))
    return distance, torch.cat(columns, 1)


def _small_motion(step: Tensor, centre: Tensor, scale: bool) -> Alignment:
    rotation = rotation_from_axis_angle(step[None, :3])
    factor = step[6:7].exp() if scale else torch.ones(1, dtype=step.dtype)
    turned = factor * (rotation[0] @ centre)
    return Alignment(rotation, factor, (centre - turned + step[3:6])[None])
