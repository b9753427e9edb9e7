"""Multi-scale features of several views: maps of decreasing resolution, read together.

pictures -> hourglasses in sequence -> features of every scale at the point's pixels, and its depth -> inside or
outside. Source: Li, Oskarsson and Heyden, ICPR 2020, and the first stage of their arXiv 2012.06178 (Applied
Intelligence 2021).
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from models.bodies.features import (
    PIFU_DEPTH_SCALE,
    BodyFeatures,
    PixelAlignedNetwork,
    masked_input,
    require_width,
)
from models.networks.hourglass import HourglassEncoder, PyramidEncoder
from models.networks.point_mlp import PointMlp


class MultiScale(PixelAlignedNetwork):
    """Occupancy from several views, whose feature maps of all scales are concatenated.

    The loss of the paper sums over an index j of features F^(j) without saying what it counts. It is read as the view
    when the answers of the views by themselves are trained (`per_view_weight` of the training module), and as
    the stage with `supervision="per_stage"`.

    Args:
        encoder: `PyramidEncoder` makes maps of decreasing resolution, local features first; `HourglassEncoder` makes
            maps of one resolution, one a stack. Their channels together and one for the depth are the classifier's
            input.
        classifier: network of points; fuses the views after its `merge_layer`.
        supervision: "fused" trains the answer from all scales; "per_stage" also the answers from the first scale, the
            first two, and so on, with zeros for the rest.
        depth_scale: what multiplies a depth of 1 (102.4 cm).
    """

    def __init__(
        self,
        encoder: PyramidEncoder | HourglassEncoder,
        classifier: PointMlp,
        supervision: Literal["fused", "per_stage"] = "fused",
        depth_scale: int | float = PIFU_DEPTH_SCALE,
    ) -> None:
        super().__init__(classifier, depth_scale)
        require_width(classifier, sum(encoder.map_channels) + 1, "the maps of all scales and the depth")
        self.encoder, self.supervision = encoder, supervision

    def encode(self, images: Float[Tensor, "b n 3 h w"], masks: Float[Tensor, "b n 1 h w"]) -> BodyFeatures:
        """Feature maps of pictures in [0, 1]: one stage with every scale, or one for each number of scales."""
        maps = self.encoder(masked_input(images, masks).flatten(0, 1))
        maps = [each.unflatten(0, images.shape[:2]) for each in maps]
        if self.supervision == "fused":
            return BodyFeatures([maps])
        # a map of one zero pixel samples to zeros of the right width
        absent = [torch.zeros_like(each[..., :1, :1]) for each in maps]
        return BodyFeatures([maps[:count] + absent[count:] for count in range(1, len(maps) + 1)])
