import math

import pytest
import torch

from models.geometry.cameras import PerspectiveCamera, look_at
from models.geometry.normals import vertex_normals
from models.geometry.primitives import icosphere, quad_grid, uv_sphere
from models.rendering.interpolate import interpolate, interpolate_corners
from models.rendering.rasterize import rasterize
from models.rendering.render import Rendering, ShLight, TexturedSurface, render
from models.rendering.silhouettes import silhouette
from models.rendering.textures import sample_texture

SIZE = (72, 96)
FIELD_OF_VIEW = torch.tensor([0.7])


def camera(azimuth: float = 0.0, elevation: float = 0.0, distance: float = 4.0) -> PerspectiveCamera:
    pose = look_at(torch.tensor([azimuth]), torch.tensor([elevation]), torch.tensor([distance]))
    return PerspectiveCamera.from_field_of_view(pose, FIELD_OF_VIEW, SIZE)


def lit_sphere(direction: int, azimuth: float = 0.0, elevation: float = 0.0) -> Rendering:
    """A white sphere under a little ambient light and one entry of the band 1: 1 = z, 2 = x, 3 = y, camera space."""
    mesh = icosphere(4)
    view = camera(azimuth, elevation)
    normals = vertex_normals(mesh.vertices[None] @ view.camera_from_world[:, :3, :3].mT, mesh.faces)
    light = torch.zeros(1, 9, 3)
    light[:, 0], light[:, direction] = 1.5, 0.8
    white = torch.ones(1, len(mesh.vertices), 3)
    return render(view.to_screen(mesh.vertices[None]), mesh.faces, SIZE, white, ShLight(light, normals))


def halves(rendering: Rendering) -> tuple[float, float, float, float]:
    """Mean brightness left, right, above, below the middle of the picture."""
    h, w = SIZE
    image, mask = rendering.image[0].mean(0), rendering.mask[0, 0]
    parts = [(slice(None), slice(0, w // 2)), (slice(None), slice(w // 2, w)), (slice(0, h // 2),), (slice(h // 2, h),)]
    left, right, top, bottom = ((image[part].sum() / mask[part].sum()).item() for part in parts)
    return left, right, top, bottom


def test_light_from_the_right_brightens_the_right_and_from_above_the_top() -> None:
    left, right, top, bottom = halves(lit_sphere(2))
    assert right > left + 0.2
    assert top == pytest.approx(bottom, abs=0.01)
    left, right, top, bottom = halves(lit_sphere(3))
    assert top > bottom + 0.2
    assert left == pytest.approx(right, abs=0.01)


def test_the_light_stands_with_the_camera() -> None:
    assert halves(lit_sphere(2, azimuth=2.0, elevation=0.6)) == pytest.approx(halves(lit_sphere(2)), abs=0.02)


def letter_texture(size: int = 32) -> torch.Tensor:
    """A dark L on white: upright, its foot points right at the bottom."""
    texture = torch.ones(1, 3, size, size)
    texture[..., 4 : size - 4, 6:12] = 0
    texture[..., size - 10 : size - 4, 6 : size - 8] = 0
    return texture


def test_a_texture_appears_upright_and_not_mirrored() -> None:
    mesh = quad_grid(4, 4)
    assert mesh.uv is not None
    assert mesh.face_uv is not None
    view = camera()
    texture = letter_texture()
    surface = TexturedSurface(texture, mesh.uv, mesh.face_uv)
    shown = render(view.to_screen(mesh.vertices[None]), mesh.faces, SIZE, surface)
    covered = shown.mask[0, 0].nonzero()
    (top, left), (bottom, right) = covered.amin(0).tolist(), covered.amax(0).tolist()
    found = shown.image[..., top : bottom + 1, left : right + 1]
    expected = torch.nn.functional.interpolate(texture, found.shape[-2:], mode="bilinear", align_corners=False)
    assert (found - expected).abs().mean() < 0.02
    for wrong in (
        expected.flip(2),
        expected.flip(3),
        expected.transpose(2, 3)[..., : found.shape[2], : found.shape[3]],
    ):
        if wrong.shape == found.shape:
            assert (found - wrong).abs().mean() > 0.1


def test_a_sphere_shows_the_same_side_of_its_texture_as_its_geometry() -> None:
    """Positive azimuth looks from +x: the picture then shows the texel whose surface point is at +x."""
    mesh = uv_sphere(48, 64)
    assert mesh.uv is not None
    assert mesh.face_uv is not None
    place = mesh.vertices[mesh.faces]
    for azimuth, axis in ((0.0, 2), (math.pi / 2, 0)):
        screen = camera(azimuth).to_screen(mesh.vertices[None])
        fragments = rasterize(screen, mesh.faces, SIZE)
        seen = interpolate_corners(place, fragments)[0, :, SIZE[0] // 2, SIZE[1] // 2]
        assert seen[axis].item() == pytest.approx(1, abs=0.01)


def test_empty_pixels_are_black_and_the_mask_says_so() -> None:
    rendering = lit_sphere(1)
    outside = rendering.fragments.face_index < 0
    assert outside.any()
    assert (rendering.image.permute(0, 2, 3, 1)[outside] == 0).all()
    assert torch.equal(rendering.mask[:, 0] > 0, ~outside)


def small_scene() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    mesh = uv_sphere(6, 8)
    assert mesh.uv is not None
    assert mesh.face_uv is not None
    return mesh.vertices.double(), mesh.faces, mesh.uv.double(), mesh.face_uv


def to_screen(vertices: torch.Tensor, view: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Azimuth, elevation, distance -> the screen, in float64."""
    pose = look_at(view[:, 0], view[:, 1], view[:, 2])
    return PerspectiveCamera.from_field_of_view(pose, view.new_tensor([0.7]), size).to_screen(vertices[None])


VIEW = torch.tensor([[0.31, 0.17, 3.5]], dtype=torch.float64)


def test_gradients_to_albedo_normals_and_light_by_finite_differences() -> None:
    vertices, faces, _, _ = small_scene()
    screen = to_screen(vertices, VIEW, (9, 11))
    albedo = (0.2 + 0.3 * torch.rand(1, len(vertices), 3, dtype=torch.float64)).requires_grad_()
    normals = vertices[None].clone().requires_grad_()
    light = torch.zeros(1, 9, 3, dtype=torch.float64)
    light[:, 0], light[:, 1:] = 1.5, 0.1
    light.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda a, n, k: render(screen, faces, (9, 11), a, ShLight(k, n)).image, (albedo, normals, light), fast_mode=True
    )


def test_gradients_to_the_texture_by_finite_differences() -> None:
    vertices, faces, uv, face_uv = small_scene()
    screen = to_screen(vertices, VIEW, (9, 11))
    texture = torch.rand(1, 3, 6, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda t: render(screen, faces, (9, 11), TexturedSurface(t, uv, face_uv)).image, (texture,), fast_mode=True
    )


def test_gradients_to_the_camera_through_colours_and_textures_by_finite_differences() -> None:
    """Inside the surface; outlines move in the picture as well, see the next test."""
    vertices, faces, uv, face_uv = small_scene()
    colors, texture = torch.rand(len(vertices), 3).double(), torch.rand(1, 3, 5, 7).double()

    def picture(view: torch.Tensor) -> torch.Tensor:
        fragments = rasterize(to_screen(vertices, view, (12, 16)), faces, (12, 16))
        textured = sample_texture(texture, interpolate_corners(uv[face_uv], fragments))
        return interpolate(colors, faces, fragments) + textured

    assert torch.autograd.gradcheck(picture, (VIEW.clone().requires_grad_(),), eps=1e-7, atol=1e-4)


def test_gradients_to_the_camera_through_the_silhouette_by_finite_differences() -> None:
    vertices, faces, _, _ = small_scene()

    def mask(view: torch.Tensor) -> torch.Tensor:
        return silhouette(to_screen(vertices, view, (24, 32)), faces, (24, 32), mode="contour", sigma_px=1.0)

    assert torch.autograd.gradcheck(mask, (VIEW.clone().requires_grad_(),), eps=1e-6, atol=1e-4)


def test_image_and_mask_carry_the_gradient_of_the_outline() -> None:
    mesh = icosphere(2)
    distance = torch.tensor([4.0], requires_grad=True)
    pose = look_at(torch.zeros(1), torch.zeros(1), distance)
    screen = PerspectiveCamera.from_field_of_view(pose, FIELD_OF_VIEW, SIZE).to_screen(mesh.vertices[None])
    rendering = render(screen, mesh.faces, SIZE, torch.ones(1, len(mesh.vertices), 1))
    for picture in (rendering.image, rendering.mask):
        (gradient,) = torch.autograd.grad(picture.sum(), distance, retain_graph=True)
        # the disc has the area π f² / (d² - 1)
        focal = SIZE[0] / 2 / math.tan(0.35)
        assert gradient.item() == pytest.approx(-2 * 4 * math.pi * focal**2 / 15**2, rel=0.05)
