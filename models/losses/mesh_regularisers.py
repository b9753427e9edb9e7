"""What keeps a deformed template a smooth and plausible surface.

Sums and means differ from term to term, as in the method they come from (Zheng et al., "3D Magic Mirror", which took
the first two from Kanazawa et al. and DIB-R), and the weights belong to them: nothing here may be normalised.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.geometry.normals import face_normals

DEPTH_OF_THE_RIM = 0.001
"""Model units; front vertices are drawn to this depth, back ones to its negative, so that the sheets never cross."""


def laplacian_loss(offsets: Float[Tensor, "b v 3"], laplacian: Float[Tensor, "v v"]) -> Float[Tensor, ""]:
    """Batch mean of Σ_v ‖(L Δ)_v‖²: a SUM over vertices and coordinates. Differentiable in the offsets.

    ``laplacian`` is D⁻¹A - I, dense or sparse: of the OFFSETS, so that the template's own curvature is free.
    """
    b, v, _ = offsets.shape
    rows = offsets.transpose(0, 1).reshape(v, 3 * b)  # one product for the batch, sparse or not
    return (laplacian @ rows).square().sum() / b


def flatness_loss(
    vertices: Float[Tensor, "b v 3"], faces: Int[Tensor, "f 3"], edge_faces: Int[Tensor, "e 2"]
) -> Float[Tensor, ""]:
    """Batch mean of Σ_edges (cos(n₁, n₂) - 1)²: a SUM over the edges of a closed mesh, n the normals at its sides.

    0 for a plane, 4 for an edge folded back upon itself. Differentiable in the vertices.
    """
    normals = face_normals(vertices, faces)
    first, second = (normals.index_select(1, side) for side in edge_faces.unbind(1))
    return ((first * second).sum(-1) - 1).square().sum(1).mean()


def edge_length_loss(vertices: Float[Tensor, "b v 3"], edges: Int[Tensor, "e 2"]) -> Float[Tensor, ""]:
    """Batch mean of ‖lengths - their mean‖₂: the 2-norm of the vector of all edges of a mesh, which grows with √e.

    Differentiable in the vertices. (The authors' code hides a factor of 0.1 here; it stands with the weights.)
    """
    start, end = (vertices.index_select(1, side) for side in edges.unbind(1))
    length = torch.linalg.vector_norm(start - end, dim=-1)
    return torch.linalg.vector_norm(length - length.mean(1, keepdim=True), dim=1).mean()


def depth_prior_loss(
    vertices: Float[Tensor, "b v 3"],
    initial_z: Float[Tensor, " v"],
    ratio: int | float,
    falloff: Literal["exponential", "quadratic"],
) -> Float[Tensor, ""]:
    """Mean over meshes and vertices of (z ∓ 0.001)² · w: what lies far from the axis is drawn to the plane z = 0.

    With r² = x² + (y / ratio)², w is exp(2 r²) for "exponential" (people: depthR) and r² for "quadratic" (birds:
    depthC). Differentiable in z alone; x and y are fixed.

    Args:
        vertices: deformed, model units.
        initial_z: of the first template, whatever the template became: z ≥ 0 is the front.
        ratio: height / width of the pictures.
    """
    x, y, z = vertices.unbind(-1)
    target = torch.where(initial_z >= 0, DEPTH_OF_THE_RIM, -DEPTH_OF_THE_RIM).to(z)
    radius = (x.square() + (y / ratio).square()).detach()
    weight = (2 * radius).exp() if falloff == "exponential" else radius
    return ((z - target).square() * weight).mean()


def deformation_loss(offsets: Float[Tensor, "b v 3"]) -> Float[Tensor, ""]:
    """Mean over meshes and vertices of ‖Δ_v‖₂. Differentiable; the gradient of an offset of 0 is 0."""
    return torch.linalg.vector_norm(offsets, dim=-1).mean()


def mirror_loss(
    offsets: Float[Tensor, "b v 3"], mirror_z: Int[Tensor, " v"], initial_z: Float[Tensor, " v"]
) -> Float[Tensor, ""]:
    """Mean over meshes and vertices of g_v · ‖Δ_v - mirrored Δ_v‖₂: front and back bulge alike.

    The mirrored Δ of a vertex is that of its z-mirror image with z negated. The gate g_v is 1 where the mirror image
    moves away from the plane z = 0, its Δz having the sign of its own ``initial_z``, and 0 otherwise, and where that
    is 0: sheets that pass through each other are not pulled along. Differentiable in the offsets, through both sides.
    """
    mirrored = offsets.index_select(1, mirror_z) * offsets.new_tensor([1.0, 1.0, -1.0])
    outward = (offsets.detach()[..., 2] * initial_z > 0).to(offsets.dtype)
    distance = torch.linalg.vector_norm(offsets - mirrored, dim=-1)
    return (distance * outward.index_select(1, mirror_z)).mean()
