"""Points around a body with the answer inside or outside, drawn anew for every training item."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from datamodules.visual_hull import hull_points
from models.geometry.inside import InsideTest

Box = tuple[tuple[float, float, float], tuple[float, float, float]]
PIFU_BOX_CM: Box = ((-128.0, -118.0, -128.0), (128.0, 138.0, 128.0))
"""PIFu's box from (-128, -28, -128) to (128, 228, 128) around feet at height 0, moved to the middle of the body."""
LOWEST_BODY_CM, HIGHEST_BODY_CM = 150.0, 200.0
PROBE_SIGMA_CM, PROBE_POINTS = 5.0, 2000
LEAST_INSIDE, MOST_INSIDE = 0.15, 0.6
"""Share of points near a body's surface (sigma 5 cm) that lie inside: 30 to 50 % for people."""
MOST_DOUBTFUL = 0.05
"""Share of these points whose winding number may be nearer to a half than to a whole number, around holes."""
VALIDATION_SEED = 1991


@dataclass(frozen=True)
class PointSampling:
    """How training points are drawn. `surface`, `uniform` and `hull` are weights of three kinds of points and need not
    sum to one.

    surface: even by area on the mesh, moved by a Gaussian; equal parts for each of `sigma_cm`. uniform: in `box_cm`.
    hull: uniform inside the visual hull of the item's masks. draws: candidates drawn for every point that is kept.
    balance: "natural" keeps the first candidates; "half" keeps inside points up to half of the number and fills up with
    outside points, as PIFu does (needs draws > 1).

    The default is what decided a trial on synthetic people: half the points near the surface, half in the hull,
    natural class ratio.
    """

    surface: float = 0.5
    uniform: float = 0.0
    hull: float = 0.5
    sigma_cm: tuple[float, ...] = (5.0, 2.0)
    balance: Literal["natural", "half"] = "natural"
    draws: float = 1.0
    box_cm: Box = PIFU_BOX_CM

    def __post_init__(self) -> None:
        weights = (self.surface, self.uniform, self.hull)
        if min(weights) < 0 or not sum(weights) > 0:
            raise ValueError(f"The weights surface, uniform, hull are {weights}: give numbers >= 0, not all 0.")
        if self.surface > 0 and (not self.sigma_cm or min(self.sigma_cm) <= 0):
            raise ValueError(f"sigma_cm is {self.sigma_cm}: give one or more lengths above 0, in centimetres.")
        if self.draws < 1:
            raise ValueError(f"draws is {self.draws}: draw at least one candidate for every point kept.")

    def counts(self, candidates: int) -> tuple[int, int, int]:
        """How many of the candidates are near the surface, uniform in the box and uniform in the hull."""
        total = self.surface + self.uniform + self.hull
        hull = round(candidates * self.hull / total)
        uniform = round(candidates * self.uniform / total)
        return candidates - hull - uniform, uniform, hull


PIFU = PointSampling(surface=16, uniform=1, hull=0, sigma_cm=(5.0,), balance="half", draws=4.25)
"""4 N points at sigma 5 cm and N / 4 in the box; of these N, at most half of them inside (the authors' code)."""


class LabelledPoints(NamedTuple):
    points_cm: Tensor
    """[p, 3] float32 in the body frame."""
    occupancy: Tensor
    """[p] 1 inside, 0 outside."""


class SolidBody:
    """A closed mesh in the body frame, ready to be sampled: areas and the inside test are prepared once.

    vertices_cm: [v, 3]; faces: [f, 3]; name: for the sentences of `require_plausible`.
    """

    def __init__(self, vertices_cm: Tensor, faces: Tensor, name: str) -> None:
        self.vertices_cm = vertices_cm.float().contiguous()
        self.faces = faces
        self.name = name
        self._vertices = self.vertices_cm.double().numpy()
        self._faces = faces.numpy()
        a, b, c = (self._vertices[self._faces[:, corner]] for corner in range(3))
        self._area = np.linalg.norm(np.cross(b - a, c - a), axis=1).cumsum()
        if not len(faces) or not self._area[-1] > 0:
            raise ValueError(f"{name} has no faces with an area: give a closed triangle mesh.")
        self.inside = InsideTest(self.vertices_cm, faces)

    @property
    def bytes(self) -> int:
        """Of memory, about: arrays here and in the inside test, whose cells take up to some megabytes."""
        return 72 * len(self._vertices) + 80 * len(self._faces) + 4_000_000

    def surface_points(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """[count, 3] float64, even by area."""
        chosen = np.searchsorted(self._area, generator.random(count) * self._area[-1], side="right")
        corners = self._vertices[self._faces[np.minimum(chosen, len(self._faces) - 1)]]
        root, weight = np.sqrt(generator.random((count, 1))), generator.random((count, 1))
        return (1 - root) * corners[:, 0] + root * (1 - weight) * corners[:, 1] + root * weight * corners[:, 2]

    def label(self, points: np.ndarray) -> np.ndarray:
        """[p] bool: inside."""
        return self.inside.contains(torch.from_numpy(points)).numpy()

    def require_plausible(self) -> None:
        """The guard against a wrong unit, turned-over faces and open surfaces. Raises ValueError with the reason."""
        height = float(np.ptp(self._vertices[:, 1]))
        if not LOWEST_BODY_CM <= height <= HIGHEST_BODY_CM:
            raise ValueError(
                f"{self.name} is {height:.4g} cm high where {LOWEST_BODY_CM:.0f} to {HIGHEST_BODY_CM:.0f} were "
                "expected: check its unit (metres taken for centimetres?), its up axis and the scale beside it."
            )
        generator = np.random.default_rng(VALIDATION_SEED)
        near = self.surface_points(PROBE_POINTS, generator)
        near += PROBE_SIGMA_CM * generator.standard_normal(near.shape)
        winding = self.inside.winding_numbers(torch.from_numpy(near)).numpy()
        doubtful = float((np.abs(winding - winding.round()) > 0.25).mean())
        if doubtful > MOST_DOUBTFUL:
            raise ValueError(
                f"{self.name} is not watertight: around its holes {doubtful:.0%} of the points near the surface are "
                "neither inside nor outside; close them."
            )
        share = float((winding > 0.5).mean())
        if LEAST_INSIDE <= share <= MOST_INSIDE:
            return
        volume = float(np.linalg.det(self._vertices[self._faces]).sum()) / 6
        reason = (
            "its triangles are wound inside-out, turn them over"
            if volume < 0
            else "it is no single closed body of a person's size"
        )
        raise ValueError(
            f"{share:.0%} of the points near the surface of {self.name} lie inside, 30 to 50 % are usual: {reason}."
        )


def sample_points(
    body: SolidBody,
    sampling: PointSampling,
    count: int,
    generator: np.random.Generator,
    masks: np.ndarray | None = None,
    view_from_body: np.ndarray | None = None,
) -> LabelledPoints:
    """`count` labelled points in no order, but those inside first where `balance` is "half".

    masks [n, h, w] bool and view_from_body [n, 4, 4] belong to the item and are needed for points in the visual hull.

    Raises ValueError when hull points are asked for without masks, or when the masks have nothing in common.
    """
    near, uniform, hull = sampling.counts(round(count * sampling.draws))
    points = body.surface_points(near, generator)
    sigma = np.asarray(sampling.sigma_cm or (0.0,))[np.arange(near) % max(len(sampling.sigma_cm), 1)]
    kinds = [points + sigma[:, None] * generator.standard_normal(points.shape)]
    if uniform:
        lower, upper = np.asarray(sampling.box_cm)
        kinds.append(lower + (upper - lower) * generator.random((uniform, 3)))
    if hull:
        if masks is None or view_from_body is None:
            raise ValueError("Points in the visual hull were asked for without masks: give masks or set hull to 0.")
        try:
            kinds.append(hull_points(masks, view_from_body, hull, generator))
        except ValueError as error:
            raise ValueError(f"{body.name} has no visual hull: {error}; check its masks and cameras.") from None
    points = np.concatenate(kinds).astype(np.float32)
    points = points[generator.permutation(len(points))]
    inside = body.label(points)
    if sampling.balance == "half" or len(points) > count:
        kept = _kept(inside, count, half=sampling.balance == "half")
        points, inside = points[kept], inside[kept]
    return LabelledPoints(torch.from_numpy(points), torch.from_numpy(inside.astype(np.float32)))


def _kept(inside: np.ndarray, count: int, *, half: bool) -> np.ndarray:
    if not half:
        return np.arange(count)
    inner, outer = np.flatnonzero(inside), np.flatnonzero(~inside)
    inner_count = min(len(inner), count // 2)
    outer_count = min(count - inner_count, len(outer))
    inner_count = count - outer_count  # more than half only where there are too few outside
    return np.concatenate([inner[:inner_count], outer[:outer_count]])
