"""Photograph without its garment -> what may be behind the garment."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from models.networks.convolution_blocks import GatedResidualBlocks, initialize_head, initialize_kaiming
from models.networks.precision import Precision, at_least_float32, network_autocast


class BackgroundEncoder(nn.Module):
    """One strided convolution, residual blocks without normalisation, and back to the full size. Starts at grey.

    Args:
        width: channels at half the size.
        blocks: residual blocks.
        dropout: share of channels dropped before the last layer.
        precision: of all but the last convolution.

    Source: Zheng et al., "3D Magic Mirror".
    """

    def __init__(
        self, width: int = 32, blocks: int = 3, dropout: int | float = 0.0, precision: Precision = "float32"
    ) -> None:
        super().__init__()
        self.precision: Precision = precision
        self.first = nn.Conv2d(3, width, 3, 2, 1)
        self.blocks = GatedResidualBlocks(width, blocks, norm="none")
        self.dropout = nn.Dropout2d(dropout)
        self.last = nn.Conv2d(width, 3, 3, 1, 1)
        initialize_kaiming(self)
        initialize_head(self.last)

    def forward(self, images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
        """RGB in [0, 1] of photographs in [0, 1] whose mask covers the garment. Differentiable."""
        with network_autocast(self.precision, images.device):
            x = self.blocks(self.first(images * (1 - masks)))
        x = interpolate(at_least_float32(x), size=images.shape[-2:], mode="nearest")
        return self.last(self.dropout(x)).sigmoid()
