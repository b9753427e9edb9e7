"""Photograph -> the causes that explain it, one encoder each, of which an intervention trains some and holds others."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d
from torch.nn.modules.batchnorm import _BatchNorm

from models.clothing.attributes import ClothingAttributes
from models.clothing.background_encoder import BackgroundEncoder
from models.clothing.camera_encoder import CameraEncoder
from models.clothing.light_encoder import LightEncoder
from models.clothing.mask_frame import MaskFrame, mask_frame
from models.clothing.shape_encoder import ShapeEncoder
from models.clothing.template_features import pictures_with_mask
from models.clothing.texture_encoder import TextureEncoder

Intervention = Literal["all", "shape", "texture_and_light", "camera"]
"""Which causes learn from a batch while the others are held; the background always learns."""

ENCODER_LOOP: tuple[Intervention, Intervention, Intervention] = ("shape", "texture_and_light", "camera")


def intervention_of(iteration: int) -> Intervention:
    """The paper's encoder loop: shape, then texture and light, then camera, by the iteration within the epoch."""
    return ENCODER_LOOP[iteration % len(ENCODER_LOOP)]


class ClothingEncoder(nn.Module):
    """The five encoders of Zheng et al., "3D Magic Mirror".

    Args:
        camera, shape: conditioned on the template that evolves, unless they say otherwise.
        texture, light: see the picture alone.
        background: None where photographs are shown on white, to the encoders too.
        reduction: by which factor pictures are shrunk before the encoders look at them. Textures are copied from the
            whole picture nevertheless, by a flow that is enlarged.
        framed: the encoders look at the part of the picture that the mask fills (`MaskFrame`), and the camera's says
            how the garment stands in it; only the background is read from the whole. False is the paper's: where and
            how large the garment is must be learned.
    """

    def __init__(
        self,
        camera: CameraEncoder,
        shape: ShapeEncoder,
        texture: TextureEncoder,
        light: LightEncoder,
        background: BackgroundEncoder | None = None,
        reduction: int = 1,
        framed: bool = False,
    ) -> None:
        super().__init__()
        self.reduction, self.framed = reduction, framed
        self.camera, self.shape, self.texture, self.light = camera, shape, texture, light
        self.background = background

    def forward(
        self,
        images: Float[Tensor, "b 3 h w"],
        masks: Float[Tensor, "b 1 h w"],
        template_vertices: Float[Tensor, "v 3"],
        intervention: Intervention = "all",
    ) -> ClothingAttributes:
        """The causes of photographs in [0, 1] with masks of 0 and 1, given the template of the moment.

        Encoders that the intervention holds give values without gradient and leave their running statistics as they
        are. In training they still normalise by the batch and drop features, as the authors' frozen copies do.
        """
        images = self.shown(images, masks)
        frame = mask_frame(masks) if self.framed else None
        near, pictures = self.near_and_reduced(images, masks, frame)
        with held(self.camera, intervention not in ("all", "camera")):
            camera = self.camera(pictures, template_vertices)
            camera = camera if frame is None else frame.in_photograph(camera, self.camera.ranges)
        with held(self.shape, intervention not in ("all", "shape")):
            offsets = self.shape(pictures, template_vertices)
        with held(self.texture, intervention not in ("all", "texture_and_light")):
            texture = self.texture(pictures, near)
        with held(self.light, intervention not in ("all", "texture_and_light")):
            light = self.light(pictures)
        background = torch.ones_like(images) if self.background is None else self.behind(images, masks)
        return ClothingAttributes(camera, offsets, template_vertices + offsets, texture, light, background)

    def shown(self, images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
        """The photographs as the encoders look at them: whole, or on white where no background is explained."""
        return images if self.background is not None else images * masks + (1 - masks)

    def offsets(
        self,
        images: Float[Tensor, "b 3 h w"],
        masks: Float[Tensor, "b 1 h w"],
        template_vertices: Float[Tensor, "v 3"],
    ) -> Float[Tensor, "b v 3"]:
        """How the garments differ from the template, without asking the other encoders."""
        frame = mask_frame(masks) if self.framed else None
        _, pictures = self.near_and_reduced(self.shown(images, masks), masks, frame)
        return self.shape(pictures, template_vertices)

    def near_and_reduced(
        self, images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"], frame: MaskFrame | None
    ) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b 4 i j"]]:
        """The colours that textures are copied from, and the normalised pictures that encoders read."""
        near, near_masks = (images, masks) if frame is None else frame.cut(images, masks)
        return near, self.reduced(pictures_with_mask(near, near_masks))

    def reduced(self, pictures: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c i j"]:
        """Means over squares of `reduction` pixels."""
        return pictures if self.reduction == 1 else avg_pool2d(pictures, self.reduction)

    def behind(self, images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
        """The background, in the size of the photographs."""
        assert self.background is not None
        if self.reduction == 1:
            return self.background(images, masks)
        # no reduced pixel outside the mask may hold a part of the garment
        found = self.background(self.reduced(images), max_pool2d(masks, self.reduction))
        return interpolate(found, size=images.shape[-2:], mode="bilinear", align_corners=False)

    def slow_and_fast_parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """The shape encoder's trunk, which the paper trains at a twentieth of the rate, and everything else."""
        slow = list(self.shape.trunk.parameters())
        known = {id(parameter) for parameter in slow}
        return slow, [parameter for parameter in self.parameters() if id(parameter) not in known]


@contextmanager
def held(module: nn.Module, holding: bool = True) -> Iterator[None]:
    """While it lasts, calls of the module make no gradients and move no running statistics; its mode stays."""
    if not holding:
        yield
        return
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        with torch.no_grad():
            yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
        # an autocast around us would go on using copies of the weights that were made without gradient
        torch.clear_autocast_cache()
