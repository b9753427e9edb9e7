"""PIFuHD: a coarse level that sees the whole person, and a fine level that sees pixels.

picture -> normals of both sides -> coarse: PIFu on picture and normals at half size -> Ω, 256 numbers a point -> fine:
features of the full-size picture and normals at the point's pixel, and Ω -> inside or outside. The depth of a point
reaches the fine level through Ω alone. Source: Saito et al., "PIFuHD: Multi-Level Pixel-Aligned Implicit Function for
High-Resolution 3D Human Digitization", CVPR 2020.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from models.bodies.features import (
    OUTSIDE_LOGIT,
    PIFU_DEPTH_SCALE,
    BodyFeatures,
    OccupancyNetwork,
    OccupancyQuery,
    PixelAlignedNetwork,
    masked_input,
    require_width,
    sample_features,
)
from models.bodies.normal_maps import FrontBackNormals, NormalMaps, resized_normals
from models.bodies.windows import cut_windows, draw_windows, window_frames
from models.geometry.view_cameras import project_to_views
from models.networks.hourglass import HourglassEncoder
from models.networks.point_mlp import PointMlp


class CoarseLook(NamedTuple):
    """What the coarse level has made of pictures."""

    stages: list[list[Tensor]]
    """As in `BodyFeatures`."""
    normals: FrontBackNormals | None
    """Of all the pictures [b · n, 3, h, w], at the coarse size; None without a network for them."""


class PifuHdCoarse(PixelAlignedNetwork):
    """PIFu that also sees the normals of both sides, which a network trained before predicts from the same picture.

    Args:
        encoder: of 9 channels, colours, front and back normals; of 3 without normals.
        classifier: of the encoder's feature channels and one for the depth. Its activation after `merge_layer` is Ω.
        normals: predicts the normals; stays as it is. None leaves them out.
        image_size: side of the pictures that the encoder sees, in pixels; larger pictures are averaged down to it.
        depth_scale: what multiplies a depth of 1 (102.4 cm).
    """

    def __init__(
        self,
        encoder: HourglassEncoder,
        classifier: PointMlp,
        normals: NormalMaps | None = None,
        image_size: int = 512,
        depth_scale: int | float = PIFU_DEPTH_SCALE,
    ) -> None:
        super().__init__(classifier, depth_scale)
        require_channels(encoder, normals)
        require_width(classifier, encoder.map_channels[-1] + 1, "the coarse map and the depth")
        self.encoder = encoder
        self.normals = None if normals is None else normals.eval().requires_grad_(False)
        self.image_size = image_size

    def train(self, mode: bool = True) -> "PifuHdCoarse":
        """The network of the normals never leaves evaluation mode."""
        super().train(mode)
        if self.normals is not None:
            self.normals.eval()
        return self

    def look(self, images: Float[Tensor, "b n 3 h w"], masks: Float[Tensor, "b n 1 h w"]) -> CoarseLook:
        """Feature maps of the pictures at the coarse size, and the normals that were predicted on the way."""
        flat_images = averaged_down(images.flatten(0, 1), self.image_size)
        flat_masks = (averaged_down(masks.flatten(0, 1), self.image_size) > 0.5).to(images)
        normals = None
        if self.normals is not None:
            with torch.no_grad():
                normals = self.normals(flat_images, flat_masks)
        maps = self.encoder(with_normals(flat_images, flat_masks, normals))
        return CoarseLook([[each.unflatten(0, images.shape[:2])] for each in maps], normals)

    def encode(self, images: Float[Tensor, "b n 3 h w"], masks: Float[Tensor, "b n 1 h w"]) -> BodyFeatures:
        """Feature maps of pictures in [0, 1] of any size: one stage for each stack of the hourglass."""
        return BodyFeatures(self.look(images, masks).stages)


class PifuHdFine(OccupancyNetwork):
    """The fine level over a coarse one.

    In training the encoder sees random windows of the pictures, else memory would not do, and points outside them do
    not count; otherwise it sees whole pictures. The coarse level always sees whole pictures and is asked with their
    views.

    Args:
        coarse: trained before.
        encoder: of as many channels as the coarse one's, without down-sampling after its first convolution (the paper:
            one stack, 16 feature channels).
        classifier: of the fine features and Ω.
        window: side of the windows in pixels; 0 always encodes whole pictures. Of several views only points count that
            all windows show: the more views, the larger the windows should be.
        train_coarse: train both levels together, the coarse one by its own loss and through Ω; else the coarse level is
            frozen, as published.
    """

    def __init__(
        self,
        coarse: PifuHdCoarse,
        encoder: HourglassEncoder,
        classifier: PointMlp,
        window: int = 512,
        train_coarse: bool = False,
    ) -> None:
        super().__init__()
        require_channels(encoder, coarse.normals)
        omega = coarse.classifier.widths[coarse.classifier.merge_layer + 1]
        require_width(classifier, encoder.map_channels[-1] + omega, "the fine map and Ω")
        if window % encoder.multiple:
            raise ValueError(
                f"The window has {window} pixels a side, but the fine encoder halves it down by {encoder.multiple}: "
                f"use a multiple of {encoder.multiple}."
            )
        self.coarse, self.encoder, self.classifier = coarse, encoder, classifier
        self.window, self.train_coarse = window, train_coarse
        if not train_coarse:
            self.coarse.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> "PifuHdFine":
        """A frozen coarse level never leaves evaluation mode."""
        super().train(mode)
        if not self.train_coarse:
            self.coarse.eval()
        return self

    def encode(self, images: Float[Tensor, "b n 3 h w"], masks: Float[Tensor, "b n 1 h w"]) -> BodyFeatures:
        """The coarse maps and the fine map of full-size pictures in [0, 1]; while training, the latter of windows."""
        with torch.set_grad_enabled(self.train_coarse and torch.is_grad_enabled()):
            look = self.coarse.look(images, masks)
        size = (images.shape[-2], images.shape[-1])
        normals = None if look.normals is None else resized_normals(look.normals, size)
        seen = with_normals(images.flatten(0, 1), masks.flatten(0, 1), normals).unflatten(0, images.shape[:2])
        windows = None
        if self.training and self.window:
            corners = draw_windows(images.shape[0], images.shape[1], size, self.window)
            seen = cut_windows(seen, corners, self.window)
            windows = window_frames(corners, self.window, size, like=images)
        fine = self.encoder(seen.flatten(0, 1))[-1].unflatten(0, images.shape[:2])
        *earlier, last = look.stages if self.train_coarse else look.stages[-1:]
        return BodyFeatures([*earlier, [*last, fine]], windows)

    def query(
        self,
        features: BodyFeatures,
        view_from_body: Float[Tensor, "b n 4 4"],
        points_cm: Float[Tensor, "b p 3"],
        per_view: bool = False,
    ) -> OccupancyQuery:
        """Inside or outside at points of the body frame; pure and differentiable. `view_from_body` sees whole pictures.

        A coarse level in training answers too, in the rows before the last.
        """
        *earlier, (*last, fine) = features.stages
        coarse = self.coarse.query(BodyFeatures([*earlier, last]), view_from_body, points_cm)
        with torch.autocast(points_cm.device.type, enabled=False):  # a pixel is less than half precision resolves
            local = view_from_body if features.windows is None else features.windows @ view_from_body
        position = project_to_views(local, points_cm).position
        omega = coarse.context[:, None].expand(-1, position.shape[1], -1, -1)
        output = self.classifier(torch.cat([sample_features([fine], position), omega], dim=-1), per_view=per_view)
        shown = (position.abs() <= 1).all(-1)
        alone = None if output.per_view is None else torch.where(shown, output.per_view, OUTSIDE_LOGIT)
        answer = torch.where(shown.all(1), output.logits, OUTSIDE_LOGIT)[None]
        logits = torch.cat([coarse.logits, answer]) if self.train_coarse else answer
        weights = None if features.windows is None else shown.all(1).to(answer)
        return OccupancyQuery(logits, alone, output.merged, weights)


def with_normals(
    images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"], normals: FrontBackNormals | None
) -> Float[Tensor, "b c h w"]:
    """Masked colours in [-1, 1], then the normals of the front and of the back, all 0 around the person."""
    seen = masked_input(images[:, None], masks[:, None])[:, 0]
    return seen if normals is None else torch.cat([seen, normals.front * masks, normals.back * masks], dim=1)


def averaged_down(pictures: Float[Tensor, "b c h w"], side: int) -> Float[Tensor, "b c i j"]:
    """Square pictures of `side` pixels, each the mean over its area; smaller pictures are interpolated."""
    if pictures.shape[-2:] == (side, side):
        return pictures
    if min(pictures.shape[-2:]) < side:
        return interpolate(pictures, size=(side, side), mode="bilinear", align_corners=False)
    return adaptive_avg_pool2d(pictures, side)


def require_channels(encoder: HourglassEncoder, normals: NormalMaps | None) -> None:
    """Raises ValueError when an encoder reads another number of channels than colours and normals have."""
    wanted, what = (3, "colours alone") if normals is None else (9, "colours and the normals of both sides")
    if encoder.in_channels != wanted:
        raise ValueError(
            f"The encoder reads {encoder.in_channels} channels, but {what} have {wanted}: set its in_channels so."
        )
