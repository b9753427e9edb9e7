"""Rows and means over bodies; failures count."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from metrics.body_scores import COLUMNS, BodyScores, body_scores
from metrics.soundness import mesh_soundness
from models.geometry.mesh import Mesh
from models.geometry.primitives import cube, icosphere

FEW: dict[str, Any] = {"points": 500, "volume_points": 5000, "normal_size": 64}
SPHERE = icosphere(3)
TRUTH = Mesh(SPHERE.vertices * torch.tensor([30.0, 90.0, 20.0]), SPHERE.faces)


def grown(factor: float) -> Mesh:
    return TRUTH.with_vertices(factor * TRUTH.vertices)


def test_a_row_has_every_column_and_only_numbers() -> None:
    row = body_scores(grown(1.05), TRUTH, **FEW)
    assert tuple(row) == COLUMNS
    assert all(math.isfinite(value) for value in row.values())
    assert row["iou_volume"] == pytest.approx(1.05**-3, abs=0.05)
    assert row["volume_ratio"] == pytest.approx(1.05**3, abs=0.05)
    assert 0.5 < row["p2s_cm"] < 2
    assert (row["components"], row["watertight"], row["failed"]) == (1, 1, 0)


@pytest.mark.parametrize(
    "failed",
    [
        None,
        Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64)),
        Mesh(TRUTH.vertices, torch.zeros(0, 3, dtype=torch.int64)),
        Mesh(TRUTH.vertices * math.nan, TRUTH.faces),
        Mesh(torch.zeros(3, 3), torch.tensor([[0, 1, 2]])),
    ],
    ids=["none", "empty", "without faces", "nan", "without area"],
)
def test_a_failure_costs_half_of_the_height_and_the_whole_overlap(failed: Mesh | None) -> None:
    row = body_scores(failed, TRUTH, **FEW)
    assert tuple(row) == COLUMNS
    assert row["failed"] == 1
    for name in ("p2s_cm", "s2p_cm", "p2s_vertices_cm", "chamfer_l1_cm"):
        assert row[name] == pytest.approx(90)
    assert row["chamfer_l2_cm2"] == pytest.approx(8100)
    assert row["chamfer_l2_dm2"] == pytest.approx(81)
    assert (row["iou_volume"], row["fscore_2cm"], row["watertight"]) == (0, 0, 0)
    assert row["normal_error_degrees"] == pytest.approx(90)
    assert row["normal_error_surface_degrees"] == 90


def test_no_failure_is_better_than_any_prediction() -> None:
    failed, poor = body_scores(None, TRUTH, **FEW), body_scores(cube(), TRUTH, **FEW)
    for name in ("p2s_cm", "s2p_cm", "chamfer_l1_cm", "chamfer_l2_cm2"):
        assert poor[name] < failed[name]
    assert poor["iou_volume"] >= failed["iou_volume"]


def test_means_medians_and_failures_over_bodies() -> None:
    metric = BodyScores(**FEW)
    for body in (grown(1.0), grown(1.0), None):
        metric.update(body, TRUTH)
    found = metric.compute()
    assert float(found["p2s_cm"]) == pytest.approx(30, abs=0.1)
    assert float(found["p2s_cm_median"]) == pytest.approx(0, abs=0.01)
    assert float(found["p2s_cm_p95"]) == pytest.approx(0.9 * 90, rel=0.01)
    assert float(found["iou_volume_p95"]) < float(found["iou_volume_median"])
    assert (float(found["failures"]), float(found["bodies"])) == (1, 3)
    assert "failed" not in found
    metric.reset()
    assert math.isnan(float(metric.compute()["p2s_cm"]))
    assert float(metric.compute()["bodies"]) == 0


def test_pictures_can_be_left_out() -> None:
    metric = BodyScores(points=200, volume_points=2000, normal_size=0)
    metric.update(grown(1.1), TRUTH)
    found = metric.compute()
    assert "normal_error_degrees" not in found
    assert "normal_error_surface_degrees" in found
    assert all(math.isfinite(float(value)) for value in found.values())


@pytest.mark.parametrize("seen_by_second", [0, 2])
def test_two_processes_agree_with_one(seen_by_second: int) -> None:
    """Also when one of them saw no body."""
    bodies = [grown(1.02), None, grown(0.9)]
    settings = {**FEW, "normal_size": 0}
    alone, first, second = (BodyScores(**settings) for _ in range(3))
    for number, body in enumerate(bodies):
        alone.update(body, TRUTH)
        (second if number >= 3 - seen_by_second else first).update(body, TRUTH)

    def gather(state: Tensor, group: Any = None) -> list[Tensor]:
        other = torch.cat(second.rows) if len(second.rows) else torch.tensor([])  # type: ignore[arg-type]
        return [state, other]

    first.dist_sync_fn = gather
    first.distributed_available_fn = lambda: True
    expected, together = alone.compute(), first.compute()
    for name, value in expected.items():
        torch.testing.assert_close(together[name], value, msg=name)


def test_a_truth_that_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing can be measured"):
        body_scores(TRUTH, Mesh(TRUTH.vertices * math.nan, TRUTH.faces), **FEW)


def test_soundness_of_meshes() -> None:
    sound = mesh_soundness(cube())
    assert (sound.components, sound.watertight, sound.euler_characteristic) == (1, True, 2)
    assert sound.volume == pytest.approx(8)
    open_box = Mesh(cube().vertices, cube().faces[:-1])
    assert not mesh_soundness(open_box).watertight
    assert mesh_soundness(Mesh(cube().vertices, cube().faces.flip(1))).volume == pytest.approx(-8)
    assert mesh_soundness(Mesh(cube().vertices, cube().faces[:0])).components == 0
