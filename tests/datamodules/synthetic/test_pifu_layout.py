from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.pifu_params import body_from_scan, read_param, view_of_param
from datamodules.synthetic.body_light import draw_light
from datamodules.synthetic.body_samples import BodySamples, near_and_far_samples
from datamodules.synthetic.pifu_layout import pifu_view, pifu_views, write_param
from tests.datamodules.synthetic.standin_body import StandinBody


class StandinSubject:
    """What the layout asks of a person."""

    def __init__(self) -> None:
        self.field = StandinBody()
        self.mesh = self.field.mesh(4)
        self.scale, self.scan_centre_cm = 1.1, np.array([3.0, 81.8, -2.0])


@pytest.mark.parametrize("distance_cm", [None, 420.0])
@pytest.mark.parametrize("yaw", [0, 45, 200])
def test_the_camera_that_is_read_is_the_one_that_took_the_picture(
    tmp_path: Path, yaw: int, distance_cm: float | None
) -> None:
    path, subject, size = tmp_path / f"{yaw}_0_00.npy", StandinSubject(), 96
    light = draw_light(np.random.default_rng(0))
    write_param(path, subject.scale, subject.scan_centre_cm, yaw, size, light, distance_cm)
    param = read_param(path)
    view = view_of_param(param, size, body_from_scan(param, yaw, 0, path))
    torch.testing.assert_close(view.float(), pifu_view(yaw, distance_cm), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(np.load(path, allow_pickle=True).item()["sh"], light.numpy())


@pytest.mark.parametrize("yaws", [[0, 90, 180, 270], [0, 120, 240], [0]])
def test_every_side_is_photographed_once_with_its_own_far_surface(yaws: list[int]) -> None:
    subject: Any = StandinSubject()
    views = {view.yaw_degrees: view for view in pifu_views(subject, 24, yaws, None)}
    assert sorted(views) == yaws
    for yaw, view in views.items():
        near, far = near_and_far_samples(subject.field, subject.mesh, pifu_view(yaw, None), (48, 48))
        assert far is not None
        for found, expected in ((view.near, near), (view.far, far)):
            assert _mean_distance(found, expected) < 0.05


def _mean_distance(one: BodySamples, other: BodySamples) -> float:
    common = torch.isin(one.at, other.at)
    assert float(common.float().mean()) > 0.97
    return float((one.points_cm[common] - other.points_cm[torch.isin(other.at, one.at)]).norm(dim=1).mean())
