"""Distance bounds that people are made of, on points [3, p] (rows x, y, z: each coordinate lies in one stretch)."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from datamodules.synthetic.human_skeleton import Skeleton

Vector = Sequence[float] | np.ndarray
"""Three numbers."""


def smooth_min(a: Tensor, b: Tensor, width: float) -> Tensor:
    """The union of two bodies, rounded where their distances differ by less than the width."""
    overlap = (width - (a - b).abs_()).clamp_min_(0)
    return torch.minimum(a, b).sub_(overlap.mul_(overlap), alpha=0.25 / width)


def smooth_max(a: Tensor, b: Tensor, width: float) -> Tensor:
    """The intersection of two bodies, rounded."""
    overlap = (width - (a - b).abs_()).clamp_min_(0)
    return torch.maximum(a, b).add_(overlap.mul_(overlap), alpha=0.25 / width)


def where(near: Tensor | None, compute: Callable[[Tensor | None], Tensor], like: Tensor) -> Tensor:
    """compute(indices) at the points of a mask and 0 elsewhere; None computes everywhere."""
    if near is None:
        return compute(None)
    chosen = indices(near)
    result = torch.zeros_like(like)
    return result.index_copy_(0, chosen, compute(chosen)) if len(chosen) else result


def indices(mask: Tensor) -> Tensor:
    """[n] where a mask [p] holds; NumPy finds them in a quarter of torch's time."""
    if mask.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return mask.nonzero().squeeze(1)


def pick(values: Tensor, chosen: Tensor | None) -> Tensor:
    """The chosen points of [..., p]; None for all."""
    return values if chosen is None else values.index_select(-1, chosen)


class Frame:
    """The coordinates of a joint."""

    def __init__(self, skeleton: Skeleton, joint: str, origin: np.ndarray, like: Tensor) -> None:
        rotation, offset = skeleton.frame(joint, origin)
        self.rotation = like.new_tensor(rotation)
        self.offset = like.new_tensor(offset)[:, None]

    def __call__(self, points: Tensor) -> Tensor:
        """[3, p] from points about the origin."""
        return torch.addmm(self.offset, self.rotation, points)


class Ellipsoids:
    """k ellipsoids, each given by (joint, centre, radii) in its joint's frame.

    The bound k0 (k0 − 1) / k1 with k0 = |q / r| and k1 = |q / r²| is close to a distance near the surface.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        shapes: Sequence[tuple[str, Vector, Vector]],
        origin: np.ndarray,
        like: Tensor,
    ) -> None:
        rows, offsets = [], []
        sums = np.zeros((2 * len(shapes), 3 * len(shapes)))
        for index, (joint, centre, radii) in enumerate(shapes):
            rotation, offset = skeleton.frame(joint, origin)
            inverse = 1 / np.array(radii)
            rows.append(rotation * inverse[:, None])
            offsets.append((offset - np.array(centre)) * inverse)
            sums[index, 3 * index : 3 * index + 3] = 1
            sums[len(shapes) + index, 3 * index : 3 * index + 3] = inverse**2
        self.scaled = like.new_tensor(np.concatenate(rows))
        self.offset = like.new_tensor(np.concatenate(offsets))[:, None]
        self.sums = like.new_tensor(sums)
        self.count = len(shapes)

    def __call__(self, points: Tensor) -> Tensor:
        """[k, p]"""
        scaled = torch.addmm(self.offset, self.scaled, points)
        norms = (self.sums @ scaled.mul_(scaled)).sqrt_()
        inner, outer = norms[: self.count], norms[self.count :].clamp_min_(1e-6)
        return (inner - 1).mul_(inner).div_(outer)


class RoundCones:
    """k round cones, each given by (joint, start, end, radius at start, radius at end) in its joint's frame."""

    def __init__(
        self,
        skeleton: Skeleton,
        shapes: Sequence[tuple[str, Vector, Vector, float, float]],
        origin: np.ndarray,
        like: Tensor,
    ) -> None:
        starts = np.stack([skeleton.point(joint, *start) - origin for joint, start, _, _, _ in shapes])
        ends = np.stack([skeleton.point(joint, *end) - origin for joint, _, end, _, _ in shapes])
        radii = np.array([shape[3:] for shape in shapes])
        self._set(starts, ends, radii, like)

    def _set(self, starts: np.ndarray, ends: np.ndarray, radii: np.ndarray, like: Tensor) -> None:
        lengths = np.linalg.norm(ends - starts, axis=1, keepdims=True)
        axes = (ends - starts) / lengths
        self.both = like.new_tensor(np.concatenate([axes, -2 * starts]))
        constants = np.concatenate([-(axes * starts).sum(1), (starts**2).sum(1)])
        self.constants = like.new_tensor(constants)[:, None]
        self.length = like.new_tensor(lengths)
        self.radius = like.new_tensor(radii[:, :1])
        self.slope = like.new_tensor((radii[:, 1:] - radii[:, :1]) / lengths)
        self.zero = torch.zeros_like(self.length)

    def __call__(self, points: Tensor) -> Tensor:
        """[k, p]"""
        products = torch.addmm(self.constants, self.both, points)
        along, squared = products.chunk(2)
        squared = squared + (points * points).sum(0)
        at = torch.clamp(along, self.zero, self.length)
        squared = (squared - at * (2 * along - at)).clamp_min_(0).sqrt_()
        return squared.sub_(self.radius).sub_(at.mul_(self.slope))


class Capsules(RoundCones):
    """Bounds around parts: (start, end, radius) in the model's frame."""

    def __init__(self, shapes: Sequence[tuple[np.ndarray, np.ndarray, float]], like: Tensor) -> None:
        starts = np.stack([start for start, _, _ in shapes])
        ends = np.stack([end + np.array([0, 1e-3, 0]) * np.allclose(start, end) for start, end, _ in shapes])
        radii = np.array([[radius, radius] for _, _, radius in shapes])
        self._set(starts, ends, radii, like)


def bone(along: Tensor, first: Tensor, second: Tensor, length: float, start: float, end: float) -> Tensor:
    """[p] A round cone along one axis of a joint's frame; first and second are the coordinates across it."""
    at = along.clamp(0, length)
    beyond = along - at
    squared = first * first + second * second + beyond.mul_(beyond)
    return squared.sqrt_().sub_(start).sub_(at, alpha=(end - start) / length)


def torus(points: Tensor, major: float, minor: float) -> Tensor:
    """[p] A ring about the y axis."""
    ring = (points[0].square() + points[2].square()).sqrt_() - major
    return (ring.square_() + points[1].square()).sqrt_() - minor


def rounded_box(points: Tensor, half: Sequence[float], radius: float) -> Tensor:
    """[p] A box about the origin whose edges are rounded."""
    excess = points.abs() - (points.new_tensor(half) - radius)[:, None]
    outside = excess.clamp_min(0).square().sum(0).sqrt()
    return outside + excess.amax(0).clamp_max(0) - radius


def tilted(points: Tensor, centre: tuple[float, float, float], radians: float) -> Tensor:
    """[3, p] about a centre, turned about the x axis; the front sinks when radians > 0."""
    x, y, z = (points[axis] - centre[axis] for axis in range(3))
    c, s = math.cos(radians), math.sin(radians)
    return torch.stack([x, c * y + s * z, c * z - s * y])
