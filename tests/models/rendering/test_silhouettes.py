import math

import pytest
import torch

from models.geometry.primitives import icosphere, quad_grid
from models.geometry.rotations import rotation_about_x, rotation_about_y
from models.rendering.dibr import REACH, dibr_sigma_px, dibr_silhouette
from models.rendering.rasterize import rasterize
from models.rendering.silhouettes import silhouette
from models.rendering.softras import REACH as SOFTRAS_REACH
from models.rendering.softras import softras_silhouette
from tests.models.rendering.area_sampling import Scene, agreement, ellipsoid, intersection_over_union, squared_error

MODES = ("edge", "contour", "dibr", "softras")


def sphere_on_screen(size: tuple[int, int], perspective: bool) -> tuple[torch.Tensor, torch.Tensor, float]:
    """A unit sphere, its faces and the radius of its disc in pixels."""
    h, w = size
    mesh = icosphere(5)
    x, y, z = mesh.vertices.unbind(-1)
    focal, distance = 1.1 * min(h, w), 3.0
    depth = distance - z
    scale = focal / depth if perspective else torch.full_like(z, 0.4 * min(h, w))
    radius = focal / math.sqrt(distance**2 - 1) if perspective else 0.4 * min(h, w)
    return torch.stack((w / 2 + scale * x, h / 2 - scale * y, depth), -1)[None], mesh.faces, radius


@pytest.mark.parametrize("perspective", [True, False], ids=["perspective", "orthographic"])
@pytest.mark.parametrize("mode", ["edge", "contour"])
@pytest.mark.parametrize("size", [(128, 128), (96, 160)], ids=["square", "wide"])
def test_the_area_of_a_sphere_is_that_of_its_disc(mode, size, perspective) -> None:
    screen, faces, radius = sphere_on_screen(size, perspective)
    area = silhouette(screen, faces, size, mode=mode, perspective=perspective).sum().item()
    assert area == pytest.approx(math.pi * radius**2, rel=0.01)  # seen: 0.1 % to 0.4 %


def estimate(mode: str):
    def gradient(scene: Scene, target: torch.Tensor) -> torch.Tensor:
        parameters = torch.zeros(11, requires_grad=True)
        screen = scene.screen(parameters)
        mask = silhouette(screen, scene.faces, scene.size, mode=mode, perspective=scene.perspective)  # type: ignore
        squared_error(mask[:, None], target).backward()
        assert parameters.grad is not None
        return parameters.grad

    return gradient


@pytest.mark.parametrize("mode", ["edge", "contour"])
@pytest.mark.parametrize(
    ("size", "perspective"),
    [
        ((128, 96), True),
        ((128, 128), False),
        pytest.param((256, 256), True, marks=pytest.mark.slow),
    ],
)
def test_gradients_match_an_area_sampled_mask(mode, size, perspective) -> None:
    cosine, magnitude = agreement(estimate(mode), "ellipsoid", size, perspective)
    assert cosine > (0.999 if mode == "contour" else 0.99)  # seen .9994 to .9998; .9937 to .9980
    assert magnitude == pytest.approx(1, abs=0.1)


def fitted_overlap(mode, seed: int, steps: int = 120) -> float:
    """Translation, scale and roll recovered from a binary mask by Adam; the overlap with it at the end."""
    scene = ellipsoid((128, 128), True)
    generator = torch.Generator().manual_seed(seed)
    truth = torch.zeros(11)
    truth[:4] = (torch.rand(4, generator=generator) - 0.5) * torch.tensor([0.7, 0.7, 0.5, 1.5])
    target = (scene.area_sampled(truth) > 0.5).float()
    pose = torch.zeros(4, requires_grad=True)
    optimizer = torch.optim.Adam([pose], lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, 0.0004)
    for _ in range(steps):
        screen = scene.screen(torch.cat((pose, torch.zeros(7))))
        loss = ((silhouette(screen, scene.faces, scene.size, mode=mode)[:, None] - target) ** 2).mean() * 100
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return intersection_over_union(scene.area_sampled(torch.cat((pose.detach(), torch.zeros(7)))), target)


@pytest.mark.parametrize("mode", ["edge", "contour"])
def test_a_pose_is_found_from_a_mask(mode) -> None:
    assert fitted_overlap(mode, seed=1, steps=80) > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["edge", "contour"])
def test_poses_are_found_from_masks(mode) -> None:
    overlaps = [fitted_overlap(mode, seed) for seed in range(8)]
    assert sum(overlaps) / len(overlaps) > 0.99, overlaps


@pytest.mark.parametrize("mode", MODES)
def test_a_mesh_outside_the_picture_gives_zero_and_finite_gradients(mode) -> None:
    screen = (torch.rand(2, 4, 3) + torch.tensor([500.0, -300, 5])).requires_grad_()
    mask = silhouette(screen, torch.tensor([[0, 1, 2], [1, 2, 3]]), (20, 30), mode=mode)
    mask.backward(torch.randn_like(mask))
    assert mask.shape == (2, 20, 30)
    assert (mask == 0).all()
    assert screen.grad is not None
    assert (screen.grad == 0).all()


@pytest.mark.parametrize("mode", MODES)
def test_broken_triangles_leave_gradients_finite(mode) -> None:
    vertices = torch.rand(1, 7, 3) * torch.tensor([30.0, 20, 1]) + torch.tensor([0.0, 0, 5])
    vertices[0, 3] = vertices[0, 4]  # no area
    vertices[0, 5] = torch.nan
    vertices[0, 6, 2] = -1  # behind the camera
    vertices.requires_grad_()
    faces = torch.tensor([[0, 1, 2], [2, 3, 4], [1, 2, 5], [0, 1, 6], [3, 3, 3]])
    mask = silhouette(vertices, faces, (20, 30), mode=mode)
    mask.backward(torch.randn_like(mask))
    assert mask.isfinite().all()
    assert vertices.grad is not None
    assert vertices.grad.isfinite().all()


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_mesh_is_an_empty_mask(mode) -> None:
    vertices = torch.rand(1, 3, 3, requires_grad=True)
    mask = silhouette(vertices, torch.zeros(0, 3, dtype=torch.int64), (4, 5), mode=mode)
    mask.sum().backward()
    assert (mask == 0).all()
    assert (vertices.grad == 0).all()


def test_unknown_modes_and_widths_are_refused() -> None:
    vertices, faces = torch.rand(1, 3, 3), torch.tensor([[0, 1, 2]])
    with pytest.raises(ValueError, match="choose one of edge, contour, dibr, softras"):
        silhouette.__wrapped__(vertices, faces, (4, 4), mode="soft")  # behind the type checker of the tests
    with pytest.raises(ValueError, match="positive number"):
        silhouette(vertices, faces, (4, 4), mode="contour", sigma_px=0.0)


# contour


TRIANGLE = torch.tensor([[[4.3, 17.2, 5.0], [24.1, 14.6, 5.0], [11.7, 3.4, 5.0]]], dtype=torch.float64)


def test_contour_is_the_normal_distribution_of_the_distance_to_the_outline() -> None:
    size, sigma = (20, 30), 1.3
    mask = silhouette(TRIANGLE, torch.tensor([[0, 1, 2]]), size, mode="contour", sigma_px=sigma)
    distance = torch.tensor([_outline_distance(x + 0.5, y + 0.5) for y in range(20) for x in range(30)])
    distance = distance.view(1, 20, 30).double()
    expected = 0.5 + 0.5 * torch.erf(distance / (sigma * math.sqrt(2)))
    torch.testing.assert_close(mask, expected, atol=2e-3, rtol=0)  # 1.35e-3 are cut off at three sigmas
    near = distance.abs() < 2.9 * sigma
    torch.testing.assert_close(mask[near], expected[near], atol=1e-6, rtol=0)


def _outline_distance(x: float, y: float) -> float:
    corners = TRIANGLE[0, :, :2].tolist()
    distances, sides = [], []
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1]):
        t = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
        t = min(max(t, 0), 1)
        distances.append(math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)))
        sides.append((x - ax) * (by - ay) - (y - ay) * (bx - ax) > 0)
    return min(distances) if len(set(sides)) == 1 else -min(distances)


def test_contour_gradients_by_finite_differences() -> None:
    vertices = TRIANGLE.clone().requires_grad_()
    faces = torch.tensor([[0, 1, 2]])
    assert torch.autograd.gradcheck(
        lambda v: silhouette(v, faces, (20, 30), mode="contour", sigma_px=1.3), (vertices,), fast_mode=True, atol=1e-4
    )


def test_contour_does_not_see_edges_inside_the_silhouette() -> None:
    """Two sheets, one half before the other: their union is one rectangle."""
    low, high = [[2.0, 2], [12, 2], [2, 12], [12, 12]], [[8.0, 2], [20, 2], [8, 12], [20, 12]]
    together = torch.tensor([[*p, 5.0] for p in low] + [[*p, 9.0] for p in high])[None]
    alone = torch.tensor([[2.0, 2, 5], [20, 2, 5], [2, 12, 5], [20, 12, 5]])[None]
    quad = torch.tensor([[0, 1, 3], [0, 3, 2]])
    union = silhouette(together, torch.cat((quad, quad + 4)), (16, 24), mode="contour", sigma_px=1.0)
    torch.testing.assert_close(union, silhouette(alone, quad, (16, 24), mode="contour", sigma_px=1.0))
    assert union[0, 6, 9:13].min() > 0.998


# dibr and softras


def triangle_distances(vertices: torch.Tensor, faces: torch.Tensor, size, sigma) -> tuple[torch.Tensor, torch.Tensor]:
    """Brute force: squared distance in sigmas of every centre to the rim of every face, and whether it is inside:
    [b f h w]. Differentiable."""
    h, w = size
    scale = vertices.new_tensor(sigma)
    y, x = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
    at = torch.stack((x, y), -1).to(vertices) / scale
    corners = (vertices[..., :2] / scale)[:, faces][:, :, :, None, None]
    squared, sides = [], []
    for k in range(3):
        a, b = corners[:, :, k], corners[:, :, (k + 1) % 3]
        share = (((at - a) * (b - a)).sum(-1) / ((b - a) ** 2).sum(-1)).clamp(0, 1)[..., None]
        squared.append(((at - a - share * (b - a)) ** 2).sum(-1))
        sides.append((at - a)[..., 0] * (b - a)[..., 1] - (at - a)[..., 1] * (b - a)[..., 0])
    side = torch.stack(sides)
    return torch.stack(squared).amin(0), (side >= 0).all(0) | (side <= 0).all(0)


def in_widened_box(vertices: torch.Tensor, faces: torch.Tensor, size, sigma, reach: float) -> torch.Tensor:
    h, w = size
    corners = vertices[..., :2][:, faces].detach()
    margin = reach * vertices.new_tensor(sigma)
    low, high = (corners.amin(2) - margin)[:, :, None, None], (corners.amax(2) + margin)[:, :, None, None]
    y, x = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
    at = torch.stack((x, y), -1).to(vertices)
    return ((at >= low) & (at <= high)).all(-1)


def small_mesh() -> tuple[torch.Tensor, torch.Tensor]:
    mesh = icosphere(1)
    turned = mesh.vertices @ rotation_about_x(torch.tensor([0.3]))[0] @ rotation_about_y(torch.tensor([0.4]))[0]
    vertices = torch.stack([turned, turned.flip(0)]).double()
    return vertices * torch.tensor([7.0, -6, 1]) + torch.tensor([12.3, 9.1, 5]), mesh.faces


def assert_agree(fast, truth, vertices: torch.Tensor) -> None:
    one, other = vertices.clone().requires_grad_(), vertices.clone().requires_grad_()
    result, expected = fast(one), truth(other)
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=0)
    upstream = torch.randn_like(result)
    result.backward(upstream)
    expected.backward(upstream)
    assert one.grad is not None
    assert other.grad is not None
    assert other.grad.abs().max() > 0.1
    torch.testing.assert_close(one.grad, other.grad, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("faces_per_pixel", [None, 3])
def test_dibr_agrees_with_brute_force(faces_per_pixel) -> None:
    vertices, faces = small_mesh()
    size, sigma = (18, 26), (0.9, 1.4)
    covered = rasterize(vertices, faces, size, perspective=False).face_index >= 0

    def truth(v: torch.Tensor) -> torch.Tensor:
        squared, _ = triangle_distances(v, faces, size, sigma)
        felt = in_widened_box(v, faces, size, sigma, REACH)
        if faces_per_pixel is not None:
            felt &= felt.cumsum(1) <= faces_per_pixel
        empty = torch.where(felt, 1 - torch.exp(-squared.clamp(min=1e-6)), 1.0).prod(1)
        return torch.where(covered, 1.0, 1 - empty)

    assert_agree(lambda v: dibr_silhouette(v, faces, covered, sigma, faces_per_pixel=faces_per_pixel), truth, vertices)


def test_dibr_feels_a_culled_triangle_by_its_rim_also_within_it() -> None:
    """Nothing is covered, as if every triangle were turned away: centres within one are as far as its nearest edge."""
    vertices = torch.tensor([[[3.3, 2.9, 5], [13.1, 4.2, 5], [5.6, 12.4, 5]]]).double()
    faces, size, sigma = torch.tensor([[0, 1, 2]]), (16, 16), (0.9, 1.4)
    covered = torch.zeros(1, *size, dtype=torch.bool)

    def truth(v: torch.Tensor) -> torch.Tensor:
        squared, inside = triangle_distances(v, faces, size, sigma)
        assert inside.sum() > 20
        felt = in_widened_box(v, faces, size, sigma, REACH)
        return torch.where(felt, torch.exp(-squared.clamp(min=1e-6)), 0.0)[:, 0]

    assert_agree(lambda v: dibr_silhouette(v, faces, covered, sigma), truth, vertices)
    assert torch.autograd.gradcheck(
        lambda v: dibr_silhouette(v, faces, covered, sigma), vertices.clone().requires_grad_()
    )
    assert dibr_silhouette(vertices, faces, covered, sigma)[0, 6, 6] < 0.1  # far from all three edges


def test_dibr_has_no_gradient_inside_and_pulls_outward_outside() -> None:
    vertices = torch.tensor([[[4.2, 4.2, 5], [10.2, 4.2, 5], [4.2, 10.2, 5], [10.2, 10.2, 5]]], requires_grad=True)
    faces = torch.tensor([[0, 1, 3], [0, 3, 2]])
    mask = silhouette(vertices, faces, (14, 14), mode="dibr")
    assert (mask[0, 4:10, 4:10] == 1).all()
    assert 0 < mask[0, 6, 10].item() < 1
    assert mask[0, 6, 13].item() == 0
    (inside,) = torch.autograd.grad(mask[0, 4:10, 4:10].sum(), vertices, retain_graph=True)
    assert (inside == 0).all()
    (outside,) = torch.autograd.grad(mask[0, 6, 10], vertices)
    assert outside[0, [1, 3], 0].sum() > 0  # the right side moves right to cover the pixel on its right
    assert outside[..., 2].abs().max() == 0


def test_dibr_width_of_the_paper() -> None:
    assert dibr_sigma_px((128, 64)) == pytest.approx((0.3825, 0.7650), abs=1e-4)
    assert REACH * dibr_sigma_px((128, 64))[0] == pytest.approx(
        0.02 * 64 / 2
    )  # boxlen 0.02, in pixels of a width of 64


def test_softras_agrees_with_brute_force() -> None:
    vertices, faces = small_mesh()
    size, sigma = (18, 26), 0.8

    def truth(v: torch.Tensor) -> torch.Tensor:
        squared, inside = triangle_distances(v, faces, size, (sigma, sigma))
        signed = torch.where(inside, squared, -squared)
        felt = signed > -(SOFTRAS_REACH**2)
        return 1 - torch.where(felt, torch.sigmoid(-signed), 1.0).prod(1)

    assert_agree(lambda v: softras_silhouette(v, faces, size, sigma), truth, vertices)


def test_softras_widens_the_mask_and_the_others_do_not() -> None:
    screen, faces, radius = sphere_on_screen((48, 48), True)
    areas = {
        mode: silhouette(screen, faces, (48, 48), mode=mode).sum().item() for mode in ("edge", "contour", "softras")
    }
    assert areas["softras"] > 1.05 * math.pi * radius**2
    assert areas["contour"] == pytest.approx(areas["edge"], rel=0.01)


def test_softras_is_that_of_pytorch3d() -> None:
    rasterizer = pytest.importorskip("pytorch3d.renderer.mesh.rasterize_meshes", reason="PyTorch3D is not installed")
    structures = pytest.importorskip("pytorch3d.structures", reason="PyTorch3D is not installed")
    sigma, side = 1e-4, 32
    mesh = icosphere(1)
    ndc = mesh.vertices * 0.5 + torch.tensor([0.05, -0.03, 2])
    _, _, _, distances = rasterizer.rasterize_meshes(
        structures.Meshes([ndc], [mesh.faces]),
        side,
        blur_radius=math.log(1 / 1e-4 - 1) * sigma,
        faces_per_pixel=len(mesh.faces),
        clip_barycentric_coords=True,
    )
    shares = torch.where(distances == -1, 0.0, torch.sigmoid(-distances / sigma))
    pixels = ndc * torch.tensor([-side / 2, -side / 2, 1]) + torch.tensor([side / 2, side / 2, 0])
    ours = softras_silhouette(pixels[None], mesh.faces, (side, side), math.sqrt(sigma) * side / 2)
    torch.testing.assert_close(ours, 1 - (1 - shares).prod(-1), atol=1e-4, rtol=0)


# precision


def test_half_precision_input_is_rendered_in_single() -> None:
    mesh = quad_grid(2, 2)
    screen = (mesh.vertices * 10 + torch.tensor([16.0, 16, 20]))[None].half().requires_grad_()
    mask = silhouette(screen, mesh.faces, (32, 32))
    mask.sum().backward()
    assert mask.dtype == torch.float32
    assert screen.grad is not None
    assert screen.grad.isfinite().all()
