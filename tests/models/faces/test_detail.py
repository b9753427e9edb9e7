"""The fine stage: what flat displacement leaves alone, what gradients reach, and that both rendering routes agree."""

import pytest
import torch

from models.faces.dense_mesh import dense_mesh
from models.faces.detail import FaceDetailer
from models.faces.parameters import FaceParameters
from models.faces.reconstructor import FaceReconstructor
from models.geometry.cameras import project_scaled_orthographic
from models.geometry.mesh import Mesh
from models.geometry.normals import vertex_normals
from models.geometry.topology import boundary_loops
from models.rendering.interpolate import interpolate
from models.rendering.lighting import shade_chen2020
from models.rendering.rasterize import rasterize
from models.rendering.textures import to_uv

SIDE = 128


@pytest.fixture
def detailer(reconstructor: FaceReconstructor) -> FaceDetailer:
    torch.manual_seed(0)
    return FaceDetailer(reconstructor.face_model, uv_size=128, widths=(8, 16, 16))


@pytest.fixture
def coarse(reconstructor: FaceReconstructor, truth: FaceParameters):
    geometry = reconstructor.deform(truth, SIDE)
    return geometry, reconstructor.render(truth, geometry, SIDE)


def ripples(detailer: FaceDetailer, count: int, amplitude_mm: float = 0.4, texels: float = 16.0) -> torch.Tensor:
    columns = torch.arange(detailer.valid.shape[1])
    wave = amplitude_mm * torch.sin(columns * (2 * torch.pi / texels))
    return (wave * detailer.freedom).expand(count, -1, -1, -1)


def test_no_displacement_renders_the_coarse_face(reconstructor, detailer, coarse, truth) -> None:
    geometry, rendering = coarse
    flat = torch.zeros(3, 1, 128, 128)
    surface = detailer.displace(reconstructor.face_model, geometry, flat)
    torch.testing.assert_close(surface.normals, surface.coarse_normals)
    detailed = detailer.render(reconstructor.face_model, truth, geometry, rendering, surface.normals)
    inside = rendering.skin.bool().expand(-1, 3, -1, -1)
    difference = (detailed.image - rendering.image)[inside].abs()
    assert float(difference.mean()) < 0.01  # the UV map is coarser than the mesh in places


def test_the_photometric_loss_depends_on_the_displacement(reconstructor, detailer, coarse, truth) -> None:
    geometry, rendering = coarse
    displacement = torch.zeros(3, 1, 128, 128, requires_grad=True)
    weights = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))

    def value(displacement_mm: torch.Tensor) -> torch.Tensor:
        surface = detailer.displace(reconstructor.face_model, geometry, displacement_mm)
        image = detailer.render(reconstructor.face_model, truth, geometry, rendering, surface.normals).image
        return (image * weights).sum()

    value(displacement).backward()
    gradient = displacement.grad
    assert gradient is not None
    assert float(gradient.abs().sum()) > 0
    # along the gradient, where the difference is largest against the rounding of a float32 sum
    direction = gradient / gradient.norm()
    step = 0.05
    with torch.no_grad():
        difference = (value(step * direction) - value(-step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(float(difference), rel=0.05)


def test_a_bump_lifts_the_surface_along_the_normal(reconstructor, detailer, coarse) -> None:
    geometry, _ = coarse
    displacement = detailer.freedom.expand(3, -1, -1, -1) * 1.0
    surface = detailer.displace(reconstructor.face_model, geometry, displacement)
    flat = detailer.displace(reconstructor.face_model, geometry, torch.zeros_like(displacement))
    moved = ((surface.positions_mm - flat.positions_mm) * surface.coarse_normals).sum(1, keepdim=True)
    torch.testing.assert_close(moved, displacement, atol=1e-3, rtol=1e-3)


def test_the_published_direction_moves_forward_only(reconstructor, coarse) -> None:
    detailer = FaceDetailer(reconstructor.face_model, uv_size=64, direction="forward", widths=(4, 8))
    geometry, _ = coarse
    displacement = detailer.freedom.expand(3, -1, -1, -1)
    surface = detailer.displace(reconstructor.face_model, geometry, displacement)
    flat = detailer.displace(reconstructor.face_model, geometry, torch.zeros_like(displacement))
    moved = surface.positions_mm - flat.positions_mm
    assert float(moved[:, :2].abs().max()) < 1e-4
    torch.testing.assert_close(moved[:, 2:], displacement * detailer.valid, atol=1e-3, rtol=0)


def test_shading_displaced_normals_agrees_with_the_true_displaced_mesh(reconstructor, truth, coarse) -> None:
    model = reconstructor.face_model
    detailer = FaceDetailer(model, uv_size=256, widths=(4, 8))
    geometry, rendering = coarse
    surface = detailer.displace(model, geometry, ripples(detailer, 3, texels=20))
    quick = detailer.render(model, truth, geometry, rendering, surface.normals).normals
    coarse_only = detailer.render(model, truth, geometry, rendering, surface.coarse_normals).normals
    for row in range(3):
        mesh = dense_mesh(surface.positions_mm[row], detailer.valid)
        screen = project_scaled_orthographic(1000 * mesh.vertices[None], truth.pose[row : row + 1], SIDE)
        fragments = rasterize(screen, mesh.faces, (SIDE, SIDE), perspective=False)
        normals = vertex_normals(screen * torch.tensor([1.0, -1.0, -1.0]), mesh.faces)
        true = torch.nn.functional.normalize(interpolate(normals, mesh.faces, fragments), dim=1)[0]
        both = (fragments.face_index[0] >= 0) & rendering.skin[row, 0].bool()
        facing = both & (true[2] > 0.5)
        fine_error = torch.rad2deg((true * quick[row]).sum(0).clamp(-1, 1).acos())[facing].median()
        coarse_error = torch.rad2deg((true * coarse_only[row]).sum(0).clamp(-1, 1).acos())[facing].median()
        assert float(fine_error) < 0.5 * float(coarse_error)


def test_the_dense_mesh_winds_outward_and_has_upright_uv(reconstructor, detailer, coarse) -> None:
    geometry, _ = coarse
    surface = detailer.displace(reconstructor.face_model, geometry, torch.zeros(3, 1, 128, 128))
    mesh: Mesh = dense_mesh(surface.positions_mm[2], detailer.valid)
    a, b, c = mesh.vertices[mesh.faces].unbind(1)
    outward = torch.linalg.cross(b - a, c - a)[:, 2]
    assert float((outward > 0).float().mean()) > 0.8  # the front of the face
    assert mesh.uv is not None
    forehead, chin = mesh.vertices[:, 1].argmax(), mesh.vertices[:, 1].argmin()
    assert float(mesh.uv[forehead, 1]) > float(mesh.uv[chin, 1])
    assert 0.1 < float(mesh.vertices[:, 1].max() - mesh.vertices[:, 1].min()) < 0.3  # metres


def test_the_dense_mesh_of_an_open_mouth_has_a_mouth_and_no_other_hole(reconstructor, detailer, truth) -> None:
    model = reconstructor.face_model
    weights = torch.zeros(1, len(model.blendshape_names))
    weights[0, model.blendshape_names.index("jawOpen")] = 0.6
    opened = FaceParameters(*(part[:1] for part in truth))._replace(
        identity=torch.zeros(1, model.identity_size), expression=model.expression_from_blendshapes(weights)
    )
    geometry = reconstructor.deform(opened, SIDE)
    surface = detailer.displace(model, geometry, torch.zeros(1, 1, 128, 128))
    corner_ids = detailer.corner_ids(model)
    mesh = dense_mesh(surface.positions_mm[0], detailer.valid, None, corner_ids)
    closed = reconstructor.deform(opened._replace(expression=torch.zeros_like(opened.expression)), SIDE)
    at_rest = detailer.displace(model, closed, torch.zeros(1, 1, 128, 128))
    whole = dense_mesh(at_rest.positions_mm[0], detailer.valid, None, corner_ids)
    assert len(boundary_loops(whole.faces)) == 1
    assert len(whole.faces) - len(mesh.faces) > 20
    assert len(boundary_loops(mesh.faces)) == 2


def test_the_observation_of_a_turned_face_does_not_see_the_far_cheek(reconstructor, detailer, truth) -> None:
    turned = truth._replace(pose=torch.tensor([[0.0, 0.8, 0.0, 0.0, 0.0, 0.0]]).expand(3, -1))
    geometry = reconstructor.deform(turned, SIDE)
    rendering = reconstructor.render(turned, geometry, SIDE)
    image = torch.rand(3, 3, SIDE, SIDE)
    observation = detailer.observe(image, reconstructor.face_model, turned, geometry, rendering)
    # positive yaw turns the nose to the left of the picture: the half with small u (the left cheek) is hidden
    assert float(observation.visible[..., :40].mean()) < 0.3 * float(observation.visible[..., -40:].mean())


def test_a_perfect_photograph_shows_no_difference(reconstructor, detailer, truth, coarse) -> None:
    geometry, rendering = coarse
    observation = detailer.observe(rendering.image, reconstructor.face_model, truth, geometry, rendering)
    difference = ((observation.photo - observation.rendering) * observation.visible).abs()
    assert float(difference.max()) < 1e-5


def test_the_tilt_response_predicts_what_a_small_displacement_does_to_the_shading(
    reconstructor, detailer, coarse, truth
) -> None:
    model = reconstructor.face_model
    geometry, _ = coarse
    displacement = ripples(detailer, 3, amplitude_mm=0.05)
    surface = detailer.displace(model, geometry, displacement)
    albedo = to_uv(model.albedo(truth.albedo), model.faces, detailer.grid)

    def shaded(normals: torch.Tensor) -> torch.Tensor:
        turned = torch.einsum("bij,bjhw->bihw", geometry.rotation, normals)
        return shade_chen2020(albedo, turned, truth.light).mean(1)

    change = shaded(surface.normals) - shaded(surface.coarse_normals)
    # a slope in u tilts the normal against u
    flat = detailer.displace(model, geometry, torch.zeros_like(displacement)).positions_mm
    length = torch.gradient(flat, dim=-1)[0].norm(dim=1)
    slope = torch.gradient(displacement[:, 0], dim=-1)[0] / length.clamp_min(1e-3)
    predicted = -slope * detailer.tilt_response(model, truth, geometry)[:, 0]
    inside = (detailer.freedom[0] > 0.99).expand(3, -1, -1)
    correlation = torch.corrcoef(torch.stack([change[inside], predicted[inside]]))[0, 1]
    assert float(correlation) > 0.9


def test_displacement_is_bounded_and_spares_eyes_and_mouth(reconstructor, detailer, coarse, truth) -> None:
    geometry, rendering = coarse
    image = torch.rand(3, 3, SIDE, SIDE)
    detailer.network.last.weight.data.mul_(1000)
    displacement = detailer.displacement(detailer.observe(image, reconstructor.face_model, truth, geometry, rendering))
    assert float(displacement.abs().max()) <= detailer.maximum_mm
    assert float((displacement * (detailer.freedom == 0)).abs().max()) == 0


def test_the_published_inputs_are_three_channels(reconstructor, coarse, truth) -> None:
    detailer = FaceDetailer(
        reconstructor.face_model, uv_size=64, unwrapping="vertex", inputs="difference", widths=(4, 8)
    )
    geometry, rendering = coarse
    observation = detailer.observe(torch.rand(3, 3, SIDE, SIDE), reconstructor.face_model, truth, geometry, rendering)
    assert detailer.displacement(observation).shape == (3, 1, 64, 64)
