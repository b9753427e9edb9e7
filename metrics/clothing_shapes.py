"""Errors of predicted shapes against the true surface, after the similarity that lays one on the other.

One picture does not tell size from distance, and no truth tells the method which side is the front; so the shapes are
compared up to rotation, size and position. Mirror images are not allowed. Both meshes are closed.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from metrics.soundness import is_measurable
from metrics.volumes import iou_volume
from models.geometry.alignment import Alignment, iterative_closest_point
from models.geometry.distances import SurfaceTree
from models.geometry.mesh import Mesh
from models.geometry.sampling import sample_surface

QUARTER_TURNS = (0.0, math.pi / 2, math.pi, -math.pi / 2)
"""Turns about the upright axis from which the alignment starts: it finds the nearest minimum only."""
TRIAL_POINTS, TRIAL_STEPS = 300, 8
STEPS = 40


class ShapeErrors(NamedTuple):
    """One predicted shape."""

    chamfer_percent: float
    """Mean distance between the surfaces, both directions averaged, in percent of the diagonal of the truth's box.
    Lower is better."""
    iou_volume: float
    """Shared over joint volume; higher is better."""
    volume_ratio: float
    """Predicted over true volume, after alignment."""
    failed: float
    """1 for a prediction without area or with vertices that are not finite: it counts as 50 percent and IoU 0."""


FAILED = ShapeErrors(50.0, 0.0, 0.0, 1.0)


def align_shape(
    predicted: Mesh,
    truth: Mesh,
    *,
    turn: int | float = 0.0,
    search: bool = True,
    count: int = 1000,
    seed: int = 0,
) -> Mesh:
    """The predicted mesh, texture and all, where it fits the truth best: turned, scaled and moved. On the CPU, vertices
    in float64.

    Starts with equal centres and sizes, turned about +y, and takes the nearest minimum (`iterative_closest_point`).
    Raises ValueError for a mesh without area or with vertices that are not finite.

    Args:
        turn: radians with which it starts. The true azimuth of the camera less the predicted one shows both shapes
            from the same side.
        search: also starts a quarter turn to either side and half a turn round, and goes on from the best after a few
            steps: right for shapes. Colours need False: shapes that look alike from front and back would be laid on
            each other the wrong way round.
        count: points on the truth.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = predicted.to("cpu")
    shape = shape.with_vertices(shape.vertices.detach().double())
    on_truth = sample_surface(truth.vertices.detach().cpu().double(), truth.faces.cpu(), count, generator).points
    on_shape = sample_surface(shape.vertices, shape.faces, count, generator).points
    start = turned(on_shape, on_truth, turn)
    if search:
        trials = [
            iterative_closest_point(
                shape.vertices,
                shape.faces,
                on_truth[:TRIAL_POINTS],
                initial=turned(on_shape, on_truth, turn + quarter),
                steps=TRIAL_STEPS,
            )
            for quarter in QUARTER_TURNS
        ]
        start = min(trials, key=lambda trial: trial.root_mean_square).alignment
    motion = iterative_closest_point(
        shape.vertices, shape.faces, on_truth, initial=start, steps=STEPS, tolerance=1e-5
    ).alignment
    return shape.with_vertices(motion.apply(shape.vertices[None])[0])


def turned(on_shape: Float[Tensor, "p 3"], on_truth: Float[Tensor, "q 3"], turn: int | float) -> Alignment:
    """The similarity that turns about +y (+z goes to +x) and gives the shape's points the centre and size of the
    truth's."""
    centre, target = on_shape.mean(0), on_truth.mean(0)
    size = ((on_truth - target).square().sum() / (on_shape - centre).square().sum()).sqrt()
    c, s = math.cos(turn), math.sin(turn)
    rotation = torch.tensor([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]], dtype=torch.float64)
    return Alignment(rotation[None], size[None], (target - size * (rotation @ centre))[None])


def shape_errors(
    predicted: Mesh, truth: Mesh, *, count: int = 2000, volume_points: int = 20_000, seed: int = 0
) -> ShapeErrors:
    """The errors of a prediction that lies where it should (`align_shape`); points even by area, exact distances.

    A sphere in one of twice its radius r: distance r in both directions, so chamfer_percent = 100 r / (4 √3 r) = 14.4,
    and IoU 1/8. Raises ValueError for a truth that is not closed or empty.
    """
    if not is_measurable(truth):
        raise ValueError("A true shape has no faces or vertices that are not finite: nothing can be measured.")
    if not is_measurable(predicted):
        return FAILED
    generator = torch.Generator().manual_seed(seed)
    there = _mean_distance(predicted, truth, count, generator)
    back = _mean_distance(truth, predicted, count, generator)
    corners = truth.vertices.detach().cpu().double()
    diagonal = torch.linalg.vector_norm(corners.amax(0) - corners.amin(0))
    overlap = iou_volume(predicted, truth, count=volume_points, seed=seed)
    percent = float(100 * (there + back) / 2 / diagonal)
    return ShapeErrors(percent, overlap.iou_volume, overlap.volume_ratio, 0.0)


def _mean_distance(source: Mesh, target: Mesh, count: int, generator: torch.Generator) -> float:
    points = sample_surface(source.vertices.detach().cpu().double(), source.faces.cpu(), count, generator).points
    return float(SurfaceTree(target.vertices, target.faces).closest(points).distance.mean())
