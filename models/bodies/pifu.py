"""PIFu: one feature map a picture, one small network for every point.

pictures -> stacked hourglass -> feature at the point's pixel, and its depth -> inside or outside. Source: Saito et al.,
"PIFu: Pixel-Aligned Implicit Function for High-Resolution Clothed Human Digitization", ICCV 2019.
"""

from jaxtyping import Float
from torch import Tensor

from models.bodies.features import (
    PIFU_DEPTH_SCALE,
    BodyFeatures,
    PixelAlignedNetwork,
    masked_input,
    require_width,
)
from models.networks.hourglass import HourglassEncoder
from models.networks.point_mlp import PointMlp


class Pifu(PixelAlignedNetwork):
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
        super().__init__(classifier, depth_scale)
        require_width(classifier, encoder.map_channels[-1] + 1, "the map and the depth")
        self.encoder = encoder

    def encode(self, images: Float[Tensor, "b n 3 h w"], masks: Float[Tensor, "b n 1 h w"]) -> BodyFeatures:
        """Feature maps of pictures in [0, 1]: one stage for each stack of the hourglass."""
        maps = self.encoder(masked_input(images, masks).flatten(0, 1))
        return BodyFeatures([[each.unflatten(0, images.shape[:2])] for each in maps])
