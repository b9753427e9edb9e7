"""How good reconstructed bodies are: at labelled points, as meshes against the true surface, and in their folds."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from datamodules.samples import BandTruth, BodyTruthSample
from metrics.bands import BandRecoveryOfBodies
from metrics.body_scores import COLUMNS, BodyScores
from metrics.occupancy_points import OccupancyPoints
from models.bodies.body_mesh import body_mesh
from models.bodies.visual_hull import visual_hull
from models.geometry.extraction import EmptySurfaceError
from models.geometry.grids import Query
from models.geometry.mesh import Mesh

HULL_SCORES = ("iou_volume", "p2s_cm", "p2s_cm_median", "chamfer_l1_cm", "chamfer_l2_cm2")


class OccupancyScores(nn.Module):
    """Everything that a test says of an occupancy network.

    Args:
        hull: also measures the visual hull of the same masks, the baseline that needs no learning (`hull_…`).
        normal_size: side of the pictures in which normals are compared.
    """

    def __init__(self, hull: bool = True, normal_size: int = 256) -> None:
        super().__init__()
        self.points = OccupancyPoints()
        self.meshes = BodyScores(normal_size=normal_size)
        self.bands = BandRecoveryOfBodies()
        self.hull = BodyScores(normal_size=0) if hull else None

    @torch.no_grad()
    def update(self, truth: BodyTruthSample, query: Query, resolution: int) -> None:
        """Adds one body (a batch of one), extracted from `query` with `resolution` cells along a side."""
        true_mesh = true_mesh_of(truth)
        predicted = mesh_or_none(query, resolution, truth.body.images.device)
        self.meshes.update(predicted, true_mesh, int(truth.body.index[0]))
        self.bands.query_device = truth.body.images.device
        self.bands.update(None if predicted is None else query, BandTruth(*(part[0] for part in truth.bands)))
        if self.hull is not None:
            self.hull.update(mesh_or_none(hull_query(truth), resolution, truth.body.images.device), true_mesh)

    def compute(self) -> dict[str, Tensor]:
        """Every number by its name; folds only where there is procedural truth."""
        scores = self.points.compute() | self.meshes.compute()
        # every process asks, with or without folds of its own: the sums of all are added on the way
        bands = self.bands.compute()
        if bands["points"] > 0:
            scores |= {f"bands_{name}": value for name, value in bands.items()}
        if self.hull is not None:
            baseline = self.hull.compute()
            scores |= {f"hull_{name}": baseline[name] for name in HULL_SCORES}
        return {name: value.float() for name, value in scores.items()}

    def samples(self) -> dict[str, list[float]]:
        """The mesh scores of every body of all processes, `index` its place among them in the data's order. Every
        process must ask."""
        table = self.meshes.table_of_all()
        columns = dict(zip(COLUMNS, table.T.tolist(), strict=True))
        return {"index": [float(place) for place in range(len(table))], **columns}

    def reset(self) -> None:
        """Forgets all bodies."""
        for metric in (self.points, self.meshes, self.bands, self.hull):
            if metric is not None:
                metric.reset()


def true_mesh_of(truth: BodyTruthSample) -> Mesh:
    """The true surface of a batch of one, in centimetres of the body frame, on the CPU."""
    return Mesh(truth.vertices_cm[0].cpu(), truth.faces[0].cpu())


def hull_query(truth: BodyTruthSample) -> Callable[[Tensor], Tensor]:
    """The visual hull of a batch of one as a field."""
    return lambda points: visual_hull(truth.body.masks, truth.body.view_from_body, points[None])[0]


def mesh_or_none(query: Query, resolution: int, device: torch.device) -> Mesh | None:
    """The extracted mesh; None where nothing is inside, which the scores count as a failure."""
    try:
        return body_mesh(query, resolution, device)
    except EmptySurfaceError:
        return None
