"""Critics of pictures."""

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from models.networks.convolution_blocks import SLOPE, initialize_head, initialize_kaiming


class Critic(nn.Module):
    """Pictures with masks -> one number each, higher for those it takes for photographs (Wasserstein critic).

    No normalisation and no bias anywhere, so that the gradient penalty speaks about one picture at a time. With the
    defaults it is Zheng et al.'s, 291 936 weights.

    Args:
        incoming: channels; colours and mask.
        widths: channels at full, half, quarter … size.
        hidden: channels before the last layer.
        reduction: by which factor pictures are shrunk first.
    """

    def __init__(
        self,
        incoming: int = 4,
        widths: Sequence[int] = (16, 32, 48, 64, 64, 64, 48),
        hidden: int = 32,
        reduction: int = 1,
    ) -> None:
        super().__init__()
        self.reduction = reduction
        layers: list[nn.Module] = [nn.Conv2d(incoming, widths[0], 1, bias=False)]
        for fine, coarse in pairwise(widths):
            layers += [nn.Conv2d(fine, fine, 3, 1, 1, bias=False), nn.Conv2d(fine, coarse, 3, 2, 1, bias=False)]
        layers += [nn.Conv2d(widths[-1], hidden, 1, bias=False)]
        activated = [part for layer in layers for part in (layer, nn.LeakyReLU(SLOPE))]
        last = nn.Conv2d(hidden, 1, 1, bias=False)
        self.layers = nn.Sequential(*activated, last)
        initialize_kaiming(self)
        initialize_head(last)

    def forward(self, pictures: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
        """Mean over the last map. Twice differentiable in the pictures."""
        if self.reduction > 1:
            pictures = avg_pool2d(pictures, self.reduction)
        return self.layers(pictures).mean(dim=(1, 2, 3))
