import pytest
import torch

from models.geometry.primitives import quad_grid, uv_sphere
from models.rendering.interpolate import interpolate_corners
from models.rendering.rasterize import rasterize
from models.rendering.textures import UvGrid, dilate, sample_texture, to_uv, uv_rasterization
from models.rendering.unwrapping import unwrap, unwrap_chen2020


def smooth_picture(h: int, w: int) -> torch.Tensor:
    y, x = torch.meshgrid(torch.linspace(0, 1, h), torch.linspace(0, 1, w), indexing="ij")
    return torch.stack((0.2 + 0.6 * x, 0.9 - 0.7 * y, 0.5 + 0.4 * torch.sin(3 * x + 2 * y)))[None]


def bump(h: int, w: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A curved sheet that fills the middle of an h x w picture: vertices on the screen, faces, uv, face_uv."""
    mesh = quad_grid(24, 20)
    assert mesh.uv is not None
    assert mesh.face_uv is not None
    u, v = mesh.uv.unbind(1)
    hill = torch.exp(-8 * ((u - 0.5) ** 2 + (v - 0.5) ** 2))
    screen = torch.stack((w * (0.1 + 0.8 * u + 0.05 * hill), h * (0.9 - 0.8 * v), 100 - 20 * hill), -1)
    return screen[None], mesh.faces, mesh.uv, mesh.face_uv


def away_from_the_rim(covered: torch.Tensor) -> torch.Tensor:
    """Pixels whose eight neighbours are covered too."""
    return torch.nn.functional.avg_pool2d(covered.float()[:, None], 3, 1, 1)[:, 0] > 0.99


@pytest.mark.parametrize("perspective", [False, True])
def test_unwrap_and_rewrap_is_the_picture_within_a_grey_level(perspective: bool) -> None:
    h, w = 80, 100
    image = smooth_picture(h, w)
    screen, faces, uv, face_uv = bump(h, w)
    grid = uv_rasterization(uv, face_uv, (128, 96))
    fragments = rasterize(screen, faces, (h, w), perspective=perspective)
    unwrapped, visible = unwrap(image, screen, faces, grid, fragments, perspective=perspective)
    rewrapped = sample_texture(dilate(unwrapped, grid.valid), interpolate_corners(uv[face_uv], fragments))
    error = (rewrapped - image).abs().amax(1)
    shifted = (image[..., 1:] - image[..., :-1]).abs().amax() / 2
    assert shifted > 1 / 255  # a half-pixel mistake would show
    covered = fragments.face_index >= 0
    assert error[away_from_the_rim(covered)].max() < 0.3 / 255
    assert error[covered].max() < 1.5 / 255  # half a texel from the sheet's end the last texel repeats
    assert visible[0, 2:-2, 2:-2].all()


def test_a_texel_reads_its_own_place() -> None:
    """A sheet parallel to the picture, a texel for a pixel: unwrapping is the identity, upright and not mirrored."""
    h, w = 12, 16
    screen = torch.tensor([[0.0, h, 10], [w, h, 10], [0, 0, 10], [w, 0, 10]])[None]
    uv = torch.tensor([[0.0, 0.0], [1, 0], [0, 1], [1, 1]])
    faces = torch.tensor([[0, 1, 3], [0, 3, 2]])
    grid = uv_rasterization(uv, faces, (h, w))
    image = torch.rand(1, 3, h, w)
    fragments = rasterize(screen, faces, (h, w), perspective=False)
    unwrapped, visible = unwrap(image, screen, faces, grid, fragments, perspective=False)
    torch.testing.assert_close(unwrapped, image, atol=1e-5, rtol=0)
    assert visible.all()


def test_the_front_of_a_sphere_is_visible_and_its_back_is_not() -> None:
    mesh = uv_sphere(48, 64)
    assert mesh.uv is not None
    assert mesh.face_uv is not None
    grid = uv_rasterization(mesh.uv, mesh.face_uv, (64, 128))
    screen = (mesh.vertices * torch.tensor([40.0, -40, -40]) + torch.tensor([48.0, 48, 200]))[None]
    fragments = rasterize(screen, mesh.faces, (96, 96), perspective=False)
    _, visible = unwrap(torch.rand(1, 3, 96, 96), screen, mesh.faces, grid, fragments, perspective=False)
    z = to_uv(mesh.vertices[None], mesh.faces, grid)[:, 2]
    assert visible[z > 0.2].all()
    assert not visible[z < 0].any()
    assert visible.float().sum() / grid.valid.float().sum() < 0.52


def two_sheets(hidden: slice) -> tuple[torch.Tensor, torch.Tensor, UvGrid, torch.Tensor]:
    """A wall (lower half of the texture) and a smaller sheet before it (upper half); the columns of the picture that
    the sheet covers."""
    wall = torch.tensor([[0.0, 64, 100], [64, 64, 100], [0, 0, 100], [64, 0, 100]])
    low, high = float(hidden.start), float(hidden.stop)
    sheet = torch.tensor([[low, 64, 80], [high, 64, 80], [low, 0, 80], [high, 0, 80]])
    uv = torch.tensor([[0, 0], [1, 0], [0, 0.5], [1, 0.5], [0, 0.5], [1, 0.5], [0, 1], [1, 1]], dtype=torch.float32)
    faces = torch.tensor([[0, 1, 3], [0, 3, 2], [4, 5, 7], [4, 7, 6]])
    return torch.cat((wall, sheet))[None], faces, uv_rasterization(uv, faces, (64, 32)), torch.arange(64)[hidden]


@pytest.mark.parametrize("perspective", [False, True])
def test_what_lies_behind_is_not_visible(perspective: bool) -> None:
    screen, faces, grid, _ = two_sheets(slice(16, 40))
    fragments = rasterize(screen, faces, (64, 64), perspective=perspective)
    image = torch.zeros(1, 1, 64, 64)
    image[..., 16:40] = 1  # the sheet is white, the wall black
    unwrapped, visible = unwrap(image, screen, faces, grid, fragments, perspective=perspective)
    sheet, wall = visible[0, :32], visible[0, 32:]
    assert sheet.all()
    assert torch.equal(unwrapped[0, 0, :32].round(), torch.ones(32, 32))
    expected = torch.ones(32, dtype=torch.bool)
    expected[8:20] = False  # two pixels a texel
    assert torch.equal(wall, expected.expand(32, 32))
    assert unwrapped[0, 0, 32:][wall].max() < 1e-5  # no white where it claims to see
    of_vertices = unwrap_chen2020(image, screen, faces, grid)
    assert of_vertices.shape == unwrapped.shape


def test_the_authors_unwrapping_takes_the_pixel_under_each_vertex_seen_or_not() -> None:
    screen, faces, grid, _ = two_sheets(slice(0, 64))  # the sheet covers the wall wholly
    image = torch.rand(1, 3, 64, 64)
    unwrapped = unwrap_chen2020(image, screen, faces, grid)
    torch.testing.assert_close(unwrapped[:, :, :32], unwrapped[:, :, 32:], atol=1e-5, rtol=0)  # the occluder's colour
    corner = to_uv(
        torch.stack([image[0, :, 63, 0], image[0, :, 63, 63], image[0, :, 0, 0], image[0, :, 0, 63]] * 2)[None],
        faces,
        grid,
    )
    torch.testing.assert_close(unwrapped, corner)


def test_outside_the_picture_is_not_visible() -> None:
    screen, faces, grid, _ = two_sheets(slice(16, 40))
    screen = screen + torch.tensor([1000.0, 0, 0])
    fragments = rasterize(screen, faces, (64, 64), perspective=False)
    unwrapped, visible = unwrap(torch.rand(1, 3, 64, 64), screen, faces, grid, fragments, perspective=False)
    assert not visible.any()
    assert unwrapped.isfinite().all()


def test_unwrapping_gradients_by_finite_differences() -> None:
    screen, faces, uv, face_uv = bump(12, 14)
    grid = uv_rasterization(uv, face_uv, (5, 6))
    screen = screen.double()
    fragments = rasterize(screen, faces, (12, 14))
    image = torch.rand(1, 2, 12, 14, dtype=torch.float64, requires_grad=True)
    moving = screen.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda i, s: unwrap(i, s, faces, grid, fragments)[0], (image, moving), fast_mode=True, eps=1e-7, atol=1e-4
    )


def test_fragments_of_another_size_are_refused() -> None:
    screen, faces, grid, _ = two_sheets(slice(16, 40))
    fragments = rasterize(screen, faces, (32, 64))
    with pytest.raises(ValueError, match="rasterize the mesh at the picture's size"):
        unwrap(torch.rand(1, 3, 64, 64), screen, faces, grid, fragments)


def test_visibility_follows_the_rasterized_picture() -> None:
    """Every covered pixel is seen by a visible texel: the tolerance does not eat the surface."""
    screen, faces, uv, face_uv = bump(40, 40)
    grid = uv_rasterization(uv, face_uv, (160, 160))
    fragments = rasterize(screen, faces, (40, 40))
    _, visible = unwrap(torch.rand(1, 3, 40, 40), screen, faces, grid, fragments)
    seen = sample_texture(visible[:, None].float(), interpolate_corners(uv[face_uv], fragments))
    assert seen[:, 0][away_from_the_rim(fragments.face_index >= 0)].min() > 1 - 1e-5
