"""Labelled points: their kinds, counts, classes and repeatability; the guards of a body's mesh; the visual hull."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.occupancy_sampling import PIFU, PIFU_BOX_CM, PointSampling, SolidBody, sample_points
from datamodules.visual_hull import hull_cells, hull_points, in_every_mask
from models.geometry.mesh import Mesh
from models.geometry.primitives import icosphere
from models.geometry.view_cameras import perspective_views, project_to_views, turned_views
from tests.datamodules.body_trees import figure, photographs


def body_of(mesh: Mesh, name: str = "person.obj") -> SolidBody:
    return SolidBody(mesh.vertices, mesh.faces, name)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def views_and_masks(size: int = 64, perspective: bool = False) -> tuple[np.ndarray, np.ndarray]:
    views = turned_views(4)
    if perspective:
        views = perspective_views(views, torch.full((4,), 350.0))
    _, masks = photographs(figure(), views, size)
    return views.double().numpy(), np.stack(masks) > 0


def test_pifu_s_counts_and_classes() -> None:
    assert PIFU.counts(round(4.25 * 5000)) == (20_000, 1250, 0)
    drawn = sample_points(body_of(figure()), PIFU, 5000, generator())
    assert drawn.points_cm.shape == (5000, 3)
    assert int(drawn.occupancy.sum()) == 2500
    assert drawn.points_cm.dtype == drawn.occupancy.dtype == torch.float32


def test_pifu_s_box_stands_on_the_feet() -> None:
    lower, upper = PIFU_BOX_CM
    assert (lower[1] + 90, upper[1] + 90) == (-28, 228)


def test_few_inside_points_are_filled_up_with_outside_ones() -> None:
    far = PointSampling(surface=0, uniform=1, hull=0, balance="half", draws=2)
    drawn = sample_points(body_of(figure()), far, 1000, generator())
    inside = int(drawn.occupancy.sum())
    assert 0 < inside < 100
    assert len(drawn.occupancy) == 1000


def test_natural_ratio_keeps_every_candidate() -> None:
    drawn = sample_points(body_of(figure()), PointSampling(hull=0), 4000, generator())
    assert 0.25 < float(drawn.occupancy.mean()) < 0.5


def test_distances_to_the_surface_are_the_sigmas() -> None:
    ball = icosphere(4)
    body = SolidBody(ball.vertices * 80, ball.faces, "ball")
    near = PointSampling(hull=0, sigma_cm=(5.0,))
    distance = sample_points(body, near, 20_000, generator()).points_cm.norm(dim=1) - 80
    assert float(distance.std()) == pytest.approx(5, rel=0.05)
    mixed = PointSampling(hull=0, sigma_cm=(5.0, 1.0))
    distance = sample_points(body, mixed, 20_000, generator()).points_cm.norm(dim=1) - 80
    assert float(distance.std()) == pytest.approx(math.sqrt(13), rel=0.05)


def test_labels_share_the_volume_of_the_mesh() -> None:
    ball = icosphere(4)
    body = SolidBody(ball.vertices * 90, ball.faces, "ball")
    box = PointSampling(surface=0, uniform=1, hull=0)
    drawn = sample_points(body, box, 50_000, generator())
    lower, upper = np.asarray(PIFU_BOX_CM)
    expected = 4 / 3 * math.pi * 90**3 / float((upper - lower).prod())
    assert float(drawn.occupancy.mean()) == pytest.approx(expected, rel=0.03)


def test_same_generator_same_points() -> None:
    body, (views, masks) = body_of(figure()), views_and_masks()
    first = sample_points(body, PointSampling(), 500, generator(3), masks, views)
    again = sample_points(body, PointSampling(), 500, generator(3), masks, views)
    other = sample_points(body, PointSampling(), 500, generator(4), masks, views)
    assert torch.equal(first.points_cm, again.points_cm)
    assert not torch.equal(first.points_cm, other.points_cm)


@pytest.mark.parametrize("perspective", [False, True])
def test_hull_points_lie_in_all_masks_and_cover_the_body(perspective: bool) -> None:
    views, masks = views_and_masks(perspective=perspective)
    points = hull_points(masks, views, 4000, generator())
    seen = project_to_views(torch.from_numpy(views)[None].float(), torch.from_numpy(points)[None].float()).position[0]
    for position, mask in zip(seen, masks):
        column, row = ((position + 1) * 32).long().clamp(0, 63).T.numpy()
        assert mask[row, column].mean() > 0.999  # float32 against float64 at the borders of pixels
    body = body_of(figure())
    assert body.label(points).mean() > 0.5
    inner = body.surface_points(3000, generator()) * 0.8
    inner = inner[body.label(inner) & in_every_mask(masks, views, inner)]
    corners, size = hull_cells(masks, views)
    for point in inner[:200]:
        assert ((point >= corners) & (point <= corners + size)).all(1).any()


def test_hull_points_are_uniform() -> None:
    """A box's hull from the front and the side is the box."""
    masks = np.zeros((2, 64, 64), bool)
    masks[:, 16:48, 24:40] = True
    points = hull_points(masks, turned_views(4)[:2].double().numpy(), 20_000, generator())
    half = np.array([102.4 / 4, 102.4 / 2, 102.4 / 4])
    assert (np.abs(points) <= half + 1e-6).all()
    assert np.abs(points.mean(0) / half).max() < 0.02
    assert np.abs((points / half).std(0) - math.sqrt(1 / 3)).max() < 0.01


def test_masks_without_a_common_point_are_an_explained_error() -> None:
    views, masks = views_and_masks()
    masks[1] = np.roll(masks[0], 40, 0)
    masks[1, :44] = False
    masks[0, 20:] = False
    with pytest.raises(ValueError, match=r"person\.obj has no visual hull.*check its masks"):
        sample_points(body_of(figure()), PointSampling(), 100, generator(), masks, views)


def test_hull_needs_masks() -> None:
    with pytest.raises(ValueError, match="without masks"):
        sample_points(body_of(figure()), PointSampling(), 100, generator())


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (lambda m: (m.vertices / 100, m.faces), r"is 1\.8 cm high.*metres taken for centimetres"),
        (lambda m: (m.vertices * 10, m.faces), "is 1800 cm high"),
        (lambda m: (m.vertices, m.faces.flip(1)), "wound inside-out, turn them over"),
        (lambda m: (m.vertices, m.faces[m.vertices[m.faces].mean(1)[:, 2] > 0]), "not watertight"),
        (lambda m: (m.vertices[:, [1, 0, 2]], m.faces.flip(1)), "up axis"),
    ],
)
def test_implausible_meshes_are_named(changed, sentence: str) -> None:
    vertices, faces = changed(figure())
    with pytest.raises(ValueError, match=r"person\.obj") as error:
        SolidBody(vertices, faces, "person.obj").require_plausible()
    assert error.match(sentence)


def test_the_figure_is_plausible() -> None:
    body_of(figure()).require_plausible()


def test_meshes_without_area_and_settings_without_sense_are_refused() -> None:
    mesh = figure()
    with pytest.raises(ValueError, match="no faces with an area"):
        SolidBody(mesh.vertices * 0, mesh.faces, "flat.obj")
    every: list[dict[str, Any]] = [
        {"surface": -1.0},
        {"surface": 0.0, "hull": 0.0},
        {"sigma_cm": ()},
        {"sigma_cm": (0.0,)},
        {"draws": 0.5},
    ]
    for settings in every:
        with pytest.raises(ValueError, match=r"give|draw"):
            PointSampling(**settings)
