"""What a photograph of a garment is explained by: camera, shape, texture, light, and the background behind it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class ClothingCamera(NamedTuple):
    """A camera on a sphere around the garment. Radians and model units; differentiable.

    Its centre is (d cos e sin a, d sin e, d cos e cos a); it looks at (offset_x, offset_y, 0) with +y up. A positive
    azimuth a moves it to +x, a positive elevation e above.
    """

    azimuth: Float[Tensor, " b"]
    elevation: Float[Tensor, " b"]
    distance: Float[Tensor, " b"]
    offset: Float[Tensor, "b 2"]
    principal: Float[Tensor, "b 2"]
    """Where the camera's axis meets the picture: -1..1 from border to border, x right, y up; 0 in the paper."""

    def each(self, change: Callable[[Tensor], Tensor]) -> "ClothingCamera":
        """The same with every part changed."""
        return ClothingCamera(*(change(part) for part in self))


class ClothingAttributes(NamedTuple):
    """The causes of a batch of photographs; differentiable everywhere."""

    camera: ClothingCamera
    offsets: Float[Tensor, "b v 3"]
    """Δv: how the garment differs from the template."""
    vertices: Float[Tensor, "b v 3"]
    """Template + Δv."""
    texture: Float[Tensor, "b 3 t1 t2"]
    """RGB; row 0 is v = 1. Bicubic sampling may overshoot [0, 1] a little."""
    light: Float[Tensor, "b 9"]
    """Spherical-harmonic coefficients, in the convention of Zheng et al."""
    background: Float[Tensor, "b 3 h w"]
    """RGB in [0, 1]."""

    def detached(self) -> "ClothingAttributes":
        """The same values without their gradients."""
        return ClothingAttributes(self.camera.each(torch.Tensor.detach), *(part.detach() for part in self[1:]))


@dataclass(frozen=True)
class CameraRanges:
    """Where cameras may stand.

    Args:
        elevation_degrees: least and greatest.
        distance: least and greatest, in model units.
        offset: greatest absolute look-at offset of a sampled camera; encoded cameras may offset by up to 1.
    """

    elevation_degrees: tuple[float, float] = (-15.0, 15.0)
    distance: tuple[float, float] = (2.0, 6.0)
    offset: float = 0.5

    def __post_init__(self) -> None:
        for name, (least, greatest) in (("elevation_degrees", self.elevation_degrees), ("distance", self.distance)):
            if least > greatest:
                raise ValueError(f"{name} runs from {least} to {greatest}: give the smaller number first.")
        if self.distance[0] <= 0:
            raise ValueError(f"Cameras start at the distance {self.distance[0]}: give a positive distance.")


def with_azimuth(attributes: ClothingAttributes, azimuth: Float[Tensor, " b"]) -> ClothingAttributes:
    """The same garments seen from another side; the encoded azimuth receives no gradient any more. Radians."""
    return attributes._replace(camera=attributes.camera._replace(azimuth=azimuth))


def sample_azimuths(like: Float[Tensor, " b"], generator: torch.Generator | None = None) -> Float[Tensor, " b"]:
    """Uniform azimuths in (-π, π], as many and where `like` has them."""
    return math.pi * (1 - 2 * _uniform(len(like), like, generator))


def sample_cameras(
    like: Float[Tensor, " b"], ranges: CameraRanges, generator: torch.Generator | None = None
) -> ClothingCamera:
    """Cameras uniform in azimuth, elevation, distance and look-at offset, as many as `like` has numbers."""
    least, greatest = (math.radians(angle) for angle in ranges.elevation_degrees)
    near, far = ranges.distance
    azimuth = sample_azimuths(like, generator)
    elevation = least + (greatest - least) * _uniform(len(like), like, generator)
    distance = near + (far - near) * _uniform(len(like), like, generator)
    offset = (ranges.offset * (2 * _uniform(2 * len(like), like, generator) - 1)).reshape(-1, 2)
    return ClothingCamera(azimuth, elevation, distance, offset, torch.zeros_like(offset))


def mix_attributes(
    attributes: ClothingAttributes,
    ranges: CameraRanges,
    generator: torch.Generator | None = None,
    largest_last_offset: int | float = 0.4,
) -> ClothingAttributes:
    """New garments between random pairs of the batch, under new cameras. Differentiable in all but the cameras.

    Shape, texture with background, and light are mixed in proportions of their own, drawn uniformly per garment (Zheng
    et al.). A garment whose last vertex is displaced by more than `largest_last_offset` in the mean of its three
    coordinates is replaced by another of the batch; where all are, none is.
    """
    offsets, number = attributes.offsets, len(attributes.offsets)
    usable = offsets[:, -1].abs().mean(1) <= largest_last_offset
    first, second = (_permutation_of(usable, generator) for _ in range(2))
    shape, look, light = (_uniform(number, offsets, generator) for _ in range(3))

    def between(part: Tensor, share: Tensor) -> Tensor:
        share = share.reshape(-1, *(1,) * (part.ndim - 1))
        return share * part[first] + (1 - share) * part[second]

    return ClothingAttributes(
        camera=sample_cameras(attributes.camera.azimuth, ranges, generator),
        offsets=between(offsets, shape),
        vertices=between(attributes.vertices, shape),
        texture=between(attributes.texture, look),
        light=between(attributes.light, light),
        background=between(attributes.background, look),
    )


def _permutation_of(usable: Tensor, generator: torch.Generator | None) -> Int[Tensor, " b"]:
    """A random order of the batch in which the places of unusable members go to random usable ones."""
    where = generator.device if generator is not None else torch.device("cpu")
    number = len(usable)
    order = torch.randperm(number, generator=generator, device=where).to(usable.device)
    draw = torch.randint(number, (number,), generator=generator, device=where).to(usable.device)
    # ranks instead of a selection: the number of usable members never leaves the device
    ranked = torch.argsort((~usable).int(), stable=True)
    substitutes = ranked[draw % usable.sum().clamp(min=1)]
    return torch.where(usable[order] | ~usable.any(), order, substitutes)


def _uniform(number: int, like: Tensor, generator: torch.Generator | None) -> Float[Tensor, " n"]:
    where = generator.device if generator is not None else like.device
    return torch.rand(number, generator=generator, device=where).to(like)
