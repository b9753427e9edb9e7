"""The U-shaped network with added skips that maps a UV picture to a displacement map."""

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn


class AddingUNet(nn.Module):
    """3 x 3 convolutions of stride 2 down, transposed ones up, each skip added after the ReLU; no normalisation.

    With widths (16, 32, 64, 128, 256, 512, 512, 512, 512, 512) and 512 x 512 input it is the network of Chen et al.
    (TIP 2020), 22 million weights.

    Args:
        incoming: channels of the input.
        widths: channels at full, half, quarter … resolution.
        outgoing: channels of the output.
        last_scale: factor on the initial weights of the last layer; 0 makes the first output zero, so that training
            starts from the coarse surface.
    """

    def __init__(
        self,
        incoming: int,
        widths: Sequence[int] = (16, 32, 64, 64, 64, 64),
        outgoing: int = 1,
        last_scale: float = 1.0,
    ) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        first = nn.Conv2d(incoming, widths[0], 3, 1, 1)
        down = [nn.Conv2d(wide, narrow, 3, 2, 1) for wide, narrow in pairs]
        up = [nn.ConvTranspose2d(narrow, wide, 3, 2, 1, output_padding=1) for wide, narrow in reversed(pairs)]
        self.last = nn.ConvTranspose2d(widths[0], outgoing, 3, 1, 1)
        for layer in (first, *down, *up, self.last):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        self.first, self.down, self.up = first, nn.ModuleList(down), nn.ModuleList(up)
        self.last.weight.data.mul_(last_scale)
        self.multiple = 2 ** (len(widths) - 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        if x.shape[-1] % self.multiple or x.shape[-2] % self.multiple:
            raise ValueError(
                f"The map has {x.shape[-1]} x {x.shape[-2]} texels, but this network halves it down by "
                f"{self.multiple}: use a size that {self.multiple} divides, or fewer widths."
            )
        x = self.first(x).relu()
        skips = []
        for layer in self.down:
            skips.append(x)
            x = layer(x).relu()
        for layer in self.up:
            x = layer(x).relu() + skips.pop()
        return self.last(x)
