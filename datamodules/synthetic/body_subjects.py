"""One synthetic person, ready to be photographed."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from datamodules.synthetic.body_photographs import mesh_sky
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_mesh import human_mesh
from datamodules.synthetic.human_parameters import HumanParameters
from models.geometry.mesh import Mesh


class BodySubject(NamedTuple):
    parameters: HumanParameters
    field: HumanField
    mesh: Mesh
    """In the body frame, with the field's colours at its vertices."""
    sky: Tensor
    """[v] share of the sky that each vertex sees."""

    @property
    def scale(self) -> float:
        """Body centimetres a centimetre of the scan: 180 / height."""
        return self.parameters.normalisation.scale

    @property
    def scan_centre_cm(self) -> np.ndarray:
        """[3] the body's origin in the frame of a scan: natural size, the lowest point at y = 0."""
        x, _, z = self.parameters.normalisation.centre
        return np.array([x, 90 / self.scale, z])

    def scanned(self) -> Mesh:
        """The mesh in the frame of the scan, centimetres."""
        centre = torch.from_numpy(self.scan_centre_cm).float()
        return self.mesh.with_vertices(self.mesh.vertices / self.scale + centre)


def human_seed(seed: int, index: int) -> int:
    """The seed of person `index` of a data set."""
    return int(np.random.SeedSequence((seed, index)).generate_state(1)[0])


def random_of_subject(seed: int, index: int) -> np.random.Generator:
    """What is random about a person's pictures, apart from the person."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, index, 1))))


@torch.no_grad()
def subject_of(parameters: HumanParameters, mesh_resolution: int) -> BodySubject:
    """mesh_resolution: cells along the longest side."""
    field = HumanField(parameters)
    mesh = human_mesh(field, mesh_resolution)
    coloured = Mesh(mesh.vertices, mesh.faces, vertex_colors=field.albedo(mesh.vertices).clamp(0, 1))
    return BodySubject(parameters, field, coloured, mesh_sky(field, mesh))
