"""A procedural person as a function of space: negative inside, close to the distance near the surface."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from datamodules.synthetic.human_albedo import human_albedo
from datamodules.synthetic.human_blocks import Block, Context, Part
from datamodules.synthetic.human_carried import Backpack, Skirt
from datamodules.synthetic.human_head import Head
from datamodules.synthetic.human_limbs import Arm, Foot, Hand, Leg
from datamodules.synthetic.human_parameters import HumanParameters
from datamodules.synthetic.human_primitives import Capsules, indices, smooth_min
from datamodules.synthetic.human_skeleton import SIDES, posed_skeleton
from datamodules.synthetic.human_torso import Torso
from models.geometry.grids import Bounds

CHUNK = 32768
CACHED = 4096
"""Points whose distances to all bounds stay in the processor's cache."""
REACH_CM = 6.0
"""Blocks whose bound is farther than this are skipped: more than the width of any smooth union between blocks."""
FAR_CM = 1e3
WAIST_WIDTH_CM = 0.4
"""Of the smooth union between shirt and trousers."""


class HumanField:
    """The signed field of a person in the body frame (cm, +y up, +z the front, 180 high, centred).

    `field(points_cm [p, 3])` is [p]: below 0 inside. The sign is the truth at every point; the value is close to the
    distance near the surface and never more than a few per cent too large far from it (a bound, where parts of the body
    are skipped because they are far).

    bands: which of the three bands of folds exist, () for smooth cloth. details: buttons, pockets, collars, strands and
    the features of the face. everywhere: skip nothing; slow, and the truth about what skipping does, in float64.
    thinnest_cm: cloth that hangs free is no thinner, for meshes whose cells are larger than 1 cm.
    Evaluates in chunks, so any number of points fits.
    """

    def __init__(
        self,
        parameters: HumanParameters,
        *,
        bands: Sequence[int] = (1, 2, 3),
        details: bool = True,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        everywhere: bool = False,
        thinnest_cm: float = 0.0,
    ) -> None:
        if not set(bands) <= {1, 2, 3}:
            raise ValueError(f"A person got the bands {tuple(bands)}, expected some of 1, 2, 3.")
        self.parameters = parameters
        like = torch.zeros((), device=device, dtype=dtype)
        skeleton = posed_skeleton(parameters.shape, parameters.pose)
        self.context = Context(parameters, skeleton, tuple(bands), details, everywhere, thinnest_cm, like)
        self.blocks = _blocks(self.context)
        self.origins = [like.new_tensor(block.origin)[:, None] for block in self.blocks]
        self.capsules = Capsules([block.bound for block in self.blocks], like)
        self.centre = like.new_tensor(np.array(parameters.normalisation.centre))[:, None]
        self.scale = parameters.normalisation.scale

    @property
    def bounds(self) -> Bounds:
        """A box around the person, cm."""
        return Bounds(self.parameters.normalisation.lower_cm, self.parameters.normalisation.upper_cm)

    @torch.no_grad()
    def __call__(self, points_cm: Tensor) -> Tensor:
        """[p] from [p, 3]."""
        pieces = [self._distance(*self._layers(chunk)) for chunk in points_cm.split(CHUNK)]
        return torch.cat(pieces) if pieces else points_cm.new_zeros(0)

    @torch.no_grad()
    def parts(self, points_cm: Tensor) -> Tensor:
        """[p] int64, the `Part` whose surface is nearest (from inside: which holds the point deepest)."""
        pieces = [self._layers(chunk)[0].argmin(0) for chunk in points_cm.split(CHUNK)]
        return torch.cat(pieces) if pieces else torch.zeros(0, dtype=torch.int64)

    @torch.no_grad()
    def albedo(self, points_cm: Tensor) -> Tensor:
        """[p, 3] RGB in 0..1 of the material nearest to each point."""
        pieces = [
            human_albedo(self.context, self.model_points(chunk), self._layers(chunk)[0].argmin(0))
            for chunk in points_cm.split(CHUNK)
        ]
        return torch.cat(pieces) if pieces else points_cm.new_zeros(0, 3)

    def model_points(self, points_cm: Tensor) -> Tensor:
        """[3, p] in the model's frame from [p, 3] in the body frame."""
        points = points_cm.to(self.context.like).T / self.scale
        return points + self.centre

    def _distance(self, layers: Tensor, beyond: Tensor) -> Tensor:
        waist = smooth_min(layers[Part.UPPER], layers[Part.LOWER], WAIST_WIDTH_CM)
        return torch.minimum(torch.minimum(layers.amin(0), waist), beyond).mul_(self.scale)

    def _layers(self, points_cm: Tensor) -> tuple[Tensor, Tensor]:
        """[parts, p] each layer's distance, and [p] how far the skipped blocks are at least."""
        points = self.model_points(points_cm)
        layers = points.new_full((len(Part), points.shape[1]), FAR_CM)
        bounds = torch.cat([self.capsules(some) for some in points.split(CACHED, 1)], 1)
        skipped = bounds > REACH_CM
        if self.context.everywhere:
            skipped = torch.zeros_like(skipped)
        for block, origin, far in zip(self.blocks, self.origins, skipped):
            near = indices(~far)
            if not len(near):
                continue
            whole = len(near) == len(far)
            local = (points if whole else points.index_select(1, near)) - origin
            for part, distance, width in block(local):
                held = layers[part] if whole else layers[part].index_select(0, near)
                joined = smooth_min(held, distance, width) if width else torch.minimum(held, distance)
                if whole:
                    layers[part] = joined
                else:
                    layers[part].index_copy_(0, near, joined)
        beyond = torch.where(skipped, bounds, FAR_CM).amin(0)
        return layers, beyond


def _blocks(context: Context) -> list[Block]:
    """In the order in which they melt together."""
    blocks: list[Block] = [Torso(context)]
    for side, sign in SIDES:
        blocks += [Arm(context, side, sign), Hand(context, side, sign)]
    for side, sign in SIDES:
        blocks += [Leg(context, side, sign), Foot(context, side, sign)]
    blocks.append(Head(context))
    outfit = context.parameters.outfit
    if outfit.lower in ("skirt", "dress"):
        blocks.append(Skirt(context))
    if outfit.backpack:
        blocks.append(Backpack(context))
    return blocks
