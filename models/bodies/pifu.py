"""PIFu: one feature map a picture, one small network for every point.

pictures -> stacked hourglass -> feature at the point's pixel, and its depth -> inside or outside. Source: Saito et al.,
"PIFu: Pixel-Aligned Implicit Function for High-Resolution Clothed Human Digitization", ICCV 2019.
"""

from jaxtyping import Float
from torch import Tensor

from models.bodies.features import (
    PIFU_DEPTH_SCALE,
    BodyFeatures,
    OccupancyNetwork,
    OccupancyQuery,
    masked_input,
    query_occupancy,
)
from models.networks.hourglass import HourglassEncoder
from models.networks.point_mlp import PointMlp


class Pifu(OccupancyNetwork):
    """Occupancy from one picture or several.

    Every stack of the hourglass makes a map; the same classifier reads each, every one is supervised, and the last one
    answers.

    Args:
        encoder: stacked hourglass; its feature channels and one for the depth are the classifier's input.
        classifier: network of points; fuses the views after its `merge_layer`.
        depth_scale: what multiplies a depth of 1 (102.4 cm).
    """

    def __init__(
        self, encoder: HourglassEncoder, classifier: PointMlp, depth_scale: int | float = PIFU_DEPTH_SCALE
    ) -> None:
        super().__init__()
        require_width(classifier, encoder.map_channels[-1] + 1)
        self.encoder, self.classifier, self.depth_scale = encoder, classifier, depth_scale

    def encode(self, images: Float[Tensor, "b n 3 h w"], masks: Float[Tensor, "b n 1 h w"]) -> BodyFeatures:
        """Feature maps of pictures in [0, 1]: one stage for each stack of the hourglass."""
        maps = self.encoder(masked_input(images, masks).flatten(0, 1))
        return BodyFeatures([[each.unflatten(0, images.shape[:2])] for each in maps])

    def query(
        self,
        features: BodyFeatures,
        view_from_body: Float[Tensor, "b n 4 4"],
        points_cm: Float[Tensor, "b p 3"],
        per_view: bool = False,
    ) -> OccupancyQuery:
        """Inside or outside at points of the body frame; pure and differentiable."""
        return query_occupancy(features, view_from_body, points_cm, self.classifier, self.depth_scale, per_view)


def require_width(classifier: PointMlp, width: int) -> None:
    """Raises ValueError when a classifier reads another number of features than its encoder makes."""
    if classifier.widths[0] != width:
        raise ValueError(
            f"The classifier reads {classifier.widths[0]} numbers a point, but the encoder makes {width - 1} and the "
            f"depth is one more: let its widths begin with {width}."
        )
