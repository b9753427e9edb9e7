"""The global generator of pix2pixHD: pictures to pictures through residual blocks at low resolution."""

from jaxtyping import Float
from torch import Tensor, nn

MOST_CHANNELS = 1024


class _Block(nn.Module):
    """Two padded 3 x 3 convolutions with instance normalisation, added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class GlobalGenerator(nn.Module):
    """7 x 7 convolution, halvings, residual blocks, doublings, 7 x 7 convolution (Wang et al., pix2pixHD, CVPR 2018).

    With the defaults it is one of PIFuHD's two normal generators, 182.4 million weights.

    Args:
        in_channels, out_channels: of the pictures.
        width: channels of the first convolution (`ngf`); every halving doubles them, to 1024 at the most.
        downs: halvings, and doublings.
        blocks: residual blocks at the lowest resolution.
    """

    def __init__(
        self, in_channels: int = 3, out_channels: int = 3, width: int = 64, downs: int = 4, blocks: int = 9
    ) -> None:
        super().__init__()
        channels = [min(MOST_CHANNELS, width * 2**level) for level in range(downs + 1)]
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(in_channels, width, 7)]
        layers += [nn.InstanceNorm2d(width), nn.ReLU(inplace=True)]
        for level in range(downs):
            layers.append(nn.Conv2d(channels[level], channels[level + 1], 3, 2, 1))
            layers += [nn.InstanceNorm2d(channels[level + 1]), nn.ReLU(inplace=True)]
        layers += [_Block(channels[-1]) for _ in range(blocks)]
        for level in reversed(range(downs)):
            layers.append(nn.ConvTranspose2d(channels[level + 1], channels[level], 3, 2, 1, output_padding=1))
            layers += [nn.InstanceNorm2d(channels[level]), nn.ReLU(inplace=True)]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, out_channels, 7)]
        self.layers = nn.Sequential(*layers)
        self.multiple = 2**downs

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """Pictures of the same size, without a last nonlinearity. Differentiable."""
        height, width = images.shape[-2:]
        if height % self.multiple or width % self.multiple:
            raise ValueError(
                f"The pictures have {width} x {height} pixels, but this generator halves them down by {self.multiple}: "
                f"resize them to a multiple of {self.multiple}."
            )
        return self.layers(images)
