"""What a reconstruction's folds are measured against, band by band (the regression itself: `metrics.bands`)."""

import torch
from torch import Tensor

from datamodules.samples import BandTruth
from datamodules.synthetic.human_blocks import Part
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_mesh import field_gradient, human_mesh, newton_step
from datamodules.synthetic.human_parameters import HumanParameters
from models.geometry.mesh import Mesh

FARTHEST_SHIFT_CM = 3.0
SHIFTS = 25
MOST_INTERPLAY_CM = 0.05
"""Where bands displace by more or less than the sum of their heights, another garment or a seam is near."""
MOST_ROUNDS = 30
CLOTH = (Part.UPPER, Part.OUTER, Part.LOWER)


def band_truth(
    parameters: HumanParameters, count: int, generator: torch.Generator, *, mesh: Mesh | None = None
) -> BandTruth:
    """Points q = `count` on folded cloth, uniform by area, with what each band does there.

    heights_cm[:, k] = f without band k − f: the displacement by band k. smooth_field_cm: the field without folds, but
    with buttons and pockets, at points + shift · normal, whose value at a reconstruction's crossing is how far the
    reconstruction lies outside the smooth cloth. Normals are those of the smooth field: along them folds are displaced.

    mesh: the person's `human_mesh` where it exists already; made at 256 cells otherwise.
    """
    field, smooth = HumanField(parameters), HumanField(parameters, bands=())
    without = [HumanField(parameters, bands=tuple(b for b in (1, 2, 3) if b != band)) for band in (1, 2, 3)]
    mesh = human_mesh(field, 256) if mesh is None else mesh
    points, heights = _cloth_points(field, smooth, without, mesh, count, generator)
    normals = torch.nn.functional.normalize(field_gradient(smooth, points), dim=-1)
    shifts = torch.linspace(-FARTHEST_SHIFT_CM, FARTHEST_SHIFT_CM, SHIFTS)
    along = points[:, None] + shifts[:, None] * normals[:, None]
    smooth_values = smooth(along.flatten(0, 1)).unflatten(0, (count, SHIFTS))
    return BandTruth(points, normals, shifts, smooth_values, heights)


def _cloth_points(
    field: HumanField, smooth: HumanField, without: list[HumanField], mesh: Mesh, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """[count, 3] on the full field's surface where folds alone displace it, and [count, 3] by how much each band."""
    cloth = torch.tensor(CLOTH)
    kept: list[tuple[Tensor, Tensor]] = []
    while sum(len(points) for points, _ in kept) < count:
        if len(kept) == MOST_ROUNDS:
            raise ValueError(
                f"The person of seed {field.parameters.seed} shows too little cloth for {count} points: ask for fewer."
            )
        points = uniform_on_mesh(mesh, 2 * count, generator)
        for _ in range(2):
            points = newton_step(field, points, clip_cm=0.4, epsilon_cm=0.02)
        value = field(points)
        points, value = (some[value.abs() < 0.02] for some in (points, value))
        worn = torch.isin(field.parts(points), cloth) & torch.isin(smooth.parts(points), cloth)
        points, value = points[worn], value[worn]
        heights = torch.stack([one(points) - value for one in without], 1)
        alone = (smooth(points) - value - heights.sum(1)).abs() < MOST_INTERPLAY_CM
        kept.append((points[alone], heights[alone]))
    points, heights = (torch.cat(some)[:count] for some in zip(*kept))
    return points, heights


def uniform_on_mesh(mesh: Mesh, count: int, generator: torch.Generator) -> Tensor:
    """[count, 3] points uniform by area."""
    corners = mesh.vertices[mesh.faces]
    areas = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=-1)
    chosen = torch.multinomial(areas, count, replacement=True, generator=generator)
    root, share = torch.rand(2, count, 1, generator=generator)
    root = root.sqrt()
    weights = torch.cat([1 - root, root * (1 - share), root * share], 1)
    return (corners[chosen] * weights[..., None]).sum(1)
