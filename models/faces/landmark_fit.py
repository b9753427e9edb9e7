"""What 68 points alone say about a face: the most probable pose, identity and expression, by Gauss-Newton.

Landmark and colour losses reach identity only through pose, expression and scale, which explain most of the picture; a
network that regresses coefficients learns identity last and least. The fit separates the two jobs: finding points is
the network's, and a few small linear systems find the coefficients that the points support under the model's prior.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.geometry.cameras import FACE_PIXELS_PER_MM_AT_UNIT_SIDE
from models.geometry.rotations import face_angles_from_rotation, rotation_from_axis_angle
from models.morphable.linear import NUMBER_OF_JAW_LANDMARKS, MorphableModel

UNKNOWN = 1e3
"""Deviation, in sides of the picture, of a point about which nothing is known."""
LARGEST_COEFFICIENT = 4.0


class LandmarkFit(nn.Module):
    """Maximum a posteriori pose, identity and expression for 2D landmarks under a scaled-orthographic camera.

    Args:
        face_model: whose coefficients are sought; not registered as a part, since it belongs to somebody else.
        expression_deviation: prior deviation of the expression coefficients, in the basis's own units.
        iterations: Gauss-Newton steps; the jaw's points slide to the outline anew at each.
    """

    def __init__(self, face_model: MorphableModel, expression_deviation: float = 1.0, iterations: int = 6) -> None:
        super().__init__()
        self._face_model = [face_model]
        self.expression_deviation = expression_deviation
        self.iterations = iterations

    def forward(
        self, points: Float[Tensor, "b 68 2"], deviation: Float[Tensor, "b 68"]
    ) -> tuple[Float[Tensor, "b ki"], Float[Tensor, "b ke"], Float[Tensor, "b 6"]]:
        """Identity, expression and pose for points (x, y) as shares of the picture's side, origin at the top left.

        `deviation` is the standard deviation of each point's coordinates as a share of the side; `UNKNOWN` leaves it
        out. Without any known point the prior answers: the mean face. Differentiable in points and deviations through
        the last step, which at convergence is the implicit derivative of the optimum.
        """
        with torch.autocast(points.device.type, enabled=False):
            target = torch.stack([points[..., 0] - 0.5, 0.5 - points[..., 1]], -1)
            weights = deviation.square().reciprocal()
            with torch.no_grad():
                sparse = landmark_modes(self._face_model[0])
                state = self._start(target, weights)
                for _ in range(self.iterations - 1):
                    state = self._step(sparse, state, target, weights)
            rotation, log_scale, shift, coefficients = self._step(sparse, state, target, weights)
        pose = torch.cat([face_angles_from_rotation(rotation), shift, log_scale[:, None]], 1)
        size = self._face_model[0].identity_size
        return coefficients[:, :size], coefficients[:, size:], pose

    def _start(self, target: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        model = self._face_model[0]
        mean = model.landmarks_mm(model.mean_mm[None]).expand(len(target), -1, -1)
        coefficients = target.new_zeros(len(target), model.identity_size + model.expression_size)
        return *closed_form_pose(mean, target, weights), coefficients

    def _step(
        self, sparse: "LandmarkModes", state: tuple[Tensor, Tensor, Tensor, Tensor], target: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One Gauss-Newton step on rotation, log scale, shift and coefficients."""
        rotation, log_scale, shift, coefficients = state
        with torch.no_grad():
            points_mm, modes = self._landmarks(sparse, coefficients, rotation)
            scale = log_scale.exp() * FACE_PIXELS_PER_MM_AT_UNIT_SIDE
            turned = scale[:, None, None] * (points_mm @ rotation.mT)
            jacobian = _jacobian(turned, scale, rotation, modes)
        residual = target - turned[..., :2] - shift[:, None]
        weighted = jacobian * weights[:, :, None, None]
        rows, columns = weighted.flatten(1, 2), jacobian.flatten(1, 2)
        prior = self._prior(coefficients)
        precision = torch.cat([prior.new_full((6,), 1e-3), prior])
        pull = torch.cat([coefficients.new_zeros(len(target), 6), prior * coefficients], 1)
        gradient = (rows.mT @ residual.flatten(1)[..., None]).squeeze(-1) - pull
        step = torch.linalg.solve(rows.mT @ columns + torch.diag(precision), gradient)
        # far from the solution a full step may overshoot
        turn = step[:, :3] * (0.5 / step[:, :3].detach().norm(dim=1, keepdim=True).clamp_min(0.5))
        return (
            rotation_from_axis_angle(turn) @ rotation,
            log_scale + step[:, 3].clamp(-0.3, 0.3),
            shift + step[:, 4:6],
            (coefficients + step[:, 6:]).clamp(-LARGEST_COEFFICIENT, LARGEST_COEFFICIENT),
        )

    def _prior(self, like: Tensor) -> Float[Tensor, " k"]:
        model = self._face_model[0]
        identity = like.new_ones(model.identity_size)
        return torch.cat([identity, like.new_full((model.expression_size,), self.expression_deviation**-2)])

    def _landmarks(
        self, sparse: "LandmarkModes", coefficients: Tensor, rotation: Tensor
    ) -> tuple[Float[Tensor, "b 68 3"], Float[Tensor, "b 68 3 k"]]:
        """The landmarks of the present faces and their modes, the jaw's points slid to the outline."""
        count = len(coefficients)
        candidates = sparse.jaw_mm + (coefficients @ sparse.jaw_modes.flatten(0, 2).T).view(count, *sparse.jaw_mm.shape)
        choice = self._face_model[0].sliding_choice(candidates, rotation)
        jaw = candidates.gather(2, choice[..., None, None].expand(-1, -1, 1, 3)).squeeze(2)
        jaw_modes = sparse.jaw_modes[torch.arange(NUMBER_OF_JAW_LANDMARKS, device=choice.device), choice]
        inner = sparse.inner_mm + (coefficients @ sparse.inner_modes.flatten(0, 1).T).view(count, -1, 3)
        modes = torch.cat([jaw_modes, sparse.inner_modes.expand(count, -1, -1, -1)], 1)
        return torch.cat([jaw, inner], 1), modes


class LandmarkModes(NamedTuple):
    """The rows of a morphable model that landmarks can lie on, modes last."""

    jaw_mm: Float[Tensor, "17 c 3"]
    jaw_modes: Float[Tensor, "17 c 3 k"]
    inner_mm: Float[Tensor, "51 3"]
    inner_modes: Float[Tensor, "51 3 k"]


def landmark_modes(model: MorphableModel) -> LandmarkModes:
    """Means and modes of the jaw's candidates and of the 51 fixed points, gathered once for all steps of a fit."""
    candidates = model.contour_candidates
    inner = model.landmark_faces[NUMBER_OF_JAW_LANDMARKS:]
    corner_weights = model.landmark_barycentrics[NUMBER_OF_JAW_LANDMARKS:, :, None]
    jaw_modes = model.modes_at(candidates.flatten())
    inner_modes = (model.modes_at(inner.flatten()).unflatten(1, (-1, 3)) * corner_weights).sum(2)
    return LandmarkModes(
        model.mean_mm[candidates],
        jaw_modes.unflatten(1, candidates.shape).permute(1, 2, 3, 0).contiguous(),
        (model.mean_mm[inner] * corner_weights).sum(1),
        inner_modes.permute(1, 2, 0).contiguous(),
    )


def closed_form_pose(
    points_mm: Float[Tensor, "b p 3"], target: Float[Tensor, "b p 2"], weights: Float[Tensor, "b p"]
) -> tuple[Float[Tensor, "b 3 3"], Float[Tensor, " b"], Float[Tensor, "b 2"]]:
    """Rotation, log scale and shift that take model points to centred picture points (y up, shares of the side).

    Weighted linear least squares for the 2 x 3 projection, then the nearest scaled rotation (singular values averaged).
    """
    share = weights / weights.sum(1, keepdim=True).clamp_min(1e-12)
    points_mean = (points_mm * share[..., None]).sum(1, keepdim=True)
    target_mean = (target * share[..., None]).sum(1, keepdim=True)
    centred, centred_target = points_mm - points_mean, target - target_mean
    # a little ridge keeps planar or few points solvable
    normal_matrix = torch.einsum("bp,bpi,bpj->bij", share, centred, centred) + torch.eye(3, device=points_mm.device)
    right_side = torch.einsum("bp,bpi,bpj->bij", share, centred, centred_target)
    left, singular, right = torch.linalg.svd(torch.linalg.solve(normal_matrix, right_side).mT, full_matrices=False)
    top = left @ right
    rotation = torch.cat([top, torch.linalg.cross(top[:, 0], top[:, 1])[:, None]], 1)
    scale = singular.mean(1).clamp_min(0.2 * FACE_PIXELS_PER_MM_AT_UNIT_SIDE)
    shift = (target_mean - scale[:, None, None] * points_mean @ top.mT).squeeze(1)
    return rotation, (scale / FACE_PIXELS_PER_MM_AT_UNIT_SIDE).log(), shift


def _jacobian(turned: Tensor, scale: Tensor, rotation: Tensor, modes: Tensor) -> Float[Tensor, "b l 2 k"]:
    """Derivatives of the picture points by rotation vector, log scale, shift and coefficients."""
    x, y, z = turned.unbind(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    rows = [
        torch.stack([zero, z, -y, x, one, zero], -1),
        torch.stack([-z, zero, x, y, zero, one], -1),
    ]
    projection = scale[:, None, None] * rotation[:, :2]
    shape = torch.einsum("bxm,blmk->blxk", projection, modes)
    return torch.cat([torch.stack(rows, 2), shape], -1)
