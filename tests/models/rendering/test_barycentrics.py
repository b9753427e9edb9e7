"""Weights and depth against recorded gradients of the written formula, finite differences and hand-made extremes."""

import pytest
import torch
from torch import Tensor

from models.rendering.barycentrics import barycentrics_and_depth, corner_vertices, covered_pixels
from models.rendering.rasterize import rasterize
from tests.models.rendering.screen_scenes import sphere_on_screen, torus_on_screen, triangle_soup

SIZE = (33, 44)


def written_out(vertices: Tensor, faces: Tensor, face_index: Tensor, perspective: bool) -> tuple[Tensor, Tensor]:
    """The same values by autograd's own recording: areas of the sub-triangles, one full picture each."""
    b, h, w = face_index.shape
    corners = torch.stack([vertices[picture][faces[face_index[picture].clamp(min=0)]] for picture in range(b)])
    y, x = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
    centre = torch.stack([x, y], -1).to(vertices.dtype)

    def area(p: Tensor, q: Tensor, r: Tensor) -> Tensor:
        return (q - p)[..., 0] * (r - p)[..., 1] - (q - p)[..., 1] * (r - p)[..., 0]

    p, q, r = corners[..., :2].unbind(-2)
    centre = centre.expand_as(p)
    on_screen = torch.stack([area(centre, q, r), area(p, centre, r), area(p, q, centre)], -1) / area(p, q, r)[..., None]
    z = corners[..., 2]
    weights = on_screen / z / (on_screen / z).sum(-1, keepdim=True) if perspective else on_screen
    seen = face_index >= 0
    weights = torch.where(seen[..., None], weights, 0)
    return weights, torch.where(seen, (weights * z).sum(-1), torch.inf)


@pytest.mark.parametrize("perspective", [True, False])
@pytest.mark.parametrize("scene", ["sphere", "torus", "soup"])
def test_values_and_gradients_equal_the_written_formula(scene: str, perspective: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    if scene == "soup":
        screen, faces = triangle_soup(generator)
    else:
        screen, faces = sphere_on_screen(SIZE) if scene == "sphere" else torus_on_screen(SIZE)
    screen = screen.double()
    face_index = rasterize(screen, faces, SIZE, perspective=perspective).face_index
    seen = face_index >= 0
    upstream = torch.randn(*face_index.shape, 4, dtype=torch.float64, generator=generator)
    gradients, values = [], []
    for function in (
        lambda v: barycentrics_and_depth(v, faces, face_index, perspective=perspective),
        lambda v: written_out(v, faces, face_index, perspective),
    ):
        vertices = screen.clone().requires_grad_()
        weights, depth = function(vertices)
        values.append((weights.detach(), depth.detach()))
        for loss in (
            (weights * upstream[..., :3]).sum() + (depth[seen] * upstream[..., 3][seen]).sum(),
            (weights * upstream[..., :3]).sum(),
            (depth[seen] * upstream[..., 3][seen]).sum(),
        ):
            gradients.append(torch.autograd.grad(loss, vertices, retain_graph=True)[0])
    torch.testing.assert_close(values[0], values[1], rtol=1e-7, atol=1e-9)
    for ours, truth in zip(gradients[:3], gradients[3:]):
        assert truth.abs().max() > 0
        torch.testing.assert_close(ours, truth, rtol=1e-6, atol=1e-9 * float(truth.abs().max()))


@pytest.mark.parametrize("perspective", [True, False])
def test_gradients_equal_finite_differences(perspective: bool) -> None:
    screen = torch.tensor(
        [[[1.2, 1.1, 2.0], [2.3, 7.9, 3.0], [7.1, 2.7, 1.5], [8.6, 8.2, 2.5]]], dtype=torch.float64, requires_grad=True
    )
    faces = torch.tensor([[0, 1, 2], [2, 1, 3]])
    face_index = rasterize(screen, faces, (9, 10), perspective=perspective).face_index
    seen = face_index >= 0
    assert int(seen.sum()) > 20

    def values(vertices: Tensor) -> tuple[Tensor, Tensor]:
        weights, depth = barycentrics_and_depth(vertices, faces, face_index, perspective=perspective)
        return weights, depth[seen]

    assert torch.autograd.gradcheck(values, (screen,))


def test_float32_weights_lie_in_the_triangle_however_small_it_is() -> None:
    for scale in (1e-3, 1.0, 1e3):
        screen, faces = torus_on_screen(SIZE)
        screen = screen.clone()
        screen[..., 2] *= scale  # depth in other units
        fragments = rasterize(screen, faces, SIZE, near=1e-4)
        seen = fragments.face_index >= 0
        assert int(seen.sum()) > 300
        assert fragments.barycentrics.min() >= 0
        torch.testing.assert_close(fragments.barycentrics.sum(-1)[seen], torch.ones(int(seen.sum())))
        corner_depth = screen[0, faces[fragments.face_index[seen]], 2]
        assert (fragments.depth[seen] >= corner_depth.amin(1) * (1 - 1e-6)).all()
        assert (fragments.depth[seen] <= corner_depth.amax(1) * (1 + 1e-6)).all()


def test_gradients_stay_finite_on_slivers() -> None:
    """Triangles that rounding has flattened (the first), or nearly."""
    for thickness in (1e-7, 1e-6, 1e-3):
        screen = torch.tensor([[[0.0, 2.5 - thickness, 1.0], [30.0, 2.5, 1.0], [0.0, 2.5 + thickness, 4.0]]])
        screen.requires_grad_()
        face_index = torch.full((1, 5, 12), -1)
        face_index[0, 2] = 0
        weights, depth = barycentrics_and_depth(screen, torch.tensor([[0, 1, 2]]), face_index)
        (weights.square().sum() + depth[face_index >= 0].sum()).backward()
        assert screen.grad is not None
        assert screen.grad.isfinite().all()


def test_covered_pixels_and_their_corners() -> None:
    faces = torch.tensor([[0, 1, 2], [2, 1, 3]])
    face_index = torch.full((3, 4, 5), -1)
    face_index[1, 2, 3], face_index[2, 0, 4], face_index[2, 3, 0] = 0, 1, 0
    covered = covered_pixels(faces, face_index, 4)
    assert covered.picture.tolist() == [1, 2, 2]
    assert covered.row.tolist() == [2, 0, 3]
    assert covered.column.tolist() == [3, 4, 0]
    assert [corner.tolist() for corner in covered.corners] == [[4, 10, 8], [5, 9, 9], [6, 11, 10]]
    assert torch.equal(face_index.reshape(-1)[covered.pixel], torch.tensor([0, 1, 0]))
    again = corner_vertices(faces, face_index, covered.pixel, 4)
    assert all(torch.equal(a, b) for a, b in zip(again, covered.corners))
    many = torch.zeros(3, 217, 331, dtype=torch.int64)  # quotients by multiplication are exact
    covered = covered_pixels(faces, many, 0)
    assert torch.equal((covered.picture * 217 + covered.row) * 331 + covered.column, torch.arange(many.numel()))
    assert int(covered.column.max()) == 330
    assert int(covered.row.max()) == 216
