"""The ellipsoid: counts, symmetry, texture coordinates against their formula, and a Laplacian that smooths."""

import math

import pytest
import torch

from models.clothing.template import ellipsoid_template
from models.geometry.topology import euler_characteristic, is_watertight

TEMPLATE = ellipsoid_template()


def unit_positions() -> torch.Tensor:
    return TEMPLATE.vertices.double() / torch.tensor([0.45, 0.9, 0.225], dtype=torch.float64)


def test_counts_and_extents_are_those_of_the_paper() -> None:
    assert (len(TEMPLATE.vertices), len(TEMPLATE.faces), len(TEMPLATE.edges)) == (642, 1280, 1920)
    assert euler_characteristic(TEMPLATE.faces) == 2
    assert is_watertight(TEMPLATE.faces)
    torch.testing.assert_close(TEMPLATE.vertices.amax(0), torch.tensor([0.45, 0.9, 0.225]))
    torch.testing.assert_close(TEMPLATE.vertices.amin(0), -torch.tensor([0.45, 0.9, 0.225]))
    degree = torch.bincount(TEMPLATE.edges.flatten())
    assert degree.bincount().tolist() == [0, 0, 0, 0, 0, 12, 630]


def test_icosahedron_corners_stand_as_in_the_paper() -> None:
    corners = unit_positions()[torch.bincount(TEMPLATE.edges.flatten()) == 5].abs()
    expected = torch.tensor([[0, 0.8507, 0.5257], [0.5257, 0, 0.8507], [0.8507, 0.5257, 0]], dtype=torch.float64)
    assert torch.cdist(corners, expected).amin(1).max() < 1e-3


def test_faces_wind_outward() -> None:
    a, b, c = TEMPLATE.vertices[TEMPLATE.faces].unbind(1)
    assert (torch.linalg.cross(b - a, c - a) * (a + b + c)).sum(1).min() > 0


def test_the_mirror_is_an_involution_with_32_fixed_points() -> None:
    mirror, identity = TEMPLATE.mirror_z, torch.arange(642)
    assert torch.equal(mirror[mirror], identity)
    assert int((mirror == identity).sum()) == 32
    flipped = TEMPLATE.vertices[mirror] * torch.tensor([1, 1, -1])
    assert torch.equal(flipped, TEMPLATE.vertices)


def test_uv_follows_its_formula_up_to_whole_turns() -> None:
    x, y, z = unit_positions()[TEMPLATE.faces].unbind(-1)
    u, v = TEMPLATE.uv[TEMPLATE.face_uv].double().unbind(-1)
    polar = x.abs() > 1 - 1e-6
    assert int(polar.sum()) == 12
    torch.testing.assert_close(u, 0.5 + torch.asin(x.clamp(-1, 1)) / math.pi, rtol=0, atol=2e-4)  # asin at the poles
    turns = v - (0.25 + torch.atan2(y, z) / (2 * math.pi))
    assert (turns - turns.round())[~polar].abs().max() < 1e-6


def test_no_face_is_torn_by_the_seam() -> None:
    v = TEMPLATE.uv[TEMPLATE.face_uv][..., 1]
    extent = v.amax(1) - v.amin(1)
    x = unit_positions()[TEMPLATE.faces][..., 0].abs().amax(1)
    assert extent[x < 0.9].max() < 0.12
    assert extent.max() < 0.26  # at the poles all v meet
    assert v.max() == 1
    assert v.min() > -0.1


def test_front_and_back_have_mirrored_texture_rows() -> None:
    z = TEMPLATE.vertices[TEMPLATE.faces][..., 2]
    v = TEMPLATE.uv[TEMPLATE.face_uv][..., 1]
    front, back = (z >= 0).all(1), (z <= 0).all(1)
    assert bool(((v[front] >= 0) & (v[front] <= 0.5)).all())
    assert bool(((v[back] >= 0.5) & (v[back] <= 1)).all())


def test_laplacian_rows_sum_to_nothing_and_linear_fields_on_a_grid_of_six_stay() -> None:
    laplacian = TEMPLATE.laplacian
    assert laplacian.sum(1).abs().max() < 1e-6
    assert laplacian.count_nonzero() == 642 + 2 * 1920
    rough = torch.randn(642, generator=torch.Generator().manual_seed(0))
    assert (rough + 0.5 * laplacian @ rough).std() < 0.8 * rough.std()


def test_a_flat_template_is_refused() -> None:
    with pytest.raises(ValueError, match="positive lengths"):
        ellipsoid_template((0.5, 0.0, 0.5))
