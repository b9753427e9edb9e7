import pytest
import torch

from models.geometry.primitives import icosphere, quad_grid, uv_sphere
from models.rendering.interpolate import interpolate_corners
from models.rendering.rasterize import rasterize
from models.rendering.textures import dilate, sample_texture, to_uv, uv_rasterization


def texel_centres(h: int, w: int) -> torch.Tensor:
    """The UV position of every texel centre of an h x w texture, [1 2 h w]."""
    u = (torch.arange(w, dtype=torch.float64) + 0.5) / w
    v = 1 - (torch.arange(h, dtype=torch.float64) + 0.5) / h
    return torch.stack((u.expand(h, w), v[:, None].expand(h, w)))[None]


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 6), (4, 0), (4, 6), (2, 3)])
def test_one_hot_texel_is_read_back_exactly(row: int, column: int) -> None:
    texture = torch.zeros(1, 1, 5, 7, dtype=torch.float64)
    texture[0, 0, row, column] = 1
    torch.testing.assert_close(sample_texture(texture, texel_centres(5, 7)), texture, atol=1e-12, rtol=0)


def test_v_points_up() -> None:
    texture = torch.zeros(1, 1, 4, 4)
    texture[0, 0, 0] = 1  # the top row is v = 1
    uv = torch.tensor([[0.5, 1.0], [0.5, 0.0]]).T[None, :, None]
    assert sample_texture(texture, uv).flatten().tolist() == [1, 0]


def test_reading_is_linear_between_texel_centres_and_constant_beyond() -> None:
    texture = torch.arange(4.0).expand(1, 1, 2, 4)
    u = torch.tensor([0.0, 0.125, 0.25, 0.5, 0.875, 1.0])
    uv = torch.stack((u, torch.full_like(u, 0.5)))[None, :, None]
    assert sample_texture(texture, uv).flatten().tolist() == [0, 0, 0.5, 1.5, 3, 3]


def test_texture_gradients_by_finite_differences() -> None:
    texture = torch.rand(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    uv = (0.2 + 0.6 * torch.rand(1, 2, 3, 4, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(sample_texture, (texture, uv))


def test_uv_rasterization_names_the_point_under_each_texel() -> None:
    mesh = quad_grid(3, 4)
    assert mesh.uv is not None
    assert mesh.face_uv is not None
    grid = uv_rasterization(mesh.uv, mesh.face_uv, (10, 12))
    assert grid.valid.all()
    uv = to_uv(mesh.uv[None].double(), mesh.face_uv, grid)
    torch.testing.assert_close(uv, texel_centres(10, 12), atol=1e-6, rtol=0)


def test_uv_outside_the_layout_is_not_valid() -> None:
    uv = torch.tensor([[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]])
    grid = uv_rasterization(uv, torch.tensor([[0, 1, 2]]), (8, 8))
    assert not grid.valid[:4].any()
    assert not grid.valid[:, 4:].any()
    assert grid.valid[7, 0]
    assert (grid.face_index[~grid.valid] == -1).all()
    assert (grid.barycentrics[~grid.valid] == 0).all()
    assert to_uv(torch.ones(1, 3, 1), torch.tensor([[0, 1, 2]]), grid)[0, 0, 0, 0] == 0


def test_to_uv_agrees_with_a_loop_forward_and_backward() -> None:
    mesh = uv_sphere(6, 8)
    assert mesh.uv is not None
    assert mesh.face_uv is not None
    grid = uv_rasterization(mesh.uv, mesh.face_uv, (9, 14))
    attributes = torch.randn(2, len(mesh.vertices), 3, dtype=torch.float64)
    fast, plain = attributes.clone().requires_grad_(), attributes.clone().requires_grad_()
    picture = to_uv(fast, mesh.faces, grid)
    truth = torch.zeros(2, 3, 9, 14, dtype=torch.float64)
    for row, column in grid.valid.nonzero().tolist():
        corners = mesh.faces[grid.face_index[row, column]]
        truth[:, :, row, column] = (plain[:, corners] * grid.barycentrics[row, column, :, None]).sum(1)
    upstream = torch.randn_like(truth)
    torch.testing.assert_close(picture, truth)
    picture.backward(upstream)
    truth.backward(upstream)
    torch.testing.assert_close(fast.grad, plain.grad)


def test_dilation_keeps_known_texels_and_continues_them() -> None:
    valid = torch.zeros(9, 9, dtype=torch.bool)
    valid[3:6, 3:6] = True
    picture = torch.rand(1, 2, 9, 9)
    one, three = dilate(picture, valid, steps=1), dilate(picture, valid, steps=3)
    assert torch.equal(one[..., 3:6, 3:6], picture[..., 3:6, 3:6])
    torch.testing.assert_close(one[..., 2, 2], picture[..., 3, 3])  # a corner has one known neighbour
    torch.testing.assert_close(one[..., 2, 4], picture[..., 3, 3:6].mean(-1))
    assert (one[..., 1, :] == 0).all()
    assert (three != 0).all()


def test_no_background_at_seams_after_dilation() -> None:
    """A sphere whose islands are white on a black texture is white all over, seams included."""
    mesh = icosphere(2)
    uv, face_uv = _one_island_a_face(len(mesh.faces))
    grid = uv_rasterization(uv, face_uv, (128, 128))
    white = grid.valid[None, None].float()
    scale = torch.tensor([25.0, -25.0, -25.0])
    vertices_screen = (mesh.vertices * scale + torch.tensor([32.0, 32.0, 100.0]))[None]
    fragments = rasterize(vertices_screen, mesh.faces, (64, 64), perspective=False)
    seen = interpolate_corners(uv[face_uv], fragments)
    covered = fragments.face_index >= 0
    bleeding = sample_texture(white, seen)[:, 0][covered]
    filled = sample_texture(dilate(white, grid.valid, steps=2), seen)[:, 0][covered]
    assert bleeding.min() < 0.7  # what dilation is for
    assert filled.min() > 1 - 1e-5


def _one_island_a_face(faces: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A layout in which every triangle has an island of its own, one cell of a square grid."""
    cells = int(faces**0.5) + 1
    index = torch.arange(faces)
    corner = torch.stack((index % cells, index // cells), -1)[:, None]
    triangle = torch.tensor([[0.15, 0.15], [0.85, 0.15], [0.15, 0.85]])
    return ((corner + triangle) / cells).reshape(-1, 2), torch.arange(3 * faces).view(faces, 3)
