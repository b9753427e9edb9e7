"""The picture of faces: by hand, and against the brute force in float64."""

import math

import pytest
import torch
from torch import Tensor

from models.rendering.rasterize import rasterize
from models.rendering.reference import depth_within, is_drawn
from tests.models.rendering.screen_scenes import sphere_on_screen, torus_on_screen, triangle_soup

SIZE = (33, 44)
NEAR = 1e-2


def ambiguous_pixels(screen: Tensor, faces: Tensor, size: tuple[int, int], perspective: bool, cull: str) -> Tensor:
    """Pixels that rounding may decide: an edge within 1e-4 px, or two triangles within 1e-5 of one depth."""
    h, w = size
    y, x = torch.meshgrid(torch.arange(h).double() + 0.5, torch.arange(w).double() + 0.5, indexing="ij")
    pictures = []
    for vertices in screen.double():
        nearest, second = torch.full((2, h, w), torch.inf, dtype=torch.float64)
        close = torch.zeros(h, w, dtype=torch.bool)
        for corners in vertices[faces]:
            if not is_drawn(corners, perspective=perspective, cull=cull, near=NEAR):
                continue
            for i in range(3):
                ax, ay, bx, by = *corners[i, :2], *corners[(i + 1) % 3, :2]
                length = math.hypot(float(bx - ax), float(by - ay))
                close |= ((x - ax) * (by - ay) - (y - ay) * (bx - ax)).abs() < 1e-4 * length
            depth = depth_within(corners, x, y, perspective=perspective)
            depth = torch.where(depth >= NEAR * (1 - 1e-5), depth, torch.inf)
            close |= (depth - NEAR).abs() < NEAR * 1e-4
            second = torch.minimum(second, torch.maximum(nearest, depth))
            nearest = torch.minimum(nearest, depth)
        pictures.append(close | (second - nearest < 1e-5 * nearest))
    return torch.stack(pictures)


@pytest.mark.parametrize("perspective", [True, False])
@pytest.mark.parametrize("cull", ["none", "back"])
@pytest.mark.parametrize("behind", [False, True])
def test_random_triangles_equal_the_reference(perspective: bool, cull, behind: bool) -> None:
    left_out = compared = 0
    for seed in range(4):
        screen, faces = triangle_soup(torch.Generator().manual_seed(seed), behind=behind)
        native = rasterize(screen, faces, SIZE, perspective=perspective, cull=cull, near=NEAR)
        truth = rasterize(
            screen.double(), faces, SIZE, perspective=perspective, cull=cull, near=NEAR, backend="reference"
        )
        clear = ~ambiguous_pixels(screen, faces, SIZE, perspective, cull)
        assert torch.equal(native.face_index[clear], truth.face_index[clear])
        same = clear & (truth.face_index >= 0)
        torch.testing.assert_close(native.depth[same].double(), truth.depth[same], rtol=1e-3, atol=1e-5)
        left_out, compared = left_out + int((~clear).sum()), compared + int(same.sum())
    assert compared > 3000
    assert left_out < 0.05 * compared


def test_meshes_equal_the_reference() -> None:
    for screen, faces in (sphere_on_screen(SIZE, 2), torus_on_screen(SIZE)):
        native = rasterize(screen, faces, SIZE)
        truth = rasterize(screen.double(), faces, SIZE, backend="reference")
        assert int((native.face_index != truth.face_index).sum()) == 0
        assert 0.3 < float((native.face_index >= 0).float().mean()) < 0.9


def test_one_triangle_by_hand() -> None:
    screen = torch.tensor([[[1.0, 1.0, 2.0], [1.0, 4.0, 2.0], [5.0, 1.0, 4.0]]])
    fragments = rasterize(screen, torch.tensor([[0, 1, 2]]), (5, 6))
    expected = torch.tensor(
        [
            [-1, -1, -1, -1, -1, -1],
            [-1, 0, 0, 0, -1, -1],  # the hypotenuse meets this row at x = 4.33: the centre 3.5 is in, 4.5 is not
            [-1, 0, 0, -1, -1, -1],  # and this one at x = 3
            [-1, 0, -1, -1, -1, -1],  # and this one at x = 1.67
            [-1, -1, -1, -1, -1, -1],
        ]
    )
    assert torch.equal(fragments.face_index[0], expected)
    # the centre (1.5, 1.5) has the screen weights 17/24, 4/24, 3/24; over z: 17/48, 4/48, 1.5/48
    torch.testing.assert_close(fragments.barycentrics[0, 1, 1], torch.tensor([17.0, 4.0, 1.5]) / 22.5)
    torch.testing.assert_close(fragments.depth[0, 1, 1], torch.tensor(48 / 22.5))
    assert torch.isinf(fragments.depth[0][expected < 0]).all()
    assert (fragments.barycentrics[0][expected < 0] == 0).all()


def test_orthographic_weights_are_linear_on_the_screen() -> None:
    screen = torch.tensor([[[1.0, 1.0, 2.0], [1.0, 4.0, 2.0], [5.0, 1.0, 4.0]]])
    fragments = rasterize(screen, torch.tensor([[0, 1, 2]]), (5, 6), perspective=False)
    torch.testing.assert_close(fragments.barycentrics[0, 1, 1], torch.tensor([17.0, 4.0, 3.0]) / 24)
    torch.testing.assert_close(fragments.depth[0, 1, 1], torch.tensor((17 * 2 + 4 * 2 + 3 * 4) / 24))


def test_culling_keeps_what_is_counter_clockwise_on_the_screen() -> None:
    screen = torch.tensor([[[1.0, 1.0, 1.0], [1.0, 9.0, 1.0], [9.0, 1.0, 1.0]]])  # down, then right: counter-clockwise
    for faces, seen in ((torch.tensor([[0, 1, 2]]), True), (torch.tensor([[0, 2, 1]]), False)):
        for backend in ("native", "reference"):
            culled = rasterize(screen, faces, (10, 10), cull="back", backend=backend)
            assert bool((culled.face_index >= 0).any()) == seen
    screen, faces = sphere_on_screen(SIZE)
    whole, fronts = rasterize(screen, faces, SIZE), rasterize(screen, faces, SIZE, cull="back")
    assert torch.equal(whole.face_index, fronts.face_index)


def test_the_nearer_triangle_wins_and_ties_go_to_the_lower_index() -> None:
    square = torch.tensor([[0.0, 0.0], [0.0, 8.0], [8.0, 8.0], [8.0, 0.0]])
    depths = torch.tensor([3.0, 2.0, 2.0])
    screen = torch.cat([torch.cat([square, torch.full((4, 1), float(depth))], 1) for depth in depths])[None]
    faces = torch.cat([torch.tensor([[0, 1, 2], [0, 2, 3]]) + 4 * layer for layer in range(3)])
    for backend in ("native", "reference"):
        seen = rasterize(screen, faces, (8, 8), backend=backend).face_index
        assert set(seen.unique().tolist()) == {2, 3}
        on_diagonal = seen[0].diagonal()
        assert (on_diagonal == 2).all()


def test_the_same_input_gives_the_same_picture() -> None:
    screen, faces = triangle_soup(torch.Generator().manual_seed(5), batch=3)
    first = rasterize(screen, faces, SIZE)
    for _ in range(3):
        again = rasterize(screen, faces, SIZE)
        assert all(torch.equal(a, b) for a, b in zip(first, again))
    shuffled = torch.randperm(len(faces), generator=torch.Generator().manual_seed(6))
    reordered = rasterize(screen, faces[shuffled], SIZE)
    seen = reordered.face_index >= 0
    assert torch.equal(torch.where(seen, shuffled[reordered.face_index.clamp(min=0)], -1), first.face_index)


def test_a_batch_equals_its_pictures_and_chunks_equal_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, faces = triangle_soup(torch.Generator().manual_seed(7), batch=5)
    whole = rasterize(screen, faces, SIZE).face_index
    for picture in range(5):
        assert torch.equal(whole[picture], rasterize(screen[picture : picture + 1], faces, SIZE).face_index[0])
    for at_once in (64, 300, 5000):
        monkeypatch.setattr("models.rendering.native.CANDIDATES_AT_ONCE", at_once)
        assert torch.equal(whole, rasterize(screen, faces, SIZE).face_index)
    for small in (0, 1, 30, 10**6):
        monkeypatch.setattr("models.rendering.native.PIXELS_OF_A_SMALL_BOX", small)
        assert torch.equal(whole, rasterize(screen, faces, SIZE).face_index)


def test_pictures_that_are_not_square_and_meshes_partly_outside() -> None:
    screen, faces = sphere_on_screen((64, 64))
    whole = rasterize(screen, faces, (64, 64)).face_index[0]
    for top, left, h, w in ((0, 0, 64, 20), (10, 5, 17, 40), (30, 30, 1, 64), (20, 31, 40, 1)):
        window = rasterize(screen - torch.tensor([left, top, 0.0]), faces, (h, w)).face_index[0]
        expected = whole[top : top + h, left : left + w]
        assert torch.equal(window[: expected.shape[0], : expected.shape[1]], expected)
    outside = rasterize(screen + torch.tensor([1000.0, 0.0, 0.0]), faces, (64, 64))
    assert (outside.face_index == -1).all()


def test_nothing_to_draw() -> None:
    screen, faces = sphere_on_screen(SIZE)
    no_faces = faces[:0]
    for backend in ("native", "reference"):
        empty = rasterize(screen.requires_grad_(), no_faces, SIZE, backend=backend)
        assert (empty.face_index == -1).all()
        assert torch.isinf(empty.depth).all()
        empty.barycentrics.sum().backward()
        assert screen.grad is not None
        assert not screen.grad.any()
    no_pictures = rasterize(screen[:0].detach(), faces, SIZE)
    assert no_pictures.face_index.shape == (0, *SIZE)
    assert no_pictures.barycentrics.shape == (0, *SIZE, 3)
    no_vertices = rasterize(torch.zeros(2, 0, 3), no_faces, SIZE)
    assert (no_vertices.face_index == -1).all()


def test_broken_vertices_drop_their_triangles_only() -> None:
    screen, faces = triangle_soup(torch.Generator().manual_seed(8))
    broken = screen.clone()
    broken[0, 3, 0], broken[0, 5, 2], broken[1, 7, 1] = math.nan, math.inf, -math.inf
    broken[1, 9, 2] = -math.inf
    native = rasterize(broken.requires_grad_(), faces, SIZE)
    truth = rasterize(broken.detach(), faces, SIZE, backend="reference")
    assert torch.equal(native.face_index, truth.face_index)
    for picture, vertices in ((0, [3, 5]), (1, [7, 9])):
        seen = native.face_index[picture].unique()
        assert not torch.isin(faces[seen[seen >= 0]], torch.tensor(vertices)).any()
        sound = ~torch.isin(faces, torch.tensor(vertices)).any(1)
        alone = rasterize(screen[picture : picture + 1], faces[sound], SIZE).face_index[0]
        assert torch.equal(torch.where(alone >= 0, sound.nonzero().squeeze(1)[alone], -1), native.face_index[picture])
    assert native.barycentrics.isfinite().all()
    (native.barycentrics.square().sum() + native.depth[native.face_index >= 0].sum()).backward()
    assert broken.grad is not None
    assert broken.grad.isfinite().all()
    assert (broken.grad[0, [3, 5]] == 0).all()


def test_degenerate_triangles_are_not_drawn_and_get_finite_gradients() -> None:
    screen = torch.tensor(
        [[[2.0, 2.5, 1], [9.0, 2.5, 1], [20.0, 2.5, 2], [5.0, 5.0, 1], [5.0, 5.0, 1], [9.0, 11.0, 3]]]
    )
    faces = torch.tensor([[0, 1, 2], [3, 4, 5], [3, 3, 3], [0, 0, 5]])
    for backend in ("native", "reference"):
        assert (rasterize(screen, faces, (12, 24), backend=backend).face_index == -1).all()
    generator = torch.Generator().manual_seed(9)
    screen, faces = triangle_soup(generator, vertices=60, faces=200)
    thin = torch.arange(0, 60, 3)
    screen[:, thin] = screen[:, thin + 1] + 1e-6 * torch.randn(2, len(thin), 3, generator=generator)
    faces = torch.cat([torch.stack([thin, thin + 1, thin + 2], 1), faces])
    screen.requires_grad_()
    fragments = rasterize(screen, faces, SIZE)
    assert fragments.barycentrics.min() >= 0
    assert fragments.barycentrics.max() <= 1
    (fragments.barycentrics.square().sum() + fragments.depth[fragments.face_index >= 0].sum()).backward()
    assert screen.grad is not None
    assert screen.grad.isfinite().all()


def test_half_precision_and_autocast_draw_in_float32() -> None:
    screen, faces = sphere_on_screen(SIZE)
    half = screen.half()
    expected = rasterize(half.float(), faces, SIZE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for fragments in (rasterize(half, faces, SIZE), rasterize(half.float(), faces, SIZE)):
            assert torch.equal(fragments.face_index, expected.face_index)
            assert fragments.barycentrics.dtype == torch.float32
            assert torch.equal(fragments.depth, expected.depth)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": (0, 5)}, "give \\(height, width\\)"),
        ({"near": 0.0}, "positive distance"),
        ({"backend": "opengl"}, "choose one of native, pytorch3d, reference"),
        ({"cull": "front"}, "choose none or back"),
        ({"faces": torch.tensor([[0, 1, 99999]])}, "check that the faces belong"),
    ],
)
def test_mistakes_are_sentences(change: dict, sentence: str) -> None:
    screen, faces = sphere_on_screen(SIZE, 0)
    arguments = {"faces": faces, "size": SIZE} | change
    unchecked = getattr(rasterize, "__wrapped__", rasterize)  # the annotations would complain first, less readably
    with pytest.raises(ValueError, match=sentence):
        unchecked(screen, **arguments)
