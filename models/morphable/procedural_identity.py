"""How procedural faces differ from one another: named changes of proportion plus smooth random variation."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from models.morphable.gaussian_fields import symmetric_gaussian_fields
from models.morphable.orthogonal_modes import combine, principal_mixing, without_similarity
from models.morphable.procedural_surface import EYE_X, EYE_Y, LIP_LINE_Y, SurfacePoints
from models.morphable.smooth_fields import bump, odd_pair, pair, smooth_abs, smooth_step, spot

GAUSSIAN_SCALES_MM = (90.0, 45.0, 22.0)
GAUSSIAN_SIGMAS_MM = (2.6, 1.5, 0.7)
SYMMETRIC_SHARE = 0.95
FIELDS_PER_COMPONENT = 40


def identity_basis(points: SurfacePoints, reference: SurfacePoints, size: int) -> Float[ndarray, "k v 3"]:
    """Identity modes at any points, in mm per standard deviation.

    Similarity motions are projected out and the modes made orthogonal on the reference points, so that a coefficient
    means the same at every level of the mesh. Exactly orthogonal there, nearly elsewhere.
    """
    inducing = reference.position_mm[:: max(1, len(reference.x) // 400)]
    at_reference = np.concatenate([_proportions(reference), _random_fields(reference.position_mm, inducing)])
    at_reference, motions = without_similarity(at_reference, reference.position_mm)
    mixing = principal_mixing(at_reference, size)
    if points is reference:
        return combine(mixing, at_reference)
    fields = np.concatenate([_proportions(points), _random_fields(points.position_mm, inducing)])
    homogeneous = np.concatenate([points.position_mm, np.ones((len(points.x), 1))], 1)
    motion_modes = combine(mixing, motions)
    return combine(mixing, fields) - np.einsum("kij,vj->kvi", motion_modes, homogeneous)


def _random_fields(points_mm: ndarray, inducing_mm: ndarray) -> ndarray:
    """[k v 3] Gaussian-process displacements, 95 % of the energy mirror-symmetric."""
    fields = []
    parts = {
        parity: symmetric_gaussian_fields(
            points_mm, inducing_mm, GAUSSIAN_SCALES_MM, GAUSSIAN_SIGMAS_MM, parity=parity, number=FIELDS_PER_COMPONENT
        )
        for parity in (1, -1)
    }
    for symmetric, share in ((1, SYMMETRIC_SHARE), (-1, 1.0 - SYMMETRIC_SHARE)):
        for component in range(3):
            # a symmetric face moves its two sides apart: the x component is odd where the others are even
            parity = -symmetric if component == 0 else symmetric
            field = np.zeros((FIELDS_PER_COMPONENT, len(points_mm), 3))
            field[:, :, component] = np.sqrt(share) * parts[parity].T
            fields.append(field)
    return np.concatenate(fields)


def _proportions(points: SurfacePoints) -> ndarray:
    """[22 v 3] named changes of proportion, each at one standard deviation."""
    x, y, z = points.x, points.y, points.position_mm[:, 2]
    front = smooth_step(20.0, 45.0, z)
    low = smooth_step(-5.0, -75.0, y)
    along_nose = np.clip((37.0 - y) / 40.0, 0.0, 1.0)
    nose = bump(x, 12.0) * smooth_step(-18.0, -8.0, y) * smooth_step(45.0, 30.0, y) * front * along_nose
    off_eye, above_eye = (smooth_abs(x) - EYE_X) / 15.0, (y - EYE_Y) / 6.0
    above_lips = (y - LIP_LINE_Y) / 7.0
    return np.stack(
        [
            _field(x, dx=3.2 * x / 70.0),  # width of the head
            _field(x, dy=3.0 * y / 80.0),  # height
            _field(x, dz=2.5 * (z - 20.0) / 60.0),  # depth
            _field(x, dx=4.5 * low * x / 50.0),  # jaw width
            _field(x, dy=-3.5 * low),  # chin drop
            _field(x, dz=3.5 * low),  # chin forward
            _field(x, dx=3.5 * odd_pair(x, y, 50, -25, 20, 20), dz=2.0 * pair(x, y, 50, -25, 20, 20)),  # full cheeks
            _field(x, dx=3.0 * odd_pair(x, y, 52, 12, 18, 14), dz=2.0 * pair(x, y, 46, 10, 18, 14)),  # cheek bones
            _field(x, dz=-4.0 * smooth_step(45.0, 90.0, y) * front),  # sloping forehead
            _field(x, dz=2.5 * pair(x, y, 26, 45, 22, 9)),  # brow ridge
            _field(x, dz=3.0 * nose),  # nose protrusion
            _field(x, dz=2.2 * spot(x, y, 0, 20, 8, 11) * front),  # nose bridge
            _field(x, dy=-3.0 * nose),  # nose length
            _field(x, dx=2.2 * odd_pair(x, y, 14, -5, 7, 9) * front),  # nose width
            _field(
                x, dy=2.0 * spot(x, y, 0, -4, 10, 7) * front, dz=-0.5 * spot(x, y, 0, -4, 10, 7) * front
            ),  # nose tip
            _field(x, dx=1.8 * odd_pair(x, y, 31, 31, 15, 12) * front),  # eye spacing
            _field(
                x,
                dx=1.2 * off_eye * odd_pair(x, y, 31, 31, 15, 10) * front,
                dy=0.9 * above_eye * pair(x, y, 31, 31, 15, 9) * front,
            ),  # eye size
            _field(x, dz=-2.0 * pair(x, y, 31, 31, 15, 11) * front),  # deep-set eyes
            _field(x, dx=2.2 * x / 26.0 * spot(x, y, 0, -33, 26, 11) * front),  # mouth width
            _field(x, dz=1.8 * spot(x, y, 0, -33, 20, 7) * front),  # lip protrusion
            _field(x, dy=1.3 * above_lips * spot(x, y, 0, -33, 20, 7) * front),  # lip thickness
            _field(x, dy=2.0 * spot(x, y, 0, -33, 28, 14) * front),  # mouth height
        ]
    )


def _field(
    like: ndarray, dx: ndarray | float | int = 0.0, dy: ndarray | float | int = 0.0, dz: ndarray | float | int = 0.0
) -> ndarray:
    return np.stack([np.broadcast_to(part, like.shape) for part in (dx, dy, dz)], -1)
