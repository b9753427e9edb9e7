"""What 68 points alone say about a face: the most probable pose, identity and expression, by Gauss-Newton.

Landmark and colour losses reach identity only through pose, expression and scale, which explain most of the picture;
a network that is trained with them learns identity last and least. The fit separates the two jobs: a few small linear
systems find the coefficients that the points of each training picture support under the model's prior, and the network
learns to read those from the picture. It sees no 3D truth.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.geometry.cameras import FACE_PIXELS_PER_MM_AT_UNIT_SIDE
from models.geometry.rotations import face_angles_from_rotation, rotation_from_axis_angle
from models.morphable.linear import NUMBER_OF_JAW_LANDMARKS, MorphableModel


class LandmarkFit(nn.Module):
    """Maximum a posteriori fit of pose, identity and expression to 2D landmarks under a scaled-orthographic camera.

    Args:
        face_model: whose coefficients are sought.
        noise_share: standard deviation of a landmark coordinate as a share of the picture's side.
        expression_deviation: prior deviation of the expression coefficients, in the basis's own units.
        iterations: Gauss-Newton steps.
    """

    landmark_modes: Tensor
    landmark_means: Tensor

    def __init__(
        self,
        face_model: MorphableModel,
        noise_share: float = 0.008,
        expression_deviation: float = 1.0,
        iterations: int = 6,
    ) -> None:
        super().__init__()
        self.face_model = face_model
        self.noise_share = noise_share
        self.expression_deviation = expression_deviation
        self.iterations = iterations

    @torch.no_grad()
    def forward(
        self, landmarks: Float[Tensor, "b 68 2"], weights: Float[Tensor, "b 68"], side: int
    ) -> tuple[Float[Tensor, "b ki"], Float[Tensor, "b ke"], Float[Tensor, "b 6"]]:
        """Identity, expression and pose for landmarks in pixels of square pictures of `side`. Not differentiable.

        Points of weight 0 are left out; with fewer than four points the prior answers: the mean face, pose by what
        there is.
        """
        model = self.face_model
        device_type = landmarks.device.type
        with torch.autocast(device_type, enabled=False):
            target = torch.stack([landmarks[..., 0] - side / 2, side / 2 - landmarks[..., 1]], -1).float() / side
            modes = torch.cat([model.identity_basis_mm, model.expression_basis_mm])
            prior = torch.cat(
                [
                    modes.new_ones(model.identity_size),
                    modes.new_full((model.expression_size,), 1 / self.expression_deviation**2),
                ]
            )
            coefficients = modes.new_zeros(len(target), len(modes))
            rotation, log_scale, shift = closed_form_pose(
                model.landmarks_mm(model.mean_mm[None]).expand(len(target), -1, -1), target, weights
            )
            for _ in range(self.iterations):
                points_mm, point_modes = self._landmark_model(modes, coefficients, rotation)
                scale = log_scale.exp() * FACE_PIXELS_PER_MM_AT_UNIT_SIDE
                turned = scale[:, None, None] * points_mm @ rotation.mT
                residual = target - turned[..., :2] - shift[:, None]
                jacobian = _jacobian(turned, scale, rotation, point_modes)
                precision = torch.cat([prior.new_full((6,), 1e-3), prior])
                pull = torch.cat([coefficients.new_zeros(len(target), 6), prior * coefficients], 1)
                weighted = jacobian * (weights / self.noise_share**2)[:, :, None, None]
                normal_matrix = torch.einsum("blxi,blxj->bij", weighted, jacobian) + torch.diag(precision)
                gradient = torch.einsum("blxi,blx->bi", weighted, residual) - pull
                step = torch.linalg.solve(normal_matrix, gradient)
                rotation = rotation_from_axis_angle(step[:, :3].clamp(-0.5, 0.5)) @ rotation
                log_scale = log_scale + step[:, 3].clamp(-0.3, 0.3)
                shift = shift + step[:, 4:6]
                coefficients = (coefficients + step[:, 6:]).clamp(-4, 4)
        pose = torch.cat([face_angles_from_rotation(rotation), shift, log_scale[:, None]], 1)
        return coefficients[:, : model.identity_size], coefficients[:, model.identity_size :], pose

    def _landmark_model(
        self, modes: Tensor, coefficients: Tensor, rotation: Tensor
    ) -> tuple[Float[Tensor, "b 68 3"], Float[Tensor, "b k 68 3"]]:
        """The landmarks of the present faces and their modes, the jaw points slid to the outline."""
        model = self.face_model
        inner = slice(NUMBER_OF_JAW_LANDMARKS, None)
        candidates = model.contour_candidates
        jaw_modes = modes[:, candidates]
        candidate_points = model.mean_mm[candidates] + torch.einsum("bk,kjcx->bjcx", coefficients, jaw_modes)
        best = model.sliding_choice(candidate_points, rotation)
        jaw = torch.arange(NUMBER_OF_JAW_LANDMARKS, device=best.device)
        fixed_modes = (modes[:, model.landmark_faces[inner]] * model.landmark_barycentrics[inner, :, None]).sum(2)
        fixed_means = (model.mean_mm[model.landmark_faces[inner]] * model.landmark_barycentrics[inner, :, None]).sum(1)
        count = len(coefficients)
        point_modes = torch.cat([jaw_modes[:, jaw, best].movedim(1, 0), fixed_modes.expand(count, -1, -1, -1)], 2)
        means = torch.cat([model.mean_mm[candidates[jaw, best]], fixed_means.expand(count, -1, -1)], 1)
        return means + torch.einsum("bk,bklx->blx", coefficients, point_modes), point_modes


def closed_form_pose(
    points_mm: Float[Tensor, "b p 3"], target: Float[Tensor, "b p 2"], weights: Float[Tensor, "b p"]
) -> tuple[Float[Tensor, "b 3 3"], Float[Tensor, " b"], Float[Tensor, "b 2"]]:
    """Rotation, log scale and shift that take model points to centred picture points (y up, shares of the side).

    Weighted linear least squares for the 2 x 3 projection, then the nearest scaled rotation (singular values averaged).
    """
    share = weights / weights.sum(1, keepdim=True).clamp_min(1e-6)
    points_mean = (points_mm * share[..., None]).sum(1, keepdim=True)
    target_mean = (target * share[..., None]).sum(1, keepdim=True)
    centred, centred_target = points_mm - points_mean, target - target_mean
    # a little ridge keeps planar or few points solvable
    normal_matrix = torch.einsum("bp,bpi,bpj->bij", share, centred, centred) + torch.eye(3, device=points_mm.device)
    right_side = torch.einsum("bp,bpi,bpj->bij", share, centred, centred_target)
    left, singular, right = torch.linalg.svd(torch.linalg.solve(normal_matrix, right_side).mT, full_matrices=False)
    top = left @ right
    rotation = torch.cat([top, torch.linalg.cross(top[:, 0], top[:, 1])[:, None]], 1)
    scale = singular.mean(1).clamp_min(1e-5)
    shift = (target_mean - scale[:, None, None] * points_mean @ top.mT).squeeze(1)
    return rotation, (scale / FACE_PIXELS_PER_MM_AT_UNIT_SIDE).log(), shift


def _jacobian(turned: Tensor, scale: Tensor, rotation: Tensor, point_modes: Tensor) -> Float[Tensor, "b l 2 k"]:
    """Derivatives of the picture points by rotation vector, log scale, shift and coefficients."""
    x, y, z = turned.unbind(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    rows = [
        torch.stack([zero, z, -y, x, one, zero], -1),
        torch.stack([-z, zero, x, y, zero, one], -1),
    ]
    shape = torch.einsum("b,bxm,bklm->blxk", scale, rotation[:, :2], point_modes)
    return torch.cat([torch.stack(rows, 2), shape], -1)
