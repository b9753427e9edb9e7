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
SIZES = tuple(1.03**step for step in range(-15, 8))
"""Factors that are tried after the first placing."""


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

    From equal centres and second moments, turned about +y, it is turned and moved to the nearest minimum
    (`iterative_closest_point`) and given the size that fits best by the distances of both surfaces; twice. Distances
    from the truth alone must not choose the size: a shape without arms would grow until it meets them.
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
    placed = surface_moments(shape), surface_moments(truth.to("cpu"))
    start = turned(*placed, turn)
    if search:
        trials = [
            iterative_closest_point(
                shape.vertices,
                shape.faces,
                on_truth[:TRIAL_POINTS],
                scale=False,
                initial=turned(*placed, turn + quarter),
                steps=TRIAL_STEPS,
            )
            for quarter in QUARTER_TURNS
        ]
        start = min(trials, key=lambda trial: trial.root_mean_square).alignment
    for _ in range(2):
        motion = iterative_closest_point(
            shape.vertices, shape.faces, on_truth, scale=False, initial=start, steps=STEPS, tolerance=1e-5
        ).alignment
        shape = shape.with_vertices(motion.apply(shape.vertices[None])[0])
        start = resized(shape, truth, on_truth[:TRIAL_POINTS], generator)
    return shape.with_vertices(start.apply(shape.vertices[None])[0])


def resized(shape: Mesh, truth: Mesh, on_truth: Float[Tensor, "p 3"], generator: torch.Generator) -> Alignment:
    """The change of a placed shape's size, about its centre, with the least sum of squared distances both ways."""
    of_shape = SurfaceTree(shape.vertices, shape.faces)
    of_truth = SurfaceTree(truth.vertices.detach().cpu().double(), truth.faces.cpu())
    on_shape = sample_surface(shape.vertices, shape.faces, len(on_truth), generator).points
    centre = surface_moments(shape).centre

    def squared(factor: float) -> float:
        there = of_truth.closest(centre + factor * (on_shape - centre)).distance.square().mean()
        back = of_shape.closest(centre + (on_truth - centre) / factor).distance.square().mean()
        return float(there + factor**2 * back)

    factor = torch.tensor([min(SIZES, key=squared)], dtype=torch.float64)
    return Alignment(torch.eye(3, dtype=torch.float64)[None], factor, ((1 - factor) * centre)[None])


class Moments(NamedTuple):
    """Of a surface, even by area."""

    centre: Float[Tensor, "3"]
    size: Float[Tensor, ""]
    """Root mean square distance from the centre."""


def surface_moments(mesh: Mesh) -> Moments:
    """Exact, in float64."""
    corners = mesh.vertices.detach().double()[mesh.faces]
    middles = corners.mean(1)
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=1)
    share = area / area.sum()
    centre = share @ middles
    # over a triangle the mean of |x|² is that of the corners' and of nine times the middle's, by twelve
    squares = ((corners - centre).square().sum((1, 2)) + 9 * (middles - centre).square().sum(1)) / 12
    return Moments(centre, (share @ squares).sqrt())


def turned(shape: Moments, truth: Moments, turn: int | float) -> Alignment:
    """The similarity that turns about +y (+z goes to +x) and gives the shape the centre and size of the truth."""
    size = truth.size / shape.size
    c, s = math.cos(turn), math.sin(turn)
    rotation = torch.tensor([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]], dtype=torch.float64)
    return Alignment(rotation[None], size[None], (truth.centre - size * (rotation @ shape.centre))[None])


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
