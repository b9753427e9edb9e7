"""Head, face, hair and hats, in the frame of the head (centre of the skull at 0, +z the face)."""

import numpy as np
import torch
from torch import Tensor

from datamodules.synthetic.human_blocks import Addition, Context, Part, near_mask
from datamodules.synthetic.human_primitives import Ellipsoids, RoundCones, indices, pick, smooth_max, smooth_min
from datamodules.synthetic.human_skeleton import Skeleton

SKULL_ABOVE_JOINT = 7.0
LIPS_Y = (-5.0, -6.1)
EYES_Y = 0.8


class Head:
    """The block of the head; everything scales with it."""

    def __init__(self, context: Context) -> None:
        shape, outfit = context.parameters.shape, context.parameters.outfit
        self.context, self.outfit, self.size = context, outfit, shape.head
        skeleton, like = context.skeleton, context.like
        self.origin = skeleton.point("head", 0, SKULL_ABOVE_JOINT * shape.head, 0)
        self.rotation = like.new_tensor(skeleton.rotation["head"].T / shape.head)
        here = Skeleton({"head": np.zeros(3)}, {"head": np.eye(3)})

        def ellipsoids(*shapes: tuple[tuple[float, float, float], tuple[float, float, float]]) -> Ellipsoids:
            return Ellipsoids(here, [("head", centre, radii) for centre, radii in shapes], np.zeros(3), like)

        jaw, eye = shape.jaw, 3.1 * shape.eye_distance
        self.skull = ellipsoids(((0, 0, 0), (7.6, 11, 9.2)), ((0, -6, 2.2), (5.6 * jaw, 6, 6.6)))
        self.sockets = ellipsoids(((eye, 0.9, 9.2), (2.0, 1.2, 1.5)), ((-eye, 0.9, 9.2), (2.0, 1.2, 1.5)))
        self.eyes = ellipsoids(*(((s * eye, EYES_Y, 6.95), (1.35, 1.35, 1.35)) for s in (1, -1)))
        self.ears = ellipsoids(*(((s * 7.6, -0.5, -0.5), (1.0, 3.2, 2.0)) for s in (1, -1)))
        self.lips = ellipsoids(*(((0, y, 8.35 + 0.1 * (jaw - 1)), (2.4, 0.55, 0.8)) for y in LIPS_Y))
        bridge, tip = (0.0, 0.8, 8.6), (0.0, 0.8 - 4.0 * shape.nose, 8.6 + 1.9 * shape.nose)
        brows = [
            ("head", _on_skull(s * (eye - 1.6), 2.95), _on_skull(s * (eye + 1.5), 2.75), 0.5, 0.35) for s in (1, -1)
        ]
        nose = ("head", bridge, tip, 0.6, 1.2 * shape.nose)
        self.nose_and_brows = RoundCones(here, [nose, *brows], np.zeros(3), like)
        self.hair = _Hair(context, here)
        below = 30.0 if outfit.hair == "long" else 22.0 if outfit.hair == "ponytail" else 8.0
        top, bottom = (
            skeleton.point("head", 0, 10 * self.size, -1.5),
            skeleton.point("head", 0, (7 - below) * self.size, -2),
        )
        self.bound = (top, bottom, 16.0 * self.size)

    def __call__(self, points: Tensor) -> list[Addition]:
        head = self.rotation @ points
        skull, jaw = self.skull(head)
        skin = smooth_min(skull, jaw, 3)
        if self.context.details:
            near = near_mask(self.context, skin, 3.0)
            chosen = None if near is None else indices(near)
            faced = self._face(pick(head, chosen), pick(skin, chosen))
            skin = faced if chosen is None else skin.index_copy(0, chosen, faced)
        additions = [Addition(Part.SKIN, skin, 2.0), *self.hair(head)]
        return [Addition(part, distance * self.size, width) for part, distance, width in additions]

    def _face(self, head: Tensor, skin: Tensor) -> Tensor:
        nose, left_brow, right_brow = self.nose_and_brows(head)
        skin = smooth_min(skin, nose, 0.9)
        skin = smooth_max(skin, -self.sockets(head).amin(0), 1.0)
        skin = smooth_min(skin, self.eyes(head).amin(0), 0.25)
        skin = smooth_min(skin, torch.minimum(left_brow, right_brow), 0.5)
        skin = smooth_min(skin, self.ears(head).amin(0), 0.5)
        upper, lower = self.lips(head)
        return smooth_min(smooth_min(skin, upper, 0.35), lower, 0.35)


def _on_skull(x: float, y: float) -> tuple[float, float, float]:
    """The point of the skull's front at x and y."""
    return x, y, 9.2 * float(np.sqrt(1 - (x / 7.6) ** 2 - (y / 11) ** 2))


class _Hair:
    """Hair and hat; what they hold is added to their own layers."""

    def __init__(self, context: Context, here: Skeleton) -> None:
        self.context, self.outfit = context, context.parameters.outfit
        like = context.like
        thick = {"short": 0.0, "bald": 0.0}.get(self.outfit.hair, 0.35)
        self.cap = Ellipsoids(
            here, [("head", (0, 1.2, -1), (8.8 + thick, 11.6 + thick, 10 + thick))], np.zeros(3), like
        )
        self.curtain = Ellipsoids(here, [("head", (0, -12, -5.5), (9.5, 17, 5.0))], np.zeros(3), like)
        self.tied = RoundCones(
            here,
            [
                ("head", (0, 7, -9.5), (0, 7.5, -11.0), 3.4, 3.6)
                if self.outfit.hair == "bun"
                else ("head", (0, 5, -10), (0, -15, -14), 2.6, 1.4)
            ],
            np.zeros(3),
            like,
        )
        self.hat = Ellipsoids(here, [("head", (0, 2.2, -0.8), (9.9, 12.2, 11.2))], np.zeros(3), like)
        self.brim = Ellipsoids(here, [("head", (0, 5.0, 9.5), (7.5, 1.0, 8.5))], np.zeros(3), like)

    def __call__(self, head: Tensor) -> list[Addition]:
        outfit = self.outfit
        additions = []
        if outfit.hair != "bald":
            hair = self._hair(head)
            additions.append(Addition(Part.HAIR, hair, 0.5))
        if outfit.hat != "none":
            additions.append(Addition(Part.HAT, self._hat(head), 0.5))
        return additions

    def _hair(self, head: Tensor) -> Tensor:
        outfit, details = self.outfit, self.context.details
        cap = self.cap(head)[0]
        x, y, z = head
        if details:
            around = torch.atan2(x, z)
            towards_crown = (1 - (x.square() + z.square()) * (1 / 36)).clamp_min_(0)  # strands meet at the crown
            cap = cap - (around * 40).sin_() * (0.2 * (1 - towards_crown))
        bottom = {"short": 4.0, "bob": 11.0, "long": 9.0, "bun": 5.0, "ponytail": 5.0}[outfit.hair]
        cap = smooth_max(cap, -(y + bottom + 0.35 * z), 1.0)
        face = torch.maximum(2.6 - z, y - 5.5)
        cap = smooth_max(cap, -face, 1.0)
        if outfit.hair == "long":
            curtain = smooth_max(self.curtain(head)[0], z + 1.5, 1.5)
            if details:
                curtain = curtain - (x * 5.0).sin_() * 0.15
            cap = smooth_min(cap, curtain, 2.0)
        if outfit.hair in ("bun", "ponytail"):
            cap = smooth_min(cap, self.tied(head)[0], 1.0)
        return cap

    def _hat(self, head: Tensor) -> Tensor:
        y, z = head[1], head[2]
        hat = self.hat(head)[0]
        if self.outfit.hat == "cap":
            crown = smooth_max(hat, 4.6 - y + 0.1 * z, 0.5)
            brim = smooth_max(self.brim(head)[0], 5.0 - z, 0.5)
            return smooth_min(crown, brim, 0.5)
        crown = smooth_max(hat, 2.2 - y + 0.15 * z, 0.6)
        if not self.context.details:
            return crown
        rim = smooth_max(hat - 0.7, (y - 0.15 * z - 4.2).abs() - 2.0, 0.5)
        return smooth_min(crown, rim, 0.3)
