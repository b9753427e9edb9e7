"""The cube of voxels around a body.

Convention: the cube has the side 198 cm (1.1 times the height that bodies are normalised to) around the body's origin.
A grid of r voxels a side has the axes z, y, x (slowest first) and its values belong to the centres of voxels: voxel i
lies at (i + 1/2) * 198 / r - 99 cm. Worked numbers: 64 voxels are 3.09 cm wide, and the first centre is at -97.45 cm.
"""

import torch
from jaxtyping import Float
from torch import Tensor

HALF_CUBE_CM = 99.0


def voxel_axis(resolution: int) -> Float[Tensor, " r"]:
    """Centres along one axis, in centimetres."""
    return ((torch.arange(resolution) + 0.5) * 2 / resolution - 1) * HALF_CUBE_CM


def voxel_centres(resolution: int) -> Float[Tensor, "p 3"]:
    """Positions (x, y, z) of all centres in centimetres, in the order of a flattened grid."""
    axis = voxel_axis(resolution)
    return torch.cartesian_prod(axis, axis, axis).flip(-1)


def position_in_cube(points_cm: Float[Tensor, "b p 3"]) -> Float[Tensor, "b p 3"]:
    """Between the faces of the cube as [-1, 1]. Differentiable."""
    return points_cm / HALF_CUBE_CM
