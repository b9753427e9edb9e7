"""Distances between the 68 points of a picture and those of a model.

Means are over known points. Where several processes share a batch, `count` is what each divides its sum by (the mean
number of known points of them all), so that their mean loss is that of the whole batch; None takes the points at hand.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

REFERENCE_SIDE = 300
"""Landmark distances are measured in pixels of a 300 x 300 picture, whatever the real one's size."""

JAW = slice(0, 17)


def landmark_weights() -> Float[Tensor, "68"]:
    """Weights of the iBUG-68 points after Chen et al.'s for 86 points: lids, lip middle and corners count more."""
    weights = torch.ones(68)
    weights[[1, 4, 8, 12, 15]] = 2
    weights[[36, 39, 42, 45]] = 5
    weights[[37, 38, 40, 41, 43, 44, 46, 47]] = 7.5
    weights[[31, 33, 35, 48, 54]] = 5
    weights[[51, 57, 62, 66]] = 10
    return weights


def landmark_loss(
    predicted: Float[Tensor, "b l 2"],
    target: Float[Tensor, "b l 2"],
    weights: Float[Tensor, "b l"],
    side: int,
    count: Tensor | None = None,
) -> Float[Tensor, ""]:
    """Weighted mean squared coordinate difference, in squared pixels of a 300 px picture (Chen et al., TIP 2020).

    Points of weight 0 are unknown and take no part. Differentiable in the prediction.
    """
    square = ((predicted - target) * (REFERENCE_SIDE / side)).square().mean(-1)
    return _mean((weights * square).sum(), (weights > 0).sum(), count)


def robust_landmark_loss(
    predicted: Float[Tensor, "b l 2"],
    target: Float[Tensor, "b l 2"],
    weights: Float[Tensor, "b l"],
    side: int,
    count: Tensor | None = None,
) -> Float[Tensor, ""]:
    """As `landmark_loss`, but linear beyond one pixel (Charbonnier): 8 (sqrt(d² + 1) − 1) a point."""
    square = ((predicted - target) * (REFERENCE_SIDE / side)).square().sum(-1)
    return _mean((weights * 8 * ((square + 1).sqrt() - 1)).sum(), (weights > 0).sum(), count)


def _mean(total: Tensor, points: Tensor, count: Tensor | None) -> Tensor:
    return total / (points.clamp_min(1) if count is None else count.clamp_min(1e-8))


def point_loss(
    predicted: Float[Tensor, "b l 2"],
    log_deviation: Float[Tensor, "b l"],
    target: Float[Tensor, "b l 2"],
    known: Float[Tensor, "b l"],
    count: Tensor | None = None,
) -> Float[Tensor, ""]:
    """Negative log likelihood of a two-dimensional Laplace distribution, plus the distance itself in percent.

    Positions are shares of the picture's side. Where points are hard (hidden, on a smooth outline) the network can say
    so at a price; the distance keeps the easy ones moving. Differentiable in position and deviation.
    """
    distance = ((predicted - target).square().sum(-1) + 1e-8).sqrt()
    bounded = log_deviation.clamp(-8, 0)
    cost = distance * (-bounded).exp() + 2 * bounded + 100 * distance
    return _mean((cost * known).sum(), known.sum(), count)


def outline_loss(
    vertices: Float[Tensor, "b v 2"],
    on_silhouette: Bool[Tensor, "b v"],
    jaw_vertices: Int[Tensor, "17"],
    jaw_faces_camera: Bool[Tensor, "b 17"],
    jaw_target: Float[Tensor, "b 17 2"],
    jaw_known: Float[Tensor, "b 17"],
    side: int,
    count: Tensor | None = None,
) -> Float[Tensor, ""]:
    """Chen et al.'s term for the jaw points of a 2D annotator, which lie on the visible outline.

    A jaw point whose own vertex faces the camera is held to that vertex. Otherwise it is held to the nearest vertex of
    the silhouette, and the squared distance is cut off at 9.375 px of a 300 px picture. (The authors' release compares
    a count with (0, 1), so its silhouette is always empty; here `on_silhouette` is the set it meant.) Differentiable
    in the vertices.
    """
    scale = REFERENCE_SIDE / side
    to_own = ((vertices[:, jaw_vertices] - jaw_target) * scale).square().mean(-1)
    distances = torch.cdist(jaw_target * scale, vertices * scale)
    nearest = distances.masked_fill(~on_silhouette[:, None], torch.inf).min(-1).values.square()
    weights = jaw_target.new_ones(17)
    weights[[1, 4, 8, 12, 15]] = 5
    to_outline = (weights * nearest).clamp(max=7 / 224 * REFERENCE_SIDE)
    cost = torch.where(jaw_faces_camera, to_own, to_outline)
    return _mean((cost * jaw_known).sum(), jaw_known.sum(), count)


def silhouette_vertices(
    face_turns_to_camera: Bool[Tensor, "b f"], faces: Int[Tensor, "f 3"], number_of_vertices: int
) -> Bool[Tensor, "b v"]:
    """Vertices with some but not all of their triangles facing the camera. Not differentiable."""
    corners = faces.flatten()
    facing = face_turns_to_camera.float().repeat_interleave(3, 1)
    seen = facing.new_zeros(len(facing), number_of_vertices).index_add(1, corners, facing)
    total = facing.new_zeros(number_of_vertices).index_add(0, corners, facing.new_ones(len(corners)))
    return (seen > 0) & (seen < total)
