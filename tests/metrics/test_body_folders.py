"""Folders of bodies: which mesh belongs to which, units, frames, failures."""

from pathlib import Path
from typing import Any

import pytest
import torch

from metrics.body_folders import body_frame, evaluate_body_folder, named_meshes
from models.geometry.files import write_mesh
from models.geometry.mesh import Mesh
from models.geometry.primitives import icosphere

FEW: dict[str, Any] = {"points": 300, "volume_points": 3000, "normal_size": 32}
BODY = icosphere(3)
"""Metres: 1.8 high around the origin."""
BODY = BODY.with_vertices(BODY.vertices * torch.tensor([0.3, 0.9, 0.2]))


def put(path: Path, mesh: Mesh = BODY, *, scale: float = 1.0, move: tuple[float, float, float] = (0, 0, 0)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mesh(mesh.with_vertices(mesh.vertices * scale + torch.tensor(move)), path)
    return path


def test_names_of_meshes(tmp_path: Path) -> None:
    for path in (
        "anna.ply",
        "anna.obj",
        "ben/scan.obj",
        "cleo/mesh.glb",
        "cleo/mesh_world.ply",
        "dan/1.ply",
        "dan/2.ply",
    ):
        put(tmp_path / path)
    assert named_meshes(tmp_path) == {
        ("anna",): tmp_path / "anna.ply",
        ("ben", "ben/scan"): tmp_path / "ben/scan.obj",
        ("cleo", "cleo/mesh"): tmp_path / "cleo/mesh.glb",
        ("cleo/mesh_world",): tmp_path / "cleo/mesh_world.ply",
        ("dan/1",): tmp_path / "dan/1.ply",
        ("dan/2",): tmp_path / "dan/2.ply",
    }


def test_folders_and_files_of_one_name_belong_together(tmp_path: Path) -> None:
    for truth in ("anna/anna_100k.obj", "ben.ply", "cleo/1.ply", "cleo/2.ply"):
        put(tmp_path / "gt" / truth)
    for prediction in ("anna.ply", "ben/mesh.glb", "ben/mesh_picture.ply", "cleo/1.obj", "cleo/2.obj"):
        put(tmp_path / "pred" / prediction)
    scores = evaluate_body_folder(tmp_path / "pred", tmp_path / "gt", **FEW)
    assert set(scores.rows) == {"anna", "ben", "cleo/1", "cleo/2"}
    assert scores.summary["failures"] == 0
    assert scores.summary["p2s_cm"] < 1e-3
    assert scores.summary["iou_volume"] == 1
    assert scores.without_truth == ("ben/mesh_picture",)


def test_units_and_sizes_become_centimetres_of_a_body_of_180(tmp_path: Path) -> None:
    """A truth of 1.2 m in millimetres off the origin, a prediction in metres 1 cm thicker at the body's scale."""
    put(tmp_path / "gt/a.ply", scale=1000 / 1.5, move=(500.0, 600.0, 0.0))
    thicker = BODY.with_vertices(BODY.vertices * torch.tensor([1.0, 1.0, 1.0]) * 1.02)
    put(tmp_path / "pred/a.ply", thicker, scale=1 / 1.5, move=(0.5, 0.6, 0.0))
    scores = evaluate_body_folder(tmp_path / "pred", tmp_path / "gt", truth_unit="mm", **FEW)
    at_its_size = evaluate_body_folder(tmp_path / "pred", tmp_path / "gt", truth_unit="mm", height_cm=0, **FEW)
    assert 0.3 < scores.summary["p2s_cm"] < 1
    assert at_its_size.summary["p2s_cm"] == pytest.approx(scores.summary["p2s_cm"] / 1.5, rel=1e-3)


def test_predictions_that_are_centred_already(tmp_path: Path) -> None:
    put(tmp_path / "gt/a.ply", move=(3.0, 0.9, -1.0))
    put(tmp_path / "pred/a.ply")
    centred = evaluate_body_folder(tmp_path / "pred", tmp_path / "gt", prediction_frame="body", **FEW)
    elsewhere = evaluate_body_folder(tmp_path / "pred", tmp_path / "gt", **FEW)
    assert centred.summary["p2s_cm"] < 0.1
    assert elsewhere.summary["p2s_cm"] > 100


def test_the_body_frame() -> None:
    mesh = Mesh(torch.tensor([[1.0, 10.0, 0.0], [2.0, 100.0, 5.0], [9.0, 20.0, 6.0]]), torch.tensor([[0, 1, 2]]))
    frame = body_frame(mesh, 180.0)
    assert frame.centre.tolist() == [2, 55, 5]
    assert frame.scale == 2
    assert frame.apply(mesh).vertices[1].tolist() == [0, 90, 0]


def test_missing_and_empty_predictions_are_failures_by_name(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        put(tmp_path / f"gt/{name}.ply")
    put(tmp_path / "pred/a.ply")
    put(tmp_path / "pred/b.ply", Mesh(BODY.vertices, BODY.faces[:0]))
    put(tmp_path / "pred/z.ply")
    scores = evaluate_body_folder(tmp_path / "pred", tmp_path / "gt", **FEW)
    assert scores.without_prediction == ("c",)
    assert scores.empty_predictions == ("b",)
    assert scores.without_truth == ("z",)
    assert scores.summary["failures"] == 2
    assert scores.summary["iou_volume"] == pytest.approx(1 / 3)
    assert scores.summary["p2s_cm"] == pytest.approx(60, abs=0.01)
    assert scores.summary["p2s_cm_median"] == pytest.approx(90, abs=0.01)


def test_predictions_that_are_inside_out_are_named_and_measured_as_they_are(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / f"gt/{name}.ply")
    put(tmp_path / "pred/a.ply")
    put(tmp_path / "pred/b.ply", Mesh(BODY.vertices, BODY.faces.flip(1)))
    scores = evaluate_body_folder(tmp_path / "pred", tmp_path / "gt", **FEW)
    assert scores.inside_out_predictions == ("b",)
    assert (scores.rows["a"]["iou_volume"], scores.rows["b"]["iou_volume"]) == (1, 0)


def test_open_truths_are_named(tmp_path: Path) -> None:
    put(tmp_path / "gt/a.ply", Mesh(BODY.vertices, BODY.faces[3:]))
    put(tmp_path / "pred/a.ply")
    assert evaluate_body_folder(tmp_path / "pred", tmp_path / "gt", **FEW).open_truths == ("a",)


def test_progress_is_told(tmp_path: Path) -> None:
    put(tmp_path / "gt/a.ply")
    put(tmp_path / "gt/b.ply")
    put(tmp_path / "pred/a.ply")
    told: list[tuple[int, int]] = []
    evaluate_body_folder(
        tmp_path / "pred", tmp_path / "gt", progress=lambda done, total: told.append((done, total)), **FEW
    )
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("pred", "gt", "settings", "message"),
    [
        ({}, {"a.ply": 1.0}, {}, "pred is not a folder"),
        ({"a.txt": 1.0}, {"a.ply": 1.0}, {}, "pred holds no mesh"),
        ({"x.ply": 1.0}, {"a.ply": 1.0}, {}, "names of the true ones"),
        ({"a.ply": 1.0}, {"a.ply": 100.0}, {}, "a.ply is 1.8e\\+04 cm long when .* read as m: no person is"),
        ({"a.ply": 0.01}, {"a.ply": 1.0}, {}, "0.01 times as high .* read as m: give the unit of the predictions"),
        ({"a.ply": 1.0, "b.ply": 1000.0}, {"a.ply": 1.0, "b.ply": 1.0}, {}, "pred/b.ply is 1e\\+03 times as high"),
        ({"a.ply": 1.0, "a/mesh.ply": 1.0}, {"a.ply": 1.0}, {}, "both predictions of a"),
    ],
    ids=["no folder", "no mesh", "other names", "unit of the truth", "unit of the prediction", "giant", "twice"],
)
def test_what_cannot_be_right_is_one_sentence(
    tmp_path: Path, pred: dict[str, float], gt: dict[str, float], settings: dict[str, Any], message: str
) -> None:
    for folder, files in (("pred", pred), ("gt", gt)):
        for name, scale in files.items():
            if name.endswith(".txt"):
                (tmp_path / folder).mkdir()
                (tmp_path / folder / name).write_text("no mesh")
            else:
                put(tmp_path / folder / name, scale=scale)
    with pytest.raises((FileNotFoundError, ValueError), match=message) as error:
        evaluate_body_folder(tmp_path / "pred", tmp_path / "gt", **FEW, **settings)
    assert "\n" not in str(error.value)


def test_a_wrong_unit_is_told_though_another_prediction_is_empty(tmp_path: Path) -> None:
    for name in ("a.ply", "b.ply"):
        put(tmp_path / "gt" / name)
    put(tmp_path / "pred/a.ply", scale=0.01)
    put(tmp_path / "pred/b.ply", scale=0.0)
    with pytest.raises(ValueError, match="give the unit of the predictions"):
        evaluate_body_folder(tmp_path / "pred", tmp_path / "gt", **FEW)
