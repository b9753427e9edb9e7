"""Predicted faces against 3D scans, by the protocol of the NoW challenge (Sanyal et al., CVPR 2019) and by one for
MICC.

Scans are in millimetres. The two protocols align and measure differently: their numbers cannot be compared.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from metrics.surfaces import SurfaceErrorsMm, point_to_plane_mm
from models.geometry.alignment import Alignment, iterative_closest_point, similarity_alignment
from models.geometry.distances import SurfaceTree

NOW_LANDMARKS = (36, 39, 42, 45, 33, 48, 54)
"""iBUG numbers of the seven points, in this order: outer and inner corner of the right eye, inner and outer corner of
the left eye, subnasale, right and left corner of the mouth.
"""
CUMULATIVE_LIMIT_MM = 8.0
MICC_RADIUS_MM = 95.0


class ScanErrors(NamedTuple):
    """What one prediction has against one scan."""

    distances_mm: Float[Tensor, " p"]
    """From every scan vertex inside the mask to the aligned prediction; unsigned."""
    mask: Bool[Tensor, " v"]
    """Which scan vertices those are."""
    alignment: Alignment
    """Moves the prediction onto the scan."""


class PooledErrorsMm(NamedTuple):
    """Over all masked vertices of all scans together."""

    median_mm: float
    mean_mm: float
    std_mm: float
    number_of_points: int
    thresholds_mm: Float[Tensor, " t"]
    """0 to 8 mm."""
    cumulative_percent: Float[Tensor, " t"]
    """Share of the vertices whose distance is at most the threshold."""


def now_mask(scan_mm: Float[Tensor, "v 3"], landmarks_mm: Float[Tensor, "7 3"]) -> Bool[Tensor, " v"]:
    """The scan vertices that are judged: a ball around the middle of the face.

    Centre: subnasale + 0.3 (bridge - subnasale), the bridge being the mean of the inner eye corners. Radius: 1.4 times
    the mean of outer eye distance and nose length (bridge to subnasale).
    """
    right_outer, right_inner, left_inner, left_outer, subnasale = landmarks_mm[:5]
    bridge = (right_inner + left_inner) / 2
    centre = subnasale + 0.3 * (bridge - subnasale)
    radius = 1.4 * ((left_outer - right_outer).norm() + (bridge - subnasale).norm()) / 2
    return (scan_mm - centre).norm(dim=1) <= radius


def now_scan_errors_mm(
    scan_mm: Float[Tensor, "v 3"],
    scan_landmarks_mm: Float[Tensor, "7 3"],
    predicted_mm: Float[Tensor, "u 3"],
    faces: Int[Tensor, "f 3"],
    predicted_landmarks_mm: Float[Tensor, "7 3"],
    *,
    metrical: bool = False,
    allow_reflection: bool = False,
) -> ScanErrors:
    """Distances from the masked scan to the prediction after the best alignment.

    First the seven landmarks, in closed form, then the motion that minimises the squared distances from the masked scan
    vertices to the surface. Both with scale, unless `metrical`: then the prediction's own millimetres are judged. The
    published code admits a mirror image where the landmarks fit better so: `allow_reflection=True`.
    """
    scan, landmarks = scan_mm.detach().double().cpu(), scan_landmarks_mm.detach().double().cpu()
    mask = now_mask(scan, landmarks)
    if not bool(mask.any()):
        raise ValueError("No scan vertex lies near the landmarks: give scan and landmarks in the same frame and unit.")
    start = similarity_alignment(
        predicted_landmarks_mm.detach().double().cpu()[None],
        landmarks[None],
        scale=not metrical,
        allow_reflection=allow_reflection,
    )
    points = scan[mask]
    alignment = iterative_closest_point(predicted_mm, faces, points, scale=not metrical, initial=start).alignment
    moved = alignment.apply(predicted_mm.detach().double().cpu()[None])[0]
    return ScanErrors(SurfaceTree(moved, faces).closest(points).distance, mask, alignment)


def pooled_errors_mm(distances_mm: Float[Tensor, " p"], thresholds: int = 161) -> PooledErrorsMm:
    """Median, mean, standard deviation and cumulative curve of distances that are pooled over all scans."""
    if not len(distances_mm):
        raise ValueError("Errors over no scans were asked for: add at least one.")
    distances, count = distances_mm.double().sort().values, len(distances_mm)
    limits = torch.linspace(0, CUMULATIVE_LIMIT_MM, thresholds, dtype=torch.float64, device=distances.device)
    below = torch.searchsorted(distances, limits, right=True)
    return PooledErrorsMm(
        float(distances[(count - 1) // 2] + distances[count // 2]) / 2,
        float(distances.mean()),
        float(distances.std(correction=0)),
        count,
        limits,
        100 * below / count,
    )


class NowErrorMm(Metric):
    """The NoW table over scans: `median_mm`, `mean_mm` and `std_mm` of all masked vertices. Lower is better."""

    higher_is_better = False
    full_state_update = False
    distances: list[Tensor]

    def __init__(self, metrical: bool = False) -> None:
        super().__init__()
        self.metrical = metrical
        self.add_state("distances", [], dist_reduce_fx="cat")

    def update(
        self,
        scan_mm: Float[Tensor, "v 3"],
        scan_landmarks_mm: Float[Tensor, "7 3"],
        predicted_mm: Float[Tensor, "u 3"],
        faces: Int[Tensor, "f 3"],
        predicted_landmarks_mm: Float[Tensor, "7 3"],
    ) -> None:
        """Adds one prediction of one scan."""
        errors = now_scan_errors_mm(
            scan_mm, scan_landmarks_mm, predicted_mm, faces, predicted_landmarks_mm, metrical=self.metrical
        )
        self.distances.append(errors.distances_mm.to(self.device))

    def compute(self) -> dict[str, Tensor]:
        """Millimetres. Raises ValueError without scans."""
        if not len(self.distances):
            raise ValueError("Errors over no scans were asked for: add at least one.")
        pooled = pooled_errors_mm(dim_zero_cat(self.distances))
        return {name: torch.tensor(getattr(pooled, name)) for name in ("median_mm", "mean_mm", "std_mm")}


def micc_error_mm(
    scan_mm: Float[Tensor, "v 3"],
    scan_faces: Int[Tensor, "s 3"],
    scan_landmarks_mm: Float[Tensor, "7 3"],
    nose_tip_mm: Float[Tensor, " 3"],
    predicted_mm: Float[Tensor, "u 3"],
    faces: Int[Tensor, "f 3"],
    predicted_landmarks_mm: Float[Tensor, "7 3"],
    *,
    radius_mm: float = MICC_RADIUS_MM,
) -> SurfaceErrorsMm:
    """Point-to-plane errors from the prediction to the scan after a similarity alignment of its own, near the nose.

    In the manner of the protocol of Deng et al. (CVPRW 2019) for MICC Florence: scan vertices within 95 mm of the nose
    tip take part in the alignment, predicted vertices within 95 mm after it are judged; its cut of the forehead is not
    specified and left out. Report `rmse_mm`, as mean and standard deviation over the meshes.
    """
    scan, tip = scan_mm.detach().double().cpu(), nose_tip_mm.detach().double().cpu()
    start = similarity_alignment(
        predicted_landmarks_mm.detach().double().cpu()[None], scan_landmarks_mm.detach().double().cpu()[None]
    )
    points = scan[(scan - tip).norm(dim=1) <= radius_mm]
    moved = iterative_closest_point(predicted_mm, faces, points, initial=start).alignment.apply(
        predicted_mm.detach().double().cpu()[None]
    )[0]
    return point_to_plane_mm(moved[(moved - tip).norm(dim=1) <= radius_mm], scan, scan_faces)
