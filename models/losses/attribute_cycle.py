"""What a second encoding must recover: the differences between attributes and those of their own rendering.

A picture rendered from known attributes is encoded again; the known ones are the truth and get no gradient from here,
whatever the caller did with them.
"""

import torch
from jaxtyping import Float
from torch import Tensor

_PAIRS_AT_ONCE = 1 << 22
"""Bounds the memory, 4 bytes a pair."""


def attribute_loss(recovered: Float[Tensor, "b *shape"], known: Float[Tensor, "b *shape"]) -> Float[Tensor, ""]:
    """Mean absolute difference over all numbers: of distances, look-at offsets, textures, lights. Differentiable in
    the first."""
    return (recovered - known.detach()).abs().mean()


def angle_loss(recovered: Float[Tensor, " b"], known: Float[Tensor, " b"]) -> Float[Tensor, ""]:
    """Mean absolute difference of (cos, sin) over the 2 b numbers; angles in radians, full turns are nothing.

    Differentiable in the first.
    """
    known = known.detach()
    return ((recovered.cos() - known.cos()).abs().mean() + (recovered.sin() - known.sin()).abs().mean()) / 2


def chamfer_loss(recovered: Float[Tensor, "b p 3"], known: Float[Tensor, "b q 3"]) -> Float[Tensor, ""]:
    """Squared distance to the nearest point of the other set: mean over points and batch, SUM of both directions.

    Which point is nearest is decided without gradient, as usual. Differentiable in the first. (PyTorch3D's
    `chamfer_distance` with its defaults.)
    """
    known = known.detach()
    forth = (recovered - _rows(known, _nearest(recovered, known))).square().sum(-1).mean()
    back = (_rows(recovered, _nearest(known, recovered)) - known).square().sum(-1).mean()
    return forth + back


@torch.no_grad()
def _nearest(points: Tensor, others: Tensor) -> Tensor:
    """[b p] indices into the others. By |o|² - 2 p·o, whose rounding can at worst choose between equals."""
    at_once = max(1, _PAIRS_AT_ONCE // (points.shape[1] * others.shape[1]))
    with torch.autocast(points.device.type, enabled=False):
        found = [
            torch.baddbmm(some.square().sum(-1)[:, None], few, some.mT, alpha=-2).argmin(2)
            for few, some in zip(points.float().split(at_once), others.float().split(at_once))
        ]
    return torch.cat(found)


def _rows(points: Tensor, index: Tensor) -> Tensor:
    return points.gather(1, index[..., None].expand(-1, -1, 3))
