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
SHIFTS = 61
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
    field = HumanField(parameters)
    mesh = human_mesh(field, 256) if mesh is None else mesh
    smooth = HumanField(parameters, bands=())
    points = _cloth_points(field, smooth, mesh, count, generator)
    normals = torch.nn.functional.normalize(field_gradient(smooth, points), dim=-1)
    value = field(points)
    heights = [
        HumanField(parameters, bands=tuple(b for b in (1, 2, 3) if b != band))(points) - value for band in (1, 2, 3)
    ]
    shifts = torch.linspace(-FARTHEST_SHIFT_CM, FARTHEST_SHIFT_CM, SHIFTS)
    along = points[:, None] + shifts[:, None] * normals[:, None]
    smooth_values = smooth(along.flatten(0, 1)).unflatten(0, (count, SHIFTS))
    return BandTruth(points, normals, shifts, smooth_values, torch.stack(heights, 1))


def _cloth_points(field: HumanField, smooth: HumanField, mesh: Mesh, count: int, generator: torch.Generator) -> Tensor:
    """[count, 3] on the full field's surface where folds displace it."""
    corners = mesh.vertices[mesh.faces]
    areas = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=-1)
    kept: list[Tensor] = []
    number = 0
    for _ in range(20):
        chosen = torch.multinomial(areas, 2 * count, replacement=True, generator=generator)
        weights = torch.rand(2 * count, 2, generator=generator)
        root = weights[:, :1].sqrt()
        weights = torch.cat([1 - root, root * (1 - weights[:, 1:]), root * weights[:, 1:]], 1)
        points = (corners[chosen] * weights[..., None]).sum(1)
        for _ in range(2):
            points = newton_step(field, points, clip_cm=0.4, epsilon_cm=0.02)
        on_cloth = torch.isin(field.parts(points), torch.tensor(CLOTH)) & torch.isin(
            smooth.parts(points), torch.tensor(CLOTH)
        )
        on_cloth &= field(points).abs() < 0.02
        kept.append(points[on_cloth])
        number += int(on_cloth.sum())
        if number >= count:
            return torch.cat(kept)[:count]
    raise ValueError(
        f"The person of seed {field.parameters.seed} shows too little cloth for {count} points: ask for fewer."
    )
