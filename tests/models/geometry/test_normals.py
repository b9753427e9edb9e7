"""Hand-written gradients against autograd's of the readable formulas in float64."""

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from models.geometry.mesh import Mesh
from models.geometry.normals import face_area_vectors, face_normals, grid_normals, vertex_normals
from models.geometry.primitives import cube, icosphere, quad_grid, torus


def readable_vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    a, b, c = vertices[:, faces].unbind(2)
    area_vectors = torch.linalg.cross(b - a, c - a)
    summed = torch.zeros_like(vertices).index_add(1, faces.flatten(), area_vectors.repeat_interleave(3, 1))
    return torch.nn.functional.normalize(summed, dim=-1, eps=1e-30)


def readable_grid_normals(positions: Tensor, valid: Tensor) -> Tensor:
    """Texel by texel, as the docstring of `grid_normals` says it."""
    _, _, height, width = positions.shape

    def difference(row: int, column: int, down: int, right: int) -> Tensor | None:
        ends = []
        for sign in (1, -1):
            i, j = row + sign * down, column + sign * right
            inside = 0 <= i < height and 0 <= j < width and bool(valid[i, j])
            ends.append((i, j) if inside else (row, column))
        (i1, j1), (i0, j0) = ends
        return None if ends[0] == ends[1] else (positions[:, :, i1, j1] - positions[:, :, i0, j0])

    zero = torch.zeros_like(positions[:, :, 0, 0])
    rows = []
    for row in range(height):
        texels = []
        for column in range(width):
            along_u = difference(row, column, 0, 1)
            along_v = difference(row, column, -1, 0)
            if not valid[row, column] or along_u is None or along_v is None:
                texels.append(zero)
            else:
                texels.append(torch.nn.functional.normalize(torch.linalg.cross(along_u, along_v), dim=1))
        rows.append(torch.stack(texels, -1))
    return torch.stack(rows, -2)


def ragged_mask(height: int, width: int) -> Tensor:
    mask = torch.ones(height, width, dtype=torch.bool)
    mask[0, :3] = mask[4:6, 4] = mask[2, 2] = False
    mask[:, -2] = False  # the last column stands alone
    mask[5:, 0] = False
    return mask


def shaken(mesh: Mesh, batch: int) -> Tensor:
    return mesh.vertices + 0.05 * torch.randn(batch, *mesh.vertices.shape, generator=torch.manual_seed(0))


@pytest.mark.parametrize(
    "mesh", [icosphere(2), cube(), torus(6, 9), quad_grid(5, 4)], ids=["sphere", "cube", "torus", "grid"]
)
@pytest.mark.parametrize("batch", [1, 3])
def test_vertex_normals_agree_with_the_readable_formula(mesh: Mesh, batch: int) -> None:
    fast = shaken(mesh, batch).requires_grad_()
    truth = fast.detach().double().requires_grad_()
    normals, true_normals = vertex_normals(fast, mesh.faces), readable_vertex_normals(truth, mesh.faces)
    upstream = torch.randn(normals.shape, generator=torch.manual_seed(1))
    (gradient,) = torch.autograd.grad(normals, fast, upstream)
    (true_gradient,) = torch.autograd.grad(true_normals, truth, upstream.double())
    torch.testing.assert_close(normals.double(), true_normals, rtol=0, atol=2e-6)
    torch.testing.assert_close(gradient.double(), true_gradient, rtol=0, atol=3e-6 * float(true_gradient.abs().max()))


def test_vertex_normals_pass_gradcheck() -> None:
    mesh = icosphere(0)
    assert gradcheck(lambda v: vertex_normals(v, mesh.faces), shaken(mesh, 2).double().requires_grad_())


def test_normals_of_a_sphere_point_outward() -> None:
    mesh = icosphere(4)
    normals = vertex_normals(mesh.vertices[None].double(), mesh.faces)[0]
    assert float((normals * mesh.vertices).sum(1).min()) > math.cos(math.radians(0.5))
    centres = mesh.vertices[mesh.faces].mean(1)
    assert float((face_normals(mesh.vertices[None], mesh.faces)[0] * centres).sum(1).min()) > 0.99


def test_area_vectors_sum_to_the_area_and_to_zero() -> None:
    mesh = icosphere(4)
    vectors = face_area_vectors(mesh.vertices[None].double(), mesh.faces)[0]
    assert float(vectors.norm(dim=1).sum() / 2) == pytest.approx(4 * math.pi, rel=3e-3)
    torch.testing.assert_close(vectors.sum(0), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-6)


def test_degenerate_faces_and_lonely_vertices_have_normal_and_gradient_zero() -> None:
    vertices = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]]]).requires_grad_()
    faces = torch.tensor([[0, 1, 2]])
    for normals in (vertex_normals(vertices, faces), face_normals(vertices, faces)):
        assert not normals.any()
        (gradient,) = torch.autograd.grad(normals.sum(), vertices)
        assert not gradient.any()


def test_no_faces_and_no_batch_members_are_no_error() -> None:
    assert vertex_normals(torch.zeros(2, 4, 3), torch.zeros(0, 3, dtype=torch.long)).shape == (2, 4, 3)
    assert vertex_normals(torch.zeros(0, 12, 3), icosphere(0).faces).shape == (0, 12, 3)


@pytest.mark.parametrize("batch", [1, 2])
def test_grid_normals_agree_with_the_readable_loop(batch: int) -> None:
    height, width = 8, 7
    positions = torch.randn(batch, 3, height, width, generator=torch.manual_seed(0))
    fast, truth = positions.requires_grad_(), positions.detach().double().requires_grad_()
    for mask in (torch.ones(height, width, dtype=torch.bool), ragged_mask(height, width)):
        normals, true_normals = grid_normals(fast, mask), readable_grid_normals(truth, mask)
        upstream = torch.randn(normals.shape, generator=torch.manual_seed(1))
        (gradient,) = torch.autograd.grad(normals, fast, upstream)
        (true_gradient,) = torch.autograd.grad(true_normals, truth, upstream.double())
        torch.testing.assert_close(normals.double(), true_normals, rtol=0, atol=1e-5)
        torch.testing.assert_close(
            gradient.double(), true_gradient, rtol=0, atol=1e-5 * float(true_gradient.abs().max())
        )


def test_grid_normals_pass_gradcheck() -> None:
    positions = torch.randn(1, 3, 6, 7, generator=torch.manual_seed(3), dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda p: grid_normals(p, ragged_mask(8, 7)[:6]), positions)


def test_grid_normals_face_the_side_of_the_mesh_over_the_grid() -> None:
    grid = quad_grid(6, 9)
    bowl = grid.vertices.clone()
    bowl[:, 2] = 0.3 * (bowl[:, :2] ** 2).sum(1)
    position_map = bowl.reshape(6, 9, 3).permute(2, 0, 1)[None]
    from_grid = grid_normals(position_map, torch.ones(6, 9, dtype=torch.bool))[0]
    from_mesh = vertex_normals(bowl[None], grid.faces)[0].reshape(6, 9, 3).permute(2, 0, 1)
    cosine = (from_grid * from_mesh).sum(0)
    assert float(cosine.min()) > 0.98
    assert float(from_grid[2].min()) > 0


def test_an_isolated_texel_and_an_invalid_one_are_zero() -> None:
    mask = torch.zeros(5, 5, dtype=torch.bool)
    mask[1, 1] = mask[3, 3] = mask[3, 4] = True
    assert not grid_normals(torch.randn(1, 3, 5, 5, generator=torch.manual_seed(0)), mask).any()
