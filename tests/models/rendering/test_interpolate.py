"""Interpolated attributes against the plain sum, forward and backward."""

import pytest
import torch
from torch import Tensor

from models.rendering.fragments import Fragments
from models.rendering.interpolate import interpolate, interpolate_corners
from models.rendering.rasterize import rasterize
from tests.models.rendering.screen_scenes import pinhole, triangle_soup

SIZE = (33, 44)


def plain_sum(corner_attributes: Tensor, fragments: Fragments) -> Tensor:
    """Σ_k w_k a_k with full pictures of corners [b f 3 c], recorded by autograd."""
    pictures = []
    for attributes, face, weights in zip(corner_attributes, fragments.face_index, fragments.barycentrics):
        pictures.append((attributes[face.clamp(min=0)] * weights[..., None]).sum(-2).permute(2, 0, 1))
    return torch.stack(pictures)


@pytest.mark.parametrize("channels", [1, 3, 9])
@pytest.mark.parametrize("shared", [False, True])
def test_values_and_gradients_equal_the_plain_sum(channels: int, shared: bool) -> None:
    generator = torch.Generator().manual_seed(channels)
    screen, faces = triangle_soup(generator)
    shape = (40, channels) if shared else (2, 40, channels)
    upstream = torch.randn(2, channels, *SIZE, dtype=torch.float64, generator=generator)
    attributes = torch.randn(shape, dtype=torch.float64, generator=generator)
    results = []
    for plain in (False, True):
        vertices, values = screen.double().requires_grad_(), attributes.clone().requires_grad_()
        fragments = rasterize(vertices, faces, SIZE)
        if plain:
            picture = plain_sum(values.expand(2, -1, -1)[:, faces], fragments)
        else:
            picture = interpolate(values, faces, fragments)
        (picture * upstream).sum().backward()
        results.append((picture.detach(), values.grad, vertices.grad))
    for ours, truth in zip(*results):
        assert ours is not None
        torch.testing.assert_close(ours, truth, rtol=1e-9, atol=1e-10 * float(truth.abs().max()))


def test_corner_attributes_may_differ_across_an_edge() -> None:
    screen = torch.tensor([[[0.0, 0.0, 1.0], [0.0, 8.0, 1.0], [8.0, 8.0, 1.0], [8.0, 0.0, 1.0]]], dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    fragments = rasterize(screen, faces, (8, 8))
    colours = torch.zeros(2, 3, 1, dtype=torch.float64)
    colours[1] = 1.0
    picture = interpolate_corners(colours, fragments)
    assert set(picture.round(decimals=12).unique().tolist()) == {0.0, 1.0}
    assert torch.equal(picture[0, 0] > 0.5, fragments.face_index[0] == 1)
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(2, 3, 2, dtype=torch.float64, generator=generator, requires_grad=True)
    truth = plain_sum(values[None], fragments)
    torch.testing.assert_close(interpolate_corners(values, fragments), truth)
    assert torch.autograd.gradcheck(lambda a: interpolate_corners(a, fragments), (values,))


def test_interpolated_positions_are_the_points_that_the_pixels_see() -> None:
    """Camera-space positions, carried through perspective, project back onto the pixel centres."""
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(60, 3, generator=generator).double() * torch.tensor([6, 6, 3]) + torch.tensor([-3, -3, 1.5])
    faces = torch.randint(0, 60, (40, 3), generator=generator)
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])]
    screen = pinhole(points, 30.0, SIZE)[None]
    fragments = rasterize(screen, faces, SIZE)
    seen = fragments.face_index[0] >= 0
    position = interpolate(points[None], faces, fragments)[0]
    x, y, z = pinhole(position.permute(1, 2, 0)[seen], 30.0, SIZE).unbind(-1)
    row, column = seen.nonzero().unbind(1)
    torch.testing.assert_close(x, column.double() + 0.5)
    torch.testing.assert_close(y, row.double() + 0.5)
    torch.testing.assert_close(z, fragments.depth[0][seen])


def test_empty_pixels_are_zero_whatever_the_attributes() -> None:
    screen, faces = triangle_soup(torch.Generator().manual_seed(2), faces=5)
    fragments = rasterize(screen, faces, SIZE)
    attributes = torch.full((2, 40, 3), torch.nan)
    attributes[:, faces.unique()] = 1.0
    picture = interpolate(attributes, faces, fragments)
    empty = fragments.face_index < 0
    assert int(empty.sum()) > 0
    assert (picture.permute(0, 2, 3, 1)[empty] == 0).all()
    torch.testing.assert_close(picture.permute(0, 2, 3, 1)[~empty], torch.ones(int((~empty).sum()), 3))
    nothing = rasterize(screen + 1000, faces, SIZE)
    assert (interpolate(attributes.nan_to_num().requires_grad_(), faces, nothing) == 0).all()


def test_only_what_needs_a_gradient_gets_one() -> None:
    screen, faces = triangle_soup(torch.Generator().manual_seed(3))
    attributes = torch.rand(2, 40, 3)
    vertices = screen.clone().requires_grad_()
    interpolate(attributes, faces, rasterize(vertices, faces, SIZE)).sum().backward()
    assert vertices.grad is not None
    colours = attributes.clone().requires_grad_()
    picture = interpolate(colours, faces, rasterize(screen, faces, SIZE))
    picture.sum().backward()
    assert colours.grad is not None
    covered = float((rasterize(screen, faces, SIZE).face_index >= 0).sum())
    torch.testing.assert_close(colours.grad.sum(), torch.tensor(3 * covered), rtol=1e-5, atol=0)
