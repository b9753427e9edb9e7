"""The network replaced by the truth: field, extraction, export, reading, measures. What is lost on the way is ours."""

from pathlib import Path

import pytest

from datamodules.synthetic.human_draws import draw_human
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_mesh import human_mesh
from metrics.bands import band_recovery
from metrics.body_folders import evaluate_body_folder
from metrics.volumes import iou_volume_of_query
from models.geometry.extraction import extract
from models.geometry.files import write_mesh
from models.geometry.grids import Bounds
from tests.metrics.test_bands import plane_folds, surface

BOX = Bounds((-102.4, -102.4, -102.4), (102.4, 102.4, 102.4))


def test_a_procedural_person_survives_the_pipeline(tmp_path: Path) -> None:
    field = HumanField(draw_human(0))
    found = extract(lambda points: -field(points), BOX, 128)
    assert found.queries < 0.04 * found.dense_queries
    truth = human_mesh(field, 192)
    (tmp_path / "gt").mkdir()
    (tmp_path / "pred" / "person").mkdir(parents=True)
    write_mesh(truth, tmp_path / "gt" / "person.ply")
    write_mesh(found.mesh.with_vertices(found.mesh.vertices / 100), tmp_path / "pred" / "person" / "mesh.glb")
    scores = evaluate_body_folder(
        tmp_path / "pred", tmp_path / "gt", truth_unit="cm", points=5000, volume_points=20_000, normal_size=0
    )
    row = scores.rows["person"]
    assert row["p2s_cm"] < 0.1
    assert row["s2p_cm"] < 0.1
    assert row["iou_volume"] > 0.97
    assert row["volume_ratio"] == pytest.approx(1, abs=0.01)
    overlap = iou_volume_of_query(lambda points: -field(points), BOX, truth, count=20_000)
    assert overlap.iou_volume > 0.98


def test_a_plane_of_folds_is_recovered_whatever_the_units_of_its_logits() -> None:
    whole = surface()
    found = band_recovery(lambda points: 1000 * whole(points), plane_folds())
    assert found[:3] == pytest.approx([1, 1, 1], abs=1e-2)
