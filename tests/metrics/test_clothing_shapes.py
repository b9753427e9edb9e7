"""Shapes whose distance, overlap and colours are known, and alignments that must be found."""

import math

import pytest
import torch
from torch import Tensor

from metrics.clothing_shapes import FAILED, align_shape, shape_errors, surface_moments
from metrics.hidden_texture import corner_weights, surface_colours, texture_errors
from models.geometry.mesh import Mesh
from models.geometry.primitives import cube, icosphere, uv_sphere
from models.geometry.sampling import sample_surface


def lopsided() -> Mesh:
    """A closed shape that looks different from every side."""
    ball = icosphere(3)
    x, y, z = ball.vertices.unbind(1)
    radius = 1 + 0.3 * z + 0.2 * x * y + 0.15 * (3 * x).sin()
    return ball.with_vertices(ball.vertices * radius[:, None] * torch.tensor([0.5, 0.9, 0.35]))


def turned_about_y(vertices: Tensor, degrees: float) -> Tensor:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return vertices @ torch.tensor([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])


def test_two_spheres() -> None:
    ball = icosphere(4)
    found = shape_errors(ball, ball.with_vertices(2 * ball.vertices))
    assert found.chamfer_percent == pytest.approx(100 / (4 * math.sqrt(3)), rel=0.01)
    assert found.iou_volume == pytest.approx(1 / 8, abs=0.01)
    assert found.volume_ratio == pytest.approx(1 / 8, abs=0.01)
    assert found.failed == 0


def test_a_shape_is_itself() -> None:
    found = shape_errors(lopsided(), lopsided())
    assert found.chamfer_percent == pytest.approx(0, abs=1e-5)
    assert found.iou_volume == 1


def test_errors_are_shares_of_the_truth_whatever_its_unit() -> None:
    truth, predicted = lopsided(), icosphere(3)
    small = shape_errors(predicted, truth)
    large = shape_errors(*(each.with_vertices(100 * each.vertices) for each in (predicted, truth)))
    assert large.chamfer_percent == pytest.approx(small.chamfer_percent, rel=1e-4)
    assert large.iou_volume == pytest.approx(small.iou_volume, abs=1e-3)


@pytest.mark.parametrize("degrees", [0, 35, 180, -100])
def test_any_similarity_is_undone(degrees: float) -> None:
    truth = lopsided()
    moved = truth.with_vertices(0.4 * turned_about_y(truth.vertices, degrees) + torch.tensor([0.3, -0.2, 1.0]))
    found = shape_errors(align_shape(moved, truth), truth)
    assert found.chamfer_percent < 0.05
    assert found.iou_volume > 0.99


def test_a_shape_without_arms_does_not_grow_to_reach_them() -> None:
    ball, slim = icosphere(4), torch.tensor([0.15, 0.9, 0.12])
    body = slim * ball.vertices
    reach = 1 + 3 * ((body[:, 1] - 0.3).abs() < 0.06)
    armed = ball.with_vertices(body * torch.stack([reach, torch.ones_like(reach), torch.ones_like(reach)], 1))
    found = shape_errors(align_shape(ball.with_vertices(body), armed), armed)
    assert 0.7 < found.volume_ratio < 1.3
    assert found.iou_volume > 0.6


def test_moments_are_those_of_many_points_on_the_surface() -> None:
    shape = lopsided()
    points = sample_surface(shape.vertices, shape.faces, 200_000, torch.Generator().manual_seed(0)).points.double()
    centre, size = surface_moments(shape)
    assert float((centre - points.mean(0)).norm()) < 5e-3
    assert float(size) == pytest.approx(float((points - points.mean(0)).square().sum(1).mean().sqrt()), rel=5e-3)


def test_a_mirror_image_is_another_shape() -> None:
    truth = lopsided()
    mirrored = Mesh(truth.vertices * torch.tensor([-1.0, 1.0, 1.0]), truth.faces.flip(1))
    assert shape_errors(align_shape(mirrored, truth), truth).iou_volume < 0.95


def test_better_shapes_score_better() -> None:
    truth, ball = lopsided(), icosphere(3)
    figures = []
    for share in (0.0, 0.5, 1.0):
        between = ball.with_vertices(
            (1 - share) * ball.vertices * torch.tensor([0.5, 0.9, 0.35]) + share * truth.vertices
        )
        figures.append(shape_errors(align_shape(between, truth), truth))
    assert figures[0].iou_volume < figures[1].iou_volume < figures[2].iou_volume
    assert figures[0].chamfer_percent > figures[1].chamfer_percent > figures[2].chamfer_percent


def test_a_shape_that_is_none_fails_and_a_truth_that_is_none_is_refused() -> None:
    broken = icosphere(1).with_vertices(torch.full((42, 3), torch.nan))
    assert shape_errors(broken, cube()) == FAILED
    assert shape_errors(icosphere(1).with_vertices(torch.zeros(42, 3)), cube()) == FAILED
    with pytest.raises(ValueError, match="nothing can be measured"):
        shape_errors(cube(), broken)


def painted(front: Tensor, back: Tensor) -> tuple[Mesh, Mesh]:
    """A predicted sphere with a texture and a true one with colours, both by the sign of z."""
    ball = uv_sphere(16, 32)
    assert ball.uv is not None
    # u = 1/2 looks at +z: the middle half of the texture is the front
    middle = (torch.arange(64) >= 16) & (torch.arange(64) < 48)
    texture = torch.where(middle[None, None], front[:, None, None], back[:, None, None]).expand(3, 32, 64)
    predicted = Mesh(ball.vertices, ball.faces, ball.uv, ball.face_uv, texture)
    fine = icosphere(4)
    colours = torch.where(fine.vertices[:, 2:] > 0, front, back)
    return predicted, Mesh(fine.vertices, fine.faces, vertex_colors=colours)


RED, BLUE = torch.tensor([0.8, 0.2, 0.2]), torch.tensor([0.1, 0.2, 0.9])
FRONT, BEHIND = torch.tensor([0.0, 0.0, 4.0]), torch.tensor([0.0, 0.0, -4.0])


def test_the_right_colours_on_both_sides() -> None:
    found = texture_errors(*painted(RED, BLUE), FRONT)
    assert found.visible_error_grey < 6  # mixed colours along the seam only
    assert found.hidden_error_grey < 20
    assert found.hidden_plain_error_grey > 0.78 * 255 * float((RED - BLUE).abs().mean())


def test_a_front_that_is_repeated_behind_is_wrong_there_and_only_there() -> None:
    predicted, _ = painted(RED, RED)
    _, truth = painted(RED, BLUE)
    found = texture_errors(predicted, truth, FRONT)
    assert found.visible_error_grey < 6
    expected = 255 * float((RED - BLUE).abs().mean())
    assert found.hidden_error_grey == pytest.approx(found.hidden_plain_error_grey, rel=0.05)
    assert 0.8 * expected < found.hidden_error_grey <= expected
    # from behind the same prediction is wrong on the side that shows
    behind = texture_errors(predicted, truth, BEHIND)
    assert behind.visible_error_grey > behind.hidden_error_grey


def test_dim_light_is_no_dark_cloth() -> None:
    predicted, truth = painted(RED, BLUE)
    assert predicted.texture is not None
    dim = Mesh(predicted.vertices, predicted.faces, predicted.uv, predicted.face_uv, 0.5 * predicted.texture)
    as_painted, dimmed = texture_errors(predicted, truth, FRONT), texture_errors(dim, truth, FRONT)
    assert dimmed.hidden_error_grey == pytest.approx(as_painted.hidden_error_grey, abs=0.5)


def test_a_texture_is_read_at_the_nearest_point() -> None:
    predicted, _ = painted(RED, BLUE)
    points = torch.tensor([[0.1, 0.1, 3.0], [0.2, -0.3, -2.0], [0.4, 0.5, 0.3]], dtype=torch.float64)
    found = surface_colours(predicted, points).float()
    torch.testing.assert_close(found, torch.stack([RED, BLUE, RED]), atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="no texture"):
        surface_colours(icosphere(1), points)


def test_weights_of_corners() -> None:
    vertices = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 2, 1], [5, 5, 5]], dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2], [3, 3, 3]])
    wanted = torch.tensor([[0.2, 0.5, 0.3], [1 / 3, 1 / 3, 1 / 3]], dtype=torch.float64)
    points = (vertices[faces] * wanted[..., None]).sum(1)
    torch.testing.assert_close(corner_weights(vertices, faces, torch.tensor([0, 1]), points), wanted)


def test_colours_are_laid_on_from_the_side_of_the_camera() -> None:
    # a shape that looks alike from front and back: only the turn says which is which
    predicted, truth = painted(RED, BLUE)
    flat = torch.tensor([0.6, 1.0, 0.3])
    predicted, truth = predicted.with_vertices(flat * predicted.vertices), truth.with_vertices(flat * truth.vertices)
    half_round = predicted.with_vertices(turned_about_y(predicted.vertices, 180))
    right = texture_errors(align_shape(half_round, truth, turn=math.pi, search=False), truth, FRONT)
    wrong = texture_errors(align_shape(half_round, truth, search=False), truth, FRONT)
    assert right.hidden_error_grey < 20 < wrong.hidden_error_grey
