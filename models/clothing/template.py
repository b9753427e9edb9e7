"""The template that every garment is a deformation of: an ellipsoid with a texture that is mirrored front to back."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.geometry.mesh import Mesh
from models.geometry.primitives import icosphere
from models.geometry.topology import unique_edges, vertex_neighbours

PERSON_HALF_EXTENTS = (0.45, 0.9, 0.225)
BIRD_HALF_EXTENTS = (0.9, 0.9, 0.45)


class ClothingTemplate(NamedTuple):
    """What all garments share: connectivity, texture coordinates, neighbours, and where training starts.

    +y up, z > 0 front, model units. `vertices` are those of the initial ellipsoid; the evolving template is a tensor of
    its own that goes beside.
    """

    vertices: Float[Tensor, "v 3"]
    faces: Int[Tensor, "f 3"]
    """Counter-clockwise seen from outside."""
    uv: Float[Tensor, "t 2"]
    """u from -x to +x; v from the bottom (0) up the front to the top (½) and down the back (1). The back corners of the
    few faces across the bottom seam have v slightly below 0, where a texture repeats."""
    face_uv: Int[Tensor, "f 3"]
    mirror_z: Int[Tensor, " v"]
    """The vertex at (x, y, -z): an involution; vertices with z = 0 are their own mirror images."""
    laplacian: Float[Tensor, "v v"]
    """D⁻¹A - I: the mean of the neighbours minus the vertex. Rows sum to 0."""
    edges: Int[Tensor, "e 2"]
    edge_faces: Int[Tensor, "e 2"]
    """The two faces at every edge."""

    def to(self, device: torch.device | str) -> "ClothingTemplate":
        return ClothingTemplate(*(part.to(device) for part in self))

    def mesh(self, vertices: Float[Tensor, "v 3"], texture: Float[Tensor, "3 h w"] | None = None) -> Mesh:
        """One garment, ready to be written."""
        return Mesh(vertices, self.faces, self.uv, self.face_uv, texture)


def ellipsoid_template(
    half_extents: tuple[float, float, float] = PERSON_HALF_EXTENTS, subdivisions: int = 3
) -> ClothingTemplate:
    """An icosphere stretched to the half extents: 642 vertices, 1280 faces and 1920 edges with three subdivisions.

    Two icosahedron edges lie in the plane z = 0 at the ±x ends; 32 vertices lie in it and 32 in the plane x = 0.

    Raises ValueError for a half extent that is not positive.
    """
    if min(half_extents) <= 0:
        raise ValueError(f"The template's half extents are {half_extents}: give three positive lengths.")
    sphere = icosphere(subdivisions)
    # a quarter turn about x puts the icosahedron as in Zheng et al.'s sphere
    x, y, z = sphere.vertices.unbind(1)
    positions = torch.stack([x, -z, y], 1)
    uv, face_uv = sphere_uv(positions, sphere.faces)
    topology = unique_edges(sphere.faces)
    mirrored = positions * positions.new_tensor([1, 1, -1])
    return ClothingTemplate(
        vertices=positions * positions.new_tensor(half_extents),
        faces=sphere.faces,
        uv=uv,
        face_uv=face_uv,
        mirror_z=torch.cdist(mirrored.double(), positions.double()).argmin(1),
        laplacian=mesh_laplacian(sphere.faces, len(positions)),
        edges=topology.edges,
        edge_faces=topology.edge_faces,
    )


def sphere_uv(
    positions: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]
) -> tuple[Float[Tensor, "t 2"], Int[Tensor, "f 3"]]:
    """u = ½ + asin(x)/π and v = frac(¼ + atan2(y, z)/2π), made continuous inside every face.

    A face across or at the bottom seam gets v beyond it: 1 on back faces, slightly below 0 at the back corners of faces
    that have the seam in their middle. At the poles, where v has no value, it is the mean of the face's other corners.
    """
    corners = positions[faces].double()
    x, y, z = corners.unbind(-1)
    u = 0.5 + torch.asin(x.clamp(-1, 1)) / math.pi
    v = (0.25 + torch.atan2(y, z) / (2 * math.pi)) % 1.0
    polar = y.square() + z.square() < 1e-9
    highest = v.masked_fill(polar, -1).amax(1)
    lowest = v.masked_fill(polar, 2).amin(1)
    torn = (highest - lowest > 0.5)[:, None]
    behind = (z.mean(1) < -1e-6)[:, None]
    v = torch.where(torn & behind & (v < 0.5), v + 1, v)
    v = torch.where(torn & ~behind & (v > 0.5), v - 1, v)
    others = v.masked_fill(polar, 0).sum(1) / (~polar).sum(1)
    v = torch.where(polar, others[:, None], v)
    uv, face_uv = torch.unique(torch.stack([u, v], -1).float().reshape(-1, 2), dim=0, return_inverse=True)
    return uv, face_uv.reshape(-1, 3)


def mesh_laplacian(faces: Int[Tensor, "f 3"], number_of_vertices: int) -> Float[Tensor, "v v"]:
    """D⁻¹A - I of the mesh's edges, dense: 1.6 MB for 642 vertices."""
    neighbours = vertex_neighbours(faces, number_of_vertices)
    degree = neighbours.offsets.diff()
    rows = torch.repeat_interleave(torch.arange(number_of_vertices), degree)
    laplacian = -torch.eye(number_of_vertices)
    laplacian[rows, neighbours.indices] = (1 / degree)[rows]
    return laplacian
