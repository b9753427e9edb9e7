"""Where a person stands in the world of calibrated cameras, found from their masks alone."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.articulated_cameras import camera_centre, picture_up
from datamodules.body_frame import body_from_vertices, facing_front, upright
from experiments.errors import UserError
from experiments.reconstruction.bodies.people import Person

CELLS = 72
LEAST_COVERED = 0.75
"""Of every mask's height and width that the hull of all masks must span."""
ROUNDS = 2
"""The hull is sought in a cube that surely holds it, then in its own box."""


@dataclass(frozen=True)
class BodyFrame:
    """From the cameras' world to the body frame: centimetres of a person of 180 cm, +y up, +z to the first camera."""

    world_from_body: Float[Tensor, "4 4"]
    """float64; the world's units a centimetre of the body frame are in its scale."""

    def projection(self, projection: Float[Tensor, "3 4"]) -> Float[Tensor, "3 4"]:
        """A camera of the world as one of the body frame."""
        return projection.double() @ self.world_from_body

    def in_world(self, points_cm: Float[Tensor, "p 3"]) -> Float[Tensor, "p 3"]:
        """Points of the body frame in the cameras' world, in its units."""
        return (points_cm.double() @ self.world_from_body[:3, :3].T + self.world_from_body[:3, 3]).float()


def body_frame(people: list[Person], projections: list[Float[Tensor, "3 4"]], names: list[str]) -> BodyFrame:
    """The frame of the visual hull: its median column and row, half its height; up is the axis of the world that is up
    in the pictures, the front looks to the first camera.

    Raises:
        UserError: a matrix is singular; the masks have no point of space in common.
    """
    matrices = np.stack([normalised(matrix.numpy(), name) for matrix, name in zip(projections, names)])
    centre = nearest_point(matrices, people)
    # the body is in front of its cameras, whatever sign its matrices have
    matrices *= np.sign(matrices[:, 2] @ np.append(centre, 1))[:, None, None]
    turn = upright(np.sum([picture_up(matrix) for matrix in matrices], 0))
    tall = max(height_in_world(matrix, person, centre) for matrix, person in zip(matrices, people))
    lower, upper = centre - 0.8 * tall, centre + 0.8 * tall
    points, cell = np.zeros((0, 3)), 0.0
    for _ in range(ROUNDS):
        points, cell = hull_points(matrices, people, lower, upper)
        if covered_share(matrices, people, points, cell) < LEAST_COVERED:
            raise UserError(contradiction(matrices, people, names, lower, upper))
        lower, upper = points.min(0) - 1.5 * cell, points.max(0) + 1.5 * cell
    rotation = facing_front(turn @ (camera_centre(matrices[0]) - points.mean(0))) @ turn
    half_cell = rotation[1] * cell / 2
    body_from_world = body_from_vertices(np.concatenate([points - half_cell, points + half_cell]), rotation)
    return BodyFrame(torch.from_numpy(np.linalg.inv(body_from_world)))


def normalised(matrix: np.ndarray, name: str) -> np.ndarray:
    """With depth along the optical axis in the world's units, up to its sign."""
    scale = np.linalg.norm(matrix[2, :3])
    if scale == 0 or abs(np.linalg.det(matrix[:, :3] / max(scale, 1e-300))) < 1e-12:
        raise UserError(f"the projection of {name} is singular; give the 3 x 4 matrix that maps points to pixels")
    return matrix / scale


def nearest_point(matrices: np.ndarray, people: list[Person]) -> np.ndarray:
    """The point nearest to the rays through the middles of the masks."""
    left_side, right_side = np.zeros((3, 3)), np.zeros(3)
    for matrix, person in zip(matrices, people):
        left, top, right, bottom = person.box
        ray = np.linalg.solve(matrix[:, :3], [(left + right) / 2, (top + bottom) / 2, 1])
        ray /= np.linalg.norm(ray)
        across = np.eye(3) - np.outer(ray, ray)
        left_side += across
        right_side += across @ camera_centre(matrix)
    return np.linalg.lstsq(left_side, right_side, rcond=None)[0]


def height_in_world(matrix: np.ndarray, person: Person, centre: np.ndarray) -> float:
    """How tall a person at `centre` is in the world's units, as one picture shows it."""
    depth = matrix[2] @ np.append(centre, 1)
    left, top, right, bottom = person.box
    upright = np.linalg.solve(matrix[:, :3], [0, (bottom - top) * depth, 0])
    across = np.linalg.solve(matrix[:, :3], [(right - left) * depth, 0, 0])
    return float(max(np.linalg.norm(upright), np.linalg.norm(across)))


def hull_points(
    matrices: np.ndarray, people: list[Person], lower: np.ndarray, upper: np.ndarray
) -> tuple[np.ndarray, float]:
    """Middles [p, 3] of the cells of a grid that lie in every mask, and the cells' side."""
    cell = float((upper - lower).max()) / CELLS
    axes = [np.arange(low + cell / 2, high, cell) for low, high in zip(lower, upper)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    for matrix, person in zip(matrices, people):
        points = points[in_mask(matrix, person.mask, points)]
    return points, cell


def in_mask(matrix: np.ndarray, mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    h = points @ matrix[:, :3].T + matrix[:, 3]
    pixels = np.floor(h[:, :2] / np.where(h[:, 2:] > 1e-9, h[:, 2:], np.inf)).clip(-1, 1e6).astype(int)
    seen = (pixels >= 0).all(1) & (pixels[:, 0] < mask.shape[1]) & (pixels[:, 1] < mask.shape[0]) & (h[:, 2] > 1e-9)
    found = np.zeros(len(points), dtype=bool)
    found[seen] = mask[pixels[seen, 1], pixels[seen, 0]]
    return found


def covered_share(matrices: np.ndarray, people: list[Person], points: np.ndarray, cell: float) -> float:
    """Over all pictures the least share of the mask's height or width that the hull's points span."""
    if not len(points):
        return 0.0
    shares = []
    for matrix, person in zip(matrices, people):
        h = points @ matrix[:, :3].T + matrix[:, 3]
        left, top, right, bottom = person.box
        for axis, side in ((0, right - left), (1, bottom - top)):
            cell_pixels = cell * float(np.linalg.norm(matrix[axis, :3])) / float(h[:, 2].mean())
            shares.append((float(np.ptp(h[:, axis] / h[:, 2])) + cell_pixels) / side)
    return min(shares)


def contradiction(
    matrices: np.ndarray, people: list[Person], names: list[str], lower: np.ndarray, upper: np.ndarray
) -> str:
    """Which camera the others agree without."""
    covered = []
    for left_out in range(len(people)):
        others = [number for number in range(len(people)) if number != left_out]
        rest = [people[other] for other in others]
        covered.append(covered_share(matrices[others], rest, *hull_points(matrices[others], rest, lower, upper)))
    best = int(np.argmax(covered))
    if len(names) > 2 and covered[best] >= LEAST_COVERED:
        return (
            f"the camera of {names[best]} contradicts the others, which agree without it; check its projection and its "
            "mask, or leave the view out"
        )
    return (
        f"the masks of {', '.join(names)} do not belong to one body in space; check that every projection maps "
        "points to pixels of its own picture (x right, y down) and that all share one world"
    )
