"""Distances between the surfaces of bodies, in centimetres, with every choice that changes the numbers in the call.

Points are drawn evenly by area, distances are exact from point to triangle and unsquared unless a name says so.
P2S goes from the prediction to the truth (as in PIFu; some papers use the name for the other direction, here S2P), so
it does not see what the prediction lacks: read it with S2P or Chamfer. Lower is better, but for the F-score.

Chamfer-L2 is 0.5 accuracy² + 0.5 completeness², where the square is taken of each distance and then averaged (Li et
al., ICPR 2020, from their slides, which leave open whether the mean is squared instead; that reading has a name of its
own). 1 dm² is 100 cm².
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.geometry.alignment import iterative_closest_point
from models.geometry.distances import SurfaceTree
from models.geometry.mesh import Mesh
from models.geometry.sampling import SurfaceSamples, sample_surface

AlignmentKind = Literal["none", "rigid", "similarity"]


class BodySurfaces(NamedTuple):
    """What `compare_body_surfaces` measured: one number a point, float64; means are properties."""

    predicted_to_truth_cm: Float[Tensor, " p"]
    """From points on the prediction to the truth."""
    truth_to_predicted_cm: Float[Tensor, " p"]
    """From points on the truth to the prediction."""
    vertices_to_truth_cm: Float[Tensor, " v"]
    """From the prediction's vertices to the truth."""
    predicted_to_truth_degrees: Float[Tensor, " p"]
    """Angle between the normal of the prediction's triangle and that of the nearest true one."""
    truth_to_predicted_degrees: Float[Tensor, " p"]
    seed: int
    alignment: AlignmentKind

    @property
    def p2s_cm(self) -> float:
        """Mean distance from the prediction to the truth."""
        return float(self.predicted_to_truth_cm.mean())

    @property
    def s2p_cm(self) -> float:
        """Mean distance from the truth to the prediction."""
        return float(self.truth_to_predicted_cm.mean())

    @property
    def p2s_vertices_cm(self) -> float:
        """P2S from the prediction's vertices in place of even points: it depends on where the mesh is dense."""
        return float(self.vertices_to_truth_cm.mean())

    @property
    def chamfer_l1_cm(self) -> float:
        """Mean of P2S and S2P: the Chamfer distance of PIFu and PIFuHD."""
        return (self.p2s_cm + self.s2p_cm) / 2

    @property
    def chamfer_l2_cm2(self) -> float:
        """Half the sum of both mean squares."""
        squares = (self.predicted_to_truth_cm.square().mean(), self.truth_to_predicted_cm.square().mean())
        return float(sum(squares)) / 2

    @property
    def chamfer_l2_dm2(self) -> float:
        """The same in square decimetres, the unit that the numbers of Li et al. fit."""
        return self.chamfer_l2_cm2 / 100

    @property
    def chamfer_l2_squared_means_cm2(self) -> float:
        """Half the sum of both squared means: the other reading, never larger."""
        return (self.p2s_cm**2 + self.s2p_cm**2) / 2

    @property
    def normal_error_surface_degrees(self) -> float:
        """Mean angle between nearest triangles' normals, both directions."""
        return float((self.predicted_to_truth_degrees.mean() + self.truth_to_predicted_degrees.mean()) / 2)

    def fscore(self, threshold_cm: int | float) -> float:
        """Harmonic mean of the shares of points, on either surface, within the threshold of the other. Higher is
        better."""
        precision = float((self.predicted_to_truth_cm <= threshold_cm).double().mean())
        recall = float((self.truth_to_predicted_cm <= threshold_cm).double().mean())
        return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def compare_body_surfaces(
    predicted_cm: Mesh, truth_cm: Mesh, *, count: int = 10_000, seed: int = 0, alignment: AlignmentKind = "none"
) -> BodySurfaces:
    """Distances and normals between two surfaces in centimetres, both ways.

    Args:
        count: points on each surface, even by area.
        seed: of those points.
        alignment: how the prediction is moved onto `count` points of the truth first. `none` is the protocol of every
            paper compared with here; numbers with another one may not stand in a table with theirs.

    Raises ValueError when a mesh has no area or vertices that are not finite.
    """
    generator = torch.Generator().manual_seed(seed)
    truth = _on_cpu(truth_cm)
    on_truth = sample_surface(truth.vertices, truth.faces, count, generator)
    predicted = _on_cpu(predicted_cm)
    if alignment != "none":
        found = iterative_closest_point(
            predicted.vertices, predicted.faces, on_truth.points, scale=alignment == "similarity"
        )
        predicted = predicted.with_vertices(found.alignment.apply(predicted.vertices[None])[0])
    truth_tree = SurfaceTree(truth.vertices, truth.faces)
    predicted_tree = SurfaceTree(predicted.vertices, predicted.faces)
    on_predicted = sample_surface(predicted.vertices, predicted.faces, count, generator)
    there, there_degrees = _nearest(on_predicted, truth_tree)
    back, back_degrees = _nearest(on_truth, predicted_tree)
    used = predicted.vertices[torch.unique(predicted.faces)]
    at_vertices = truth_tree.closest(used).distance
    return BodySurfaces(there, back, at_vertices, there_degrees, back_degrees, seed, alignment)


def _nearest(samples: SurfaceSamples, tree: SurfaceTree) -> tuple[Tensor, Tensor]:
    """Distances to the other surface, and the angles between the normals, in degrees."""
    found = tree.closest(samples.points)
    other = tree.face_normals[found.face_index]
    cross = torch.linalg.vector_norm(torch.linalg.cross(samples.normals, other), dim=1)
    return found.distance, torch.atan2(cross, (samples.normals * other).sum(1)).rad2deg()


def _on_cpu(mesh: Mesh) -> Mesh:
    vertices: Float[Tensor, "v 3"] = mesh.vertices.detach().cpu().double()
    faces: Int[Tensor, "f 3"] = mesh.faces.cpu()
    return Mesh(vertices, faces)
