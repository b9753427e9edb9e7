"""How much of two solids is common: intersection over union of volumes.

Volumes are estimated with points drawn evenly in a box around both solids; at 100 000 points in the box of a standing
body the deviation is about 0.004. Intersection over union on other points (near the surface, as in training) is another
number, higher or lower with the points' spread: it has another name, and the two may not stand in one column.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from models.geometry.grids import Bounds, Query
from models.geometry.inside import InsideTest
from models.geometry.mesh import Mesh

MARGIN = 0.05
"""Of the box's sides, on every side."""


class VolumeOverlap(NamedTuple):
    """Higher is better; 0 where nothing is shared."""

    iou_volume: float
    precision: float
    """Share of the predicted volume that is true."""
    recall: float
    """Share of the true volume that is predicted."""
    volume_ratio: float
    """Predicted over true volume: 1 is right, above 1 inflated."""
    points: int
    points_inside_either: int


def iou_volume(predicted_cm: Mesh, truth_cm: Mesh, *, count: int = 100_000, seed: int = 0) -> VolumeOverlap:
    """Overlap of two closed meshes: `count` even points in the box around both and 5 %, inside by winding number.

    Raises ValueError for a mesh without faces or with vertices that are not finite, and when no point falls into the
    truth (it is open, inside out or as thin as paper).
    """
    box = union_box(predicted_cm.vertices, truth_cm.vertices)
    points = points_in_box(box, count, seed)
    predicted = InsideTest(predicted_cm.vertices, predicted_cm.faces).contains(points)
    return volume_overlap(predicted, InsideTest(truth_cm.vertices, truth_cm.faces).contains(points))


def iou_volume_of_query(
    query: Query,
    bounds: Bounds,
    truth_cm: Mesh,
    *,
    count: int = 100_000,
    seed: int = 0,
    chunk: int = 65536,
    device: torch.device | str = "cpu",
) -> VolumeOverlap:
    """The same for a field, > 0 inside, without a mesh: even points in its box joined with that of the truth and 5 %.

    The box of a field is wider than that of a mesh, so fewer points fall inside: expect twice the noise.
    """
    corners = torch.tensor([bounds.lower, bounds.upper], dtype=torch.float32)
    points = points_in_box(union_box(corners, truth_cm.vertices), count, seed)
    within = ((points >= corners[0]) & (points <= corners[1])).all(1)
    predicted = torch.zeros(count, dtype=torch.bool)
    with torch.no_grad():
        found = [query(part.to(device)).detach().cpu() > 0 for part in points[within].split(chunk)]
    predicted[within] = torch.cat(found) if found else predicted[:0]
    return volume_overlap(predicted, InsideTest(truth_cm.vertices, truth_cm.faces).contains(points))


def volume_overlap(predicted: Bool[Tensor, " p"], truth: Bool[Tensor, " p"]) -> VolumeOverlap:
    """Overlap from which even points lie inside which solid."""
    both, either = int((predicted & truth).sum()), int((predicted | truth).sum())
    inside_predicted, inside_truth = int(predicted.sum()), int(truth.sum())
    if not inside_truth:
        raise ValueError(
            f"None of {len(truth)} points lies inside the true mesh: check that it is closed and winds outward, or "
            "give more points."
        )
    return VolumeOverlap(
        both / either,
        both / inside_predicted if inside_predicted else 0.0,
        both / inside_truth,
        inside_predicted / inside_truth,
        len(truth),
        either,
    )


def union_box(first: Float[Tensor, "v 3"], second: Float[Tensor, "p 3"]) -> Float[Tensor, "2 3"]:
    """The box around both, wider by 5 % of each side on each side. float64."""
    both = torch.cat([first.detach().cpu().double(), second.detach().cpu().double()])
    lower, upper = both.amin(0), both.amax(0)
    margin = MARGIN * (upper - lower)
    return torch.stack([lower - margin, upper + margin])


def points_in_box(box: Float[Tensor, "2 3"], count: int, seed: int) -> Float[Tensor, "p 3"]:
    """Even points, float32; the same seed gives the same ones."""
    share = torch.rand(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (box[0] + share * (box[1] - box[0])).float()
