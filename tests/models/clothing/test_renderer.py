import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from models.clothing.attributes import ClothingAttributes, ClothingCamera, with_azimuth
from models.clothing.renderer import perspective_camera, render_attributes
from models.clothing.template import ClothingTemplate, ellipsoid_template
from models.losses.silhouettes import soft_iou_loss
from tests.models.clothing.slow_renderer import axes_and_centre, pixel_centres, slow_picture

TEMPLATE = ellipsoid_template((0.45, 0.9, 0.225))
SMALL = ellipsoid_template((0.45, 0.9, 0.225), subdivisions=1)
LIGHT_OF_THE_START = torch.tensor([3.0, 0, 0, 0, 0, 0, 0, 0, 0])
BRIGHTNESS = 0.28209479 * 3
PRINCIPAL = torch.tensor([[0.11, -0.05], [0.0, 0.07], [-0.09, 0.03]], dtype=torch.float64)
CONVENTIONS = ("paper", "perspective_correct")


def camera(azimuth: float = 0.0, elevation: float = 0.0, distance: float = 3.0, offset=(0.0, 0.0)) -> ClothingCamera:
    angles_and_distance = (torch.tensor([value]) for value in (azimuth, elevation, distance))
    return ClothingCamera(*angles_and_distance, offset=torch.tensor([offset]), principal=torch.zeros(1, 2))


def attributes(
    template: ClothingTemplate, view: ClothingCamera, texture: Tensor | None = None, size: tuple[int, int] = (128, 64)
) -> ClothingAttributes:
    if texture is None:
        texture = torch.full((1, 3, 8, 4), 0.5)
    vertices = template.vertices[None]
    background = torch.full((1, 3, *size), 0.25)
    return ClothingAttributes(view, vertices * 0, vertices, texture, LIGHT_OF_THE_START[None], background)


def gradient_texture(rows: int = 256, columns: int = 64) -> Tensor:
    """Red grows to the right of the front, green from its feet to its head; mirrored to the back as the paper does."""
    across = ((torch.arange(columns) + 0.5) / columns).expand(rows // 2, columns)
    up = (1 - (torch.arange(rows // 2) + 0.5) / (rows // 2))[:, None].expand(rows // 2, columns)
    front = torch.stack([across, up, torch.zeros_like(up)])
    return torch.cat([front.flip(1), front], 1)[None]


def two_sided_texture(rows: int = 256, columns: int = 64) -> Tensor:
    """Blue in front, black behind: what the paper's mirrored textures can never be."""
    texture = torch.zeros(1, 3, rows, columns)
    texture[:, 2, rows // 2 :] = 1
    return texture


def unlit(texture: Tensor, azimuth: float, convention, size=(128, 64), elevation: float = 0.0):
    view = attributes(TEMPLATE, camera(azimuth, elevation), texture)
    light = LIGHT_OF_THE_START[None] / BRIGHTNESS
    return render_attributes(view._replace(light=light), TEMPLATE, size, background=False, convention=convention)


# the texture is the right way round


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_texture_is_upright_and_the_right_way_round_in_front_and_behind(convention) -> None:
    texture = gradient_texture()
    front, back = (unlit(texture, azimuth, convention) for azimuth in (0.0, math.pi))
    rows, columns = slice(40, 90), slice(24, 41)
    for picture, sign in ((front, 1), (back, -1)):  # from behind, +x lies to the left
        red, green = picture.image[0, 0, rows, columns], picture.image[0, 1, rows, columns]
        assert (sign * (red[:, 4:] - red[:, :-4]) > 0.02).all()
        assert (green[:-8] - green[8:] > 0.02).all()
    assert front.image[0, 1, 30, 32] > 0.7  # the head is on top
    assert front.image[0, 1, 100, 32] < 0.3


def test_behind_is_the_mirror_image_of_the_front() -> None:
    texture = gradient_texture()
    front, back = (unlit(texture, azimuth, "paper") for azimuth in (0.0, math.pi))
    both = (front.hard_mask * back.hard_mask.flip(3)).bool().expand(-1, 3, -1, -1)
    assert both.float().mean() > 0.3
    assert ((front.image - back.image.flip(3)).abs()[both] < 0.01).float().mean() > 0.99


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_positive_azimuth_shows_the_side_of_positive_x_with_the_front_on_its_left(convention) -> None:
    right, left = (unlit(gradient_texture(), sign * math.pi / 2, convention) for sign in (1, -1))
    assert (right.image[0, 0][right.hard_mask[0, 0] > 0] > 0.5).float().mean() > 0.95
    assert (left.image[0, 0][left.hard_mask[0, 0] > 0] < 0.5).float().mean() > 0.95
    sides = unlit(two_sided_texture(), math.pi / 2, convention)
    blue, seen = sides.image[0, 2], sides.hard_mask[0, 0] > 0
    assert (blue[:, :31][seen[:, :31]] > 0.9).all()
    assert (blue[:, 33:][seen[:, 33:]] < 0.1).all()
    assert seen[:, :31].any()
    assert (unlit(two_sided_texture(), 0.0, convention).image[0, 2] > 0.9).all()
    behind = unlit(two_sided_texture(), math.pi, convention)
    assert (behind.image[0, 2][behind.hard_mask[0, 0] > 0] < 0.1).all()


@pytest.mark.parametrize("azimuth", [0.0, 0.9, math.pi / 2, math.pi, -2.0])
def test_the_texture_lies_where_the_formula_of_the_sphere_says(azimuth: float) -> None:
    """Rays against the exact ellipsoid, u = ½ + asin(x)/π, v = frac(¼ + atan2(y, z)/2π) of its unit sphere."""
    rows, columns = 512, 256
    u = ((torch.arange(columns) + 0.5) / columns).expand(rows, columns)
    v = (1 - (torch.arange(rows) + 0.5) / rows)[:, None].expand(rows, columns)
    texture = torch.stack([u, v, torch.zeros_like(u)])[None]
    seen = unlit(texture, azimuth, "perspective_correct", elevation=0.2)
    view = ClothingCamera(*(part.double() for part in camera(azimuth, 0.2)))
    axes, centre = axes_and_centre(view, 0)
    ndc = pixel_centres((128, 64))
    rays = torch.cat([ndc * torch.tensor([0.5, 1]).double() / 2.5, -torch.ones(128, 64, 1).double()], -1) @ axes
    extents = torch.tensor([0.45, 0.9, 0.225]).double()
    start, along = centre / extents, rays / extents
    a, b, c = (along**2).sum(-1), (along * start).sum(-1), (start**2).sum() - 1
    depth = b**2 - a * c
    hit = depth > 0.2 * depth.max()  # away from the outline, where the polyhedron lies well within the ellipsoid
    t = (-b - depth.clamp(min=0).sqrt()) / a
    x, y, z = (start + t[..., None] * along).unbind(-1)
    expected_u = 0.5 + torch.asin(x.clamp(-1, 1)) / math.pi
    expected_v = (0.25 + torch.atan2(y, z) / (2 * math.pi)) % 1
    compared = hit & (x.abs() < 0.9) & ((expected_v - 0.5).abs() < 0.45) & (seen.hard_mask[0, 0] > 0)
    assert compared.float().mean() > 0.05
    for channel, expected in ((0, expected_u), (1, expected_v)):
        torch.testing.assert_close(seen.image[0, channel][compared].double(), expected[compared], atol=0.03, rtol=0)


# the camera


def test_the_camera_stands_where_its_angles_say_and_turns_where_it_stands() -> None:
    for azimuth, elevation, expected in (
        (0.0, 0.0, (0, 0, 3)),
        (math.pi / 2, 0.0, (3, 0, 0)),
        (0.0, 0.5, (0, 3 * math.sin(0.5), 3 * math.cos(0.5))),
    ):
        for offset in ((0.0, 0.0), (0.3, -0.2)):
            view = perspective_camera(camera(azimuth, elevation, offset=offset), (128, 64))
            matrix = view.camera_from_world[0]
            centre = -matrix[:3, :3].T @ matrix[:3, 3]
            torch.testing.assert_close(centre, torch.tensor(expected, dtype=torch.float32), atol=1e-5, rtol=0)
            torch.testing.assert_close(matrix[:3, :3] @ matrix[:3, :3].T, torch.eye(3), atol=1e-6, rtol=0)
            assert torch.linalg.det(matrix[:3, :3]) == pytest.approx(1)
            target = view.to_screen(torch.tensor([[[*offset, 0.0]]]))[0, 0]
            torch.testing.assert_close(target[:2], torch.tensor([32.0, 64.0]), atol=1e-4, rtol=0)


def test_worked_numbers_of_the_projection() -> None:
    points = torch.tensor([[[0.0, 1, 0], [0.5, 0, 0], [0, 0, 1.25]]])
    screen = perspective_camera(camera(distance=2.5), (128, 64)).to_screen(points)[0]
    expected = torch.tensor([[32, 0, 2.5], [64, 64, 2.5], [32, 64, 1.25]])  # x = 0.5 is the edge at h / w = 2
    torch.testing.assert_close(screen, expected, atol=1e-4, rtol=0)


def test_looking_to_the_right_moves_the_garment_to_the_left() -> None:
    masks = [
        render_attributes(attributes(TEMPLATE, camera(offset=o)), TEMPLATE, (128, 64), background=False).hard_mask
        for o in ((0.0, 0.0), (0.2, 0.0), (0.0, 0.2))
    ]
    x, y = torch.arange(64.0) + 0.5, torch.arange(128.0) + 0.5
    middle = [((m[0, 0].sum(0) * x).sum() / m.sum(), (m[0, 0].sum(1) * y).sum() / m.sum()) for m in masks]
    assert middle[1][0] < middle[0][0] - 5
    assert middle[2][1] > middle[0][1] + 5  # looking up moves it down


# light and composition


def test_the_light_of_the_start_is_even_and_falls_on_the_background_too() -> None:
    view = attributes(TEMPLATE, camera())
    lit = render_attributes(view, TEMPLATE, (128, 64), background=True)
    inside = lit.hard_mask.bool().expand(-1, 3, -1, -1)
    torch.testing.assert_close(lit.image[inside], torch.full_like(lit.image[inside], 0.5 * BRIGHTNESS))
    torch.testing.assert_close(lit.image[~inside], torch.full_like(lit.image[~inside], 0.25 * BRIGHTNESS))
    white = render_attributes(view, TEMPLATE, (128, 64), background=False)
    assert (white.image[~inside] == 1).all()
    torch.testing.assert_close(white.image[inside], lit.image[inside])


def test_the_background_is_lit_as_a_surface_without_normal() -> None:
    light = torch.tensor([[2.0, 0.3, 0.3, 0.3, 0.3, 0.3, 0.7, 0.3, 0.3]])
    view = attributes(TEMPLATE, camera())._replace(light=light)
    lit = render_attributes(view, TEMPLATE, (128, 64), background=True)
    outside = ~lit.hard_mask.bool().expand(-1, 3, -1, -1)
    expected = 0.25 * (0.28209479 * 2.0 - 0.31539157 * 0.7)
    torch.testing.assert_close(lit.image[outside], torch.full_like(lit.image[outside], expected))


@pytest.mark.parametrize("azimuth", [0.0, 1.9])
@pytest.mark.parametrize(("entry", "axis"), [(1, 3), (3, 2)])
def test_light_comes_from_the_right_and_from_above_in_the_cameras_frame(entry: int, axis: int, azimuth: float) -> None:
    """Entries 1, 2 and 3 are x, z and y: the order is not that of the axes."""
    light = LIGHT_OF_THE_START.clone()[None] / 2
    light[0, entry] = 0.4
    view = attributes(TEMPLATE, camera(azimuth))._replace(light=light)
    lit = render_attributes(view, TEMPLATE, (128, 64), background=True)
    shine = (lit.image[:, :1] - 0.25 * BRIGHTNESS) * lit.hard_mask
    first, second = shine.split(shine.shape[axis] // 2, dim=axis)
    bright, dark = (second, first) if axis == 3 else (first, second)
    assert bright.sum() > 1
    assert dark.sum() < -1


def test_colours_are_clipped_and_clipped_ones_get_no_gradient() -> None:
    texture = torch.full((1, 3, 8, 4), 2.0, requires_grad=True)
    lit = render_attributes(attributes(TEMPLATE, camera(), texture), TEMPLATE, (128, 64), background=True)
    assert lit.image.max() == 1
    lit.image.sum().backward()
    assert texture.grad is not None
    assert (texture.grad == 0).all()


# against the slow truth


def random_scene(template: ClothingTemplate, size: tuple[int, int]) -> ClothingAttributes:
    generator = torch.Generator().manual_seed(3)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    view = ClothingCamera(6 * draw(3), draw(3) - 0.5, 1.8 + draw(3), 0.6 * (draw(3, 2) - 0.5), PRINCIPAL)
    offsets = 0.15 * (draw(3, len(template.vertices), 3) - 0.5)
    light = 0.3 * (draw(3, 9) - 0.5) + torch.eye(9).double()[0] * 2.5
    return ClothingAttributes(
        view, offsets, template.vertices + offsets, 0.8 * draw(3, 3, 16, 6), light, 0.8 * draw(3, 3, *size)
    )


def leaves(scene: ClothingAttributes) -> dict[str, Tensor]:
    parts = scene.camera._asdict() | {name: part for name, part in scene._asdict().items() if name != "camera"}
    parts.pop("offsets")
    return {name: part.detach().clone().requires_grad_() for name, part in parts.items()}


def assembled(parts: dict[str, Tensor]) -> ClothingAttributes:
    view = ClothingCamera(*(parts[name] for name in ClothingCamera._fields))
    return ClothingAttributes(view, parts["vertices"] * 0, *(parts[n] for n in ClothingAttributes._fields[2:]))


@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("size", [(36, 18), (20, 20)])
def test_the_picture_and_its_gradients_are_those_of_the_slow_one(size: tuple[int, int], background: bool) -> None:
    scene = random_scene(SMALL, size)
    one, other = leaves(scene), leaves(scene)
    fast = render_attributes(assembled(one), SMALL, size, background=background)
    image, soft_mask = slow_picture(assembled(other), SMALL, size, background)
    torch.testing.assert_close(fast.image, image, atol=1e-6, rtol=0)
    torch.testing.assert_close(fast.soft_mask, soft_mask, atol=1e-5, rtol=0)
    generator = torch.Generator().manual_seed(4)
    upstream = [torch.randn(part.shape, generator=generator, dtype=torch.float64) for part in (image, soft_mask)]
    torch.autograd.backward([fast.image, fast.soft_mask], upstream)
    torch.autograd.backward([image, soft_mask], upstream)
    for name, part in one.items():
        expected = other[name].grad
        if name == "background" and not background:
            assert part.grad is None
            continue
        assert part.grad is not None
        assert expected is not None
        assert expected.abs().max() > 1e-3, name
        torch.testing.assert_close(part.grad, expected, atol=2e-3 * float(expected.abs().max()), rtol=1e-3, msg=name)


def test_the_two_conventions_interpolate_differently() -> None:
    view = attributes(TEMPLATE, camera(0.6, 0.2, 2.0), gradient_texture())
    paper, correct = (render_attributes(view, TEMPLATE, (128, 64), background=False, convention=c) for c in CONVENTIONS)
    within = (paper.fragments.face_index == correct.fragments.face_index)[:, None] & (paper.hard_mask > 0)
    difference = (paper.image - correct.image).abs().amax(1, keepdim=True)[within]
    assert 1e-4 < difference.max() < 0.1


@pytest.mark.parametrize("seen_from_behind", [False, True])
def test_the_paper_culls_by_the_normal_and_not_by_the_side_that_is_seen(seen_from_behind: bool) -> None:
    """A wall right of the axis that the camera sees obliquely, although its normal points a little away from the
    picture's plane; turned round it is seen from behind, with a normal that points a little towards it."""
    along = torch.tensor([0.11, 0, -0.99]) * 0.6
    wall = torch.tensor([1.0, 0, 0]) + torch.stack([-along, along, along, -along])
    wall[:, 1] = torch.tensor([-0.5, -0.5, 0.5, 0.5])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    faces = faces if seen_from_behind else faces.flip(1)
    template = SMALL._replace(vertices=wall, faces=faces, uv=torch.zeros(1, 2), face_uv=faces * 0)
    view = attributes(template, camera(), size=(64, 64))
    paper, correct = (render_attributes(view, template, (64, 64), background=False, convention=c) for c in CONVENTIONS)
    assert correct.hard_mask.sum() > 50
    assert paper.hard_mask.sum() == (correct.hard_mask.sum() if seen_from_behind else 0)


# the fringe


def test_the_soft_mask_is_one_on_the_mesh_and_fades_within_a_pixel_or_two() -> None:
    seen = render_attributes(attributes(TEMPLATE, camera()), TEMPLATE, (128, 64), background=False)
    soft, hard = seen.soft_mask, seen.hard_mask
    assert (soft[hard == 1] == 1).all()
    # 0.02 normalised units are 0.64 columns and 1.28 rows of 128 x 64: one column and two rows at most have a centre
    widened = max_pool2d(hard, (5, 3), stride=1, padding=(2, 1))
    assert (soft[widened == 0] < 0.02).all()  # the box of a slanting triangle reaches farther, where it is hardly felt
    fringe = (soft > 0) & (hard == 0)
    assert 30 < fringe.sum() < 400


def test_what_is_turned_away_is_felt_by_its_edges_as_the_slow_one_has_it() -> None:
    """The back of an ellipsoid that lost its front: no triangle covers a pixel, but many lie under each."""
    size = (36, 18)
    scene = random_scene(TEMPLATE, size)
    still = torch.zeros_like(scene.camera.azimuth)
    in_front = scene.camera._replace(azimuth=still, elevation=still)
    scene = scene._replace(vertices=TEMPLATE.vertices.double().expand(3, -1, -1), camera=in_front)
    behind = TEMPLATE.vertices[TEMPLATE.faces][..., 2].amax(1) < -0.1
    backs = TEMPLATE._replace(faces=TEMPLATE.faces[behind], face_uv=TEMPLATE.face_uv[behind])
    one, other = leaves(scene), leaves(scene)
    fast = render_attributes(assembled(one), backs, size, background=False).soft_mask
    _, slow = slow_picture(assembled(other), backs, size, False)
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=0)
    upstream = torch.randn(slow.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    torch.autograd.backward([fast, slow], [upstream, upstream])
    found, expected = one["vertices"].grad, other["vertices"].grad
    assert found is not None
    assert expected is not None
    assert expected.abs().max() > 1
    torch.testing.assert_close(found, expected, atol=2e-3 * float(expected.abs().max()), rtol=1e-3)


def test_a_centre_a_hundredth_above_the_outline_is_half_covered() -> None:
    """exp(-7000 · 0.01²) = 0.4966 of one triangle: a square whose upper edge lies 0.01 normalised units below a row."""
    row = pixel_centres((128, 64))[20, 0, 1]
    top = float(row - 0.01) * 3 / 2.5  # world y of that normalised y at a depth of 3
    square = torch.tensor([[-0.3, -0.5, 0], [0.3, -0.5, 0], [0.3, top, 0], [-0.3, top, 0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    template = SMALL._replace(vertices=square, faces=faces, uv=torch.zeros(1, 2), face_uv=faces * 0)
    soft = render_attributes(attributes(template, camera()), template, (128, 64), background=False).soft_mask
    assert soft[0, 0, 20, 34].item() == pytest.approx(math.exp(-0.7), abs=1e-3)
    assert soft[0, 0, 21, 34].item() == 1
    assert soft[0, 0, 19, 34].item() == 0  # 0.0256 above: out of the box


@pytest.mark.parametrize("outline_gradients", ["fringe", "edge"])
def test_a_camera_is_found_from_a_mask(outline_gradients) -> None:
    size = (64, 32)
    target = render_attributes(attributes(TEMPLATE, camera(0.0, 0.0, 3.0), size=size), TEMPLATE, size, background=False)
    distance, offset = torch.tensor([3.6], requires_grad=True), torch.tensor([[0.1, -0.1]], requires_grad=True)
    optimizer = torch.optim.Adam([distance, offset], lr=0.03)
    for _ in range(45):
        view = ClothingCamera(torch.zeros(1), torch.zeros(1), distance, offset, torch.zeros(1, 2))
        found = render_attributes(
            attributes(TEMPLATE, view, size=size), TEMPLATE, size, background=False, outline_gradients=outline_gradients
        )
        loss = soft_iou_loss(found.soft_mask, target.hard_mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert distance.item() == pytest.approx(3.0, abs=0.15)
    assert soft_iou_loss(found.hard_mask, target.hard_mask) < 0.06


# what may come


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("outline_gradients", ["fringe", "edge"])
def test_a_garment_out_of_sight_gives_background_and_finite_gradients(convention, outline_gradients) -> None:
    vertices = (TEMPLATE.vertices[None] + torch.tensor([9.0, 0, 0])).requires_grad_()
    view = attributes(TEMPLATE, camera())._replace(vertices=vertices)
    seen = render_attributes(
        view, TEMPLATE, (32, 16), background=False, convention=convention, outline_gradients=outline_gradients
    )
    (seen.image.sum() + seen.soft_mask.sum()).backward()
    assert (seen.image == 1).all()
    assert (seen.soft_mask == 0).all()
    assert vertices.grad is not None
    assert (vertices.grad == 0).all()


def test_half_precision_attributes_are_rendered_in_single() -> None:
    single = attributes(TEMPLATE, camera(0.3), gradient_texture(), (32, 16))
    half = ClothingAttributes(
        ClothingCamera(*(part.bfloat16() for part in single.camera)), *(part.bfloat16() for part in single[1:])
    )
    with torch.autocast("cpu", torch.bfloat16):
        seen = render_attributes(half, TEMPLATE, (32, 16), background=True)
    expected = render_attributes(single, TEMPLATE, (32, 16), background=True)
    assert seen.image.dtype == torch.float32
    assert (seen.image - expected.image).abs().mean() < 0.02


def test_a_new_azimuth_is_a_new_side_of_the_same_garment() -> None:
    view = attributes(TEMPLATE, camera(0.0), two_sided_texture())
    behind = render_attributes(with_azimuth(view, torch.tensor([math.pi])), TEMPLATE, (64, 32), background=False)
    assert behind.image[0, 2, 32, 16] < 0.1
