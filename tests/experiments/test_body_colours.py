"""Colours of a surface whose true colours are known."""

import math
from pathlib import Path

import pytest
import torch

from experiments.reconstruction.bodies import colours
from experiments.reconstruction.bodies.occupancy import predicted_normals
from experiments.reconstruction.bodies.people import Hints, person_in_picture
from experiments.reconstruction.bodies.views import BodyView, parallel_view, yaw_degrees
from models.bodies.normal_maps import NormalMaps
from models.geometry.mesh import Mesh
from models.geometry.view_cameras import orthographic_views, perspective_views
from tests.experiments.mannequin import mannequin, photograph


def views_of(folder: Path, yaws: tuple[int, ...], *, distance_cm: float | None = None) -> list[BodyView]:
    found = []
    for yaw in yaws:
        view = orthographic_views(torch.tensor([math.radians(yaw)]))
        if distance_cm is not None:
            view = perspective_views(view, torch.tensor([distance_cm]))
        photograph(view[0], (256, 256)).save(folder / f"{yaw}.png")
        person = person_in_picture(folder / f"{yaw}.png", Hints())
        centred = parallel_view(person, math.radians(yaw))
        whole = type(centred.crop)(128.0, 128.0, 256.0)
        found.append(BodyView(person, view[0], whole))
    return found


@pytest.mark.parametrize("distance_cm", [None, 250.0])
def test_what_is_seen_has_its_own_colour(distance_cm: float | None, tmp_path: Path) -> None:
    views = views_of(tmp_path, (0, 90, 180, 270), distance_cm=distance_cm)
    truth = mannequin()
    coloured, share = colours.coloured(Mesh(truth.vertices, truth.faces), views)
    assert coloured.vertex_colors is not None
    assert truth.vertex_colors is not None
    assert share > 0.6
    seen = colours.merged([colours.observed(truth, view) for view in views]).trust > 0.5
    error = (coloured.vertex_colors - truth.vertex_colors).abs().mean(1)
    assert float(error[seen].quantile(0.9)) < 0.05
    assert float(error.mean()) < 0.06


def test_what_is_hidden_is_not_seen(tmp_path: Path) -> None:
    """A ball behind the trunk, and one before it: the picture shows one of them."""
    (view,) = views_of(tmp_path, (0,))
    truth = mannequin()
    for shift, expected in ((-40.0, 0.0), (40.0, 1.0)):
        ball = truth.vertices[:642] * 0.5 - truth.vertices[:642].mean(0) * 0.5 + torch.tensor([0.0, 30.0, shift])
        both = Mesh(
            torch.cat([truth.vertices, ball]), torch.cat([truth.faces, truth.faces[:1280] + len(truth.vertices)])
        )
        facing = colours.cosine(both, view)
        seen = colours.visible(both, view, facing)[len(truth.vertices) :]
        assert float(seen[facing[len(truth.vertices) :] > 0.3].mean()) == pytest.approx(expected, abs=0.02)


def test_one_picture_colours_the_back_like_the_front_but_not_the_head(tmp_path: Path) -> None:
    views = views_of(tmp_path, (0,))
    truth = mannequin()
    coloured, share = colours.coloured(Mesh(truth.vertices, truth.faces), views)
    assert coloured.vertex_colors is not None
    assert 0.2 < share < 0.5
    assert bool(((coloured.vertex_colors >= 0) & (coloured.vertex_colors <= 1)).all())
    back = truth.vertices[(truth.vertices - torch.tensor([0.0, 34, -11])).norm(dim=1).argmin()]
    index = (truth.vertices - back).norm(dim=1).argmin()
    assert float(coloured.vertex_colors[index, 0]) > 0.7, "red as the front"
    assert float(colours.far_side(truth, views[0]).trust[truth.vertices[:, 1] > 70].max()) == 0


def test_the_yaw_is_the_one_given(tmp_path: Path) -> None:
    assert [round(yaw_degrees(view)) % 360 for view in views_of(tmp_path, (0, 90, 200))] == [0, 90, 200]


def test_only_networks_with_normals_predict_them() -> None:
    assert predicted_normals(NormalMaps(torch.nn.Conv2d(3, 6, 1)), None) is None  # type: ignore[arg-type]
