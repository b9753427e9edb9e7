"""Overlap of solids with known volumes."""

import math

import pytest
import torch

from metrics.volumes import iou_volume, iou_volume_of_query, volume_overlap
from models.geometry.grids import Bounds
from models.geometry.mesh import Mesh
from models.geometry.primitives import cube, icosphere


def shifted_cube(offset: float) -> Mesh:
    return cube().with_vertices(cube().vertices + torch.tensor([offset, 0.0, 0.0]))


@pytest.mark.parametrize("offset", [0.0, 0.5, 1.0, 3.0])
def test_shifted_cubes(offset: float) -> None:
    shared = max(0.0, 2 - offset)
    found = iou_volume(shifted_cube(offset), cube())
    assert found.iou_volume == pytest.approx(shared / (4 - shared), abs=0.008)
    assert found.precision == pytest.approx(shared / 2, abs=0.01)
    assert found.recall == pytest.approx(shared / 2, abs=0.01)
    assert found.volume_ratio == pytest.approx(1, abs=0.02)
    assert found.points == 100_000


def test_a_sphere_in_a_larger_one() -> None:
    ball = icosphere(4)
    found = iou_volume(ball.with_vertices(1.25 * ball.vertices), ball)
    assert found.iou_volume == pytest.approx(0.8**3, abs=0.008)
    assert found.precision == pytest.approx(0.8**3, abs=0.008)
    assert found.recall == 1
    assert found.volume_ratio == pytest.approx(1.25**3, rel=0.02)


def test_two_spheres_side_by_side() -> None:
    ball, distance = icosphere(4), 0.6
    lens = math.pi * (4 + distance) * (2 - distance) ** 2 / 12
    found = iou_volume(ball.with_vertices(ball.vertices + torch.tensor([distance, 0.0, 0.0])), ball)
    assert found.iou_volume == pytest.approx(lens / (2 * 4 / 3 * math.pi - lens), abs=0.01)


def test_a_field_in_place_of_a_mesh() -> None:
    box = Bounds((-2.0, -2.0, -2.0), (2.0, 2.0, 2.0))
    found = iou_volume_of_query(lambda points: 1.25 - points.norm(dim=1), box, icosphere(4), count=50_000)
    assert found.iou_volume == pytest.approx(0.8**3, abs=0.02)


def test_a_field_counts_as_outside_beyond_its_box() -> None:
    def field(points: torch.Tensor) -> torch.Tensor:
        assert bool((points[:, 0] <= 0).all())
        return torch.ones(len(points))

    found = iou_volume_of_query(field, Bounds((-1.0, -1.0, -1.0), (0.0, 1.0, 1.0)), cube(), count=20_000)
    assert found.iou_volume == pytest.approx(0.5, abs=0.02)


def test_the_same_seed_gives_the_same_number() -> None:
    first, again = (iou_volume(shifted_cube(0.3), cube(), count=5000, seed=3) for _ in range(2))
    assert first == again
    assert first != iou_volume(shifted_cube(0.3), cube(), count=5000, seed=4)


def test_an_empty_prediction_overlaps_nothing_and_an_empty_truth_is_refused() -> None:
    some, none = torch.tensor([True, False]), torch.tensor([False, False])
    assert volume_overlap(none, some).iou_volume == 0
    assert volume_overlap(none, some).precision == 0
    with pytest.raises(ValueError, match="closed and winds outward"):
        volume_overlap(some, none)
    with pytest.raises(ValueError, match="closed and winds outward"):
        iou_volume(cube(), Mesh(cube().vertices, cube().faces.flip(1)), count=1000)
