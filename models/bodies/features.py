"""Pixel-aligned features: what the maps of a body's pictures say about a point (Saito et al., PIFu, ICCV 2019)."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from models.geometry.view_cameras import project_to_views
from models.networks.point_mlp import PointMlp

PIFU_DEPTH_SCALE = 1.28
"""PIFu hands the depth over in units of 200 pixels of its 512 pixel pictures: 256 / 200 a half extent of 102.4 cm."""
OUTSIDE_LOGIT = -20.0
"""The answer for points that some picture does not show: outside. Finite, so that differences of logits are."""


class BodyFeatures(NamedTuple):
    """What the pictures of a body say; made once, queried at as many points as wanted."""

    stages: list[list[Tensor]]
    """Of each supervised stage the maps [b, n, c, h, w] whose samples are concatenated; the last stage answers."""
    windows: Tensor | None = None
    """[b, n, 4, 4] from the frame of the picture to that of the part of it that the fine map shows (`crop_views`);
    None where maps show whole pictures."""

    def last(self) -> "BodyFeatures":
        """The answering stage alone: what is needed when nothing is trained."""
        return self._replace(stages=self.stages[-1:])


class OccupancyQuery(NamedTuple):
    """Inside or outside, for each point; logits, so that 0 is the surface and inside is positive."""

    logits: Float[Tensor, "s b p"]
    """One row for each supervised stage; the last row is the answer."""
    per_view: Float[Tensor, "b n p"] | None
    """What each view by itself would say (last stage); None where that was not asked for."""
    context: Float[Tensor, "b p c"]
    """The classifier's merged activation at each point (last stage): PIFuHD's Omega."""
    weights: Float[Tensor, "b p"] | None = None
    """What each point counts in a loss: 0 outside the windows that were encoded; None where all count."""


class OccupancyNetwork(nn.Module, ABC):
    """What every method of this package is: pictures are encoded once, then asked at any points."""

    @abstractmethod
    def encode(self, images: Float[Tensor, "b n 3 h w"], masks: Float[Tensor, "b n 1 h w"]) -> BodyFeatures:
        """What the pictures, in [0, 1], say."""

    @abstractmethod
    def query(
        self,
        features: BodyFeatures,
        view_from_body: Float[Tensor, "b n 4 4"],
        points_cm: Float[Tensor, "b p 3"],
        per_view: bool = False,
    ) -> OccupancyQuery:
        """Inside or outside at points of the body frame; pure and differentiable."""


class PixelAlignedNetwork(OccupancyNetwork):
    """A network whose points are classified by the samples of its maps and their depth (`query_occupancy`).

    Args:
        classifier: network of points; fuses the views after its `merge_layer`.
        depth_scale: what multiplies a depth of 1 (102.4 cm).
    """

    def __init__(self, classifier: PointMlp, depth_scale: int | float) -> None:
        super().__init__()
        self.classifier, self.depth_scale = classifier, depth_scale

    def query(
        self,
        features: BodyFeatures,
        view_from_body: Float[Tensor, "b n 4 4"],
        points_cm: Float[Tensor, "b p 3"],
        per_view: bool = False,
    ) -> OccupancyQuery:
        """Inside or outside at points of the body frame; pure and differentiable."""
        return query_occupancy(features, view_from_body, points_cm, self.classifier, self.depth_scale, per_view)


def require_width(classifier: PointMlp, width: int, what: str) -> None:
    """Raises ValueError when a classifier reads another number of features than there are; `what` names them."""
    if classifier.widths[0] != width:
        raise ValueError(
            f"The classifier reads {classifier.widths[0]} numbers a point, but {what} are {width}: let its widths "
            f"begin with {width}."
        )


def masked_input(images: Float[Tensor, "b n 3 h w"], masks: Float[Tensor, "b n 1 h w"]) -> Float[Tensor, "b n 3 h w"]:
    """Colours in [-1, 1] and 0, mid-grey, around the person: PIFu scales first and masks then."""
    return (2 * images - 1) * masks


def sample_features(maps: list[Tensor], position: Float[Tensor, "b n p 2"]) -> Float[Tensor, "b n p c"]:
    """Bilinear samples of maps [b, n, c, h, w] of any sizes at the same places of the view frame, one after the other.

    0 outside the pictures. Differentiable in maps and positions.
    """
    grid = position.flatten(0, 1)[:, :, None]
    samples = [grid_sample(each.flatten(0, 1), grid, align_corners=False)[..., 0] for each in maps]
    return torch.cat(samples, 1).mT.unflatten(0, position.shape[:2])


def query_occupancy(
    features: BodyFeatures,
    view_from_body: Float[Tensor, "b n 4 4"],
    points_cm: Float[Tensor, "b p 3"],
    classifier: PointMlp,
    depth_scale: int | float,
    per_view: bool = False,
) -> OccupancyQuery:
    """Project, sample, join the depth, classify: f(X) = MLP(F(pi(X)), z(X)) (PIFu, equation 1).

    The classifier fuses the views. A point that one of the pictures does not show is outside: the pictures show the
    whole body. Pure: nothing is remembered. Differentiable in features and points.
    """
    seen = project_to_views(view_from_body, points_cm)
    depth = (depth_scale * seen.depth)[..., None]
    *supervised, answer = [
        classifier(torch.cat([sample_features(maps, seen.position), depth], -1), per_view=per_view)
        for maps in features.stages
    ]
    shown = (seen.position.abs() <= 1).all(-1)
    logits = torch.stack([output.logits for output in (*supervised, answer)])
    alone = None if answer.per_view is None else torch.where(shown, answer.per_view, OUTSIDE_LOGIT)
    return OccupancyQuery(torch.where(shown.all(1), logits, OUTSIDE_LOGIT), alone, answer.merged)
