"""Two sizes of the clothing encoder: the paper's, and one for a CPU with the same interface."""

from pathlib import Path

from models.clothing.attributes import CameraRanges
from models.clothing.background_encoder import BackgroundEncoder
from models.clothing.camera_encoder import CameraEncoder
from models.clothing.encoder import ClothingEncoder
from models.clothing.light_encoder import LightEncoder
from models.clothing.mask_frame import FILLED
from models.clothing.shape_encoder import ShapeEncoder
from models.clothing.template_features import Lookup
from models.clothing.texture_encoder import TextureEncoder
from models.networks.convolution_blocks import Norm
from models.networks.feature_pyramid import StridedTrunk
from models.networks.hrnet import HRNet
from models.networks.precision import Precision
from models.networks.resnet import ResNet


def paper_encoder(
    ranges: CameraRanges,
    dropout: tuple[float, float, float] = (0.2, 0.2, 0.0),
    hrnet_weights: Path | None = None,
    resnet_weights: Path | None = None,
    conditioned: bool = True,
    lookup: Lookup = "paper",
    largest_offset: int | float = 0.5,
    centred: bool = True,
    background: bool = True,
    precision: Precision = "float32",
) -> ClothingEncoder:
    """The encoders of Zheng et al. with the sizes of their published runs.

    Args:
        ranges: of the cameras.
        dropout: of camera and light, of shape, and of texture and background, of which the last is halved as in the
            authors' code. Market-HQ and CUB: (0.2, 0.2, 0); ATR: (0.2, 0.2, 0.2).
        hrnet_weights, resnet_weights: files trained on ImageNet for the trunks of shape (HRNet-W18-small-v2) and
            texture (ResNet-34); without them training starts from nothing.
        conditioned: False keeps the template from the camera's and the shape's encoder.
        largest_offset, centred: of the shape; 1 and False with a template that is never moved and an encoder that is
            always trained as a whole make SMR of it (Hu et al., CVPR 2021), which has no background either.
    """
    camera_and_light, shape, look = dropout
    return ClothingEncoder(
        CameraEncoder(ranges, conditioned=conditioned, dropout=camera_and_light, lookup=lookup, precision=precision),
        ShapeEncoder(
            HRNet(incoming=4, weights=hrnet_weights),
            conditioned=conditioned,
            dropout=shape,
            largest_offset=largest_offset,
            centred=centred,
            lookup=lookup,
            precision=precision,
        ),
        TextureEncoder(ResNet(34, incoming=4, weights=resnet_weights), dropout=look / 2, precision=precision),
        LightEncoder(dropout=camera_and_light, precision=precision),
        BackgroundEncoder(dropout=look / 2, precision=precision) if background else None,
    )


def small_encoder(
    ranges: CameraRanges,
    width: int = 8,
    norm: Norm = "group",
    dropout: tuple[float, float, float] = (0.0, 0.0, 0.0),
    conditioned: bool = True,
    lookup: Lookup = "upright",
    initial_facing: int | float = 1,
    largest_offset: int | float = 0.5,
    centred: bool = True,
    background: bool = True,
    reduction: int = 1,
    smoothing: int = 0,
    framed: bool = True,
    precision: Precision = "float32",
) -> ClothingEncoder:
    """The same encoders narrow enough for a CPU, with normalisation that knows no running statistics.

    They look at the part of the picture that the mask fills, which lies upright under the template; every camera starts
    in front and every texel at its frontal place.

    Args:
        width: channels of the camera encoder's first convolution; the others go with it.
        conditioned: False keeps the template from the encoders. The shape's trunk then ends in few cells of many
            channels, since a pooled map has no places; vertices of the template look at a fine one.
        reduction: by which factor pictures are shrunk before the encoders look at them.
        smoothing: of the shape's offsets, see `ShapeEncoder`.
        framed: see `ClothingEncoder`.
    """
    camera_and_light, shape, look = dropout
    widths = (2 * width, 3 * width, 4 * width, 6 * width)
    return ClothingEncoder(
        CameraEncoder(
            ranges,
            width=width,
            blocks=(1, 1, 1, 1),
            hidden=64,
            conditioned=conditioned,
            dropout=camera_and_light,
            norm=norm,
            lookup=lookup,
            initial_facing=initial_facing,
            precision=precision,
        ),
        ShapeEncoder(
            StridedTrunk(4, (4 * width,) if conditioned else (2 * width, 4 * width, 8 * width, 16 * width), norm),
            hidden=8 * width,
            conditioned=conditioned,
            dropout=shape,
            largest_offset=largest_offset,
            centred=centred,
            smoothing=smoothing,
            norm=norm,
            lookup=lookup,
            precision=precision,
        ),
        TextureEncoder(
            StridedTrunk(4, widths, norm),
            widths=(width, width),
            dilations=(1, 2),
            passes=1,
            dropout=look / 2,
            norm=norm,
            sampling="half_pixel",
            initial_flow="frontal",
            initial_reach=FILLED if framed else 0.6,
            precision=precision,
        ),
        LightEncoder((width, 2 * width, 2 * width, 4 * width, 4 * width), 48, camera_and_light, norm, precision),
        BackgroundEncoder(width=width, blocks=1, dropout=look / 2, precision=precision) if background else None,
        reduction,
        framed,
    )
