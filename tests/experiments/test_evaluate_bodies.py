"""`threefold evaluate` on bodies: the table, the file, the choice of the protocol."""

import json
from pathlib import Path

import pytest
import torch

from experiments.cli import main
from models.geometry.files import write_mesh
from models.geometry.mesh import Mesh
from models.geometry.primitives import icosphere

FEW = ("--points", "300", "--volume_points", "3000")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two true bodies in metres, one of them predicted 2 % too large."""
    body = icosphere(3)
    body = Mesh(body.vertices * torch.tensor([0.3, 0.9, 0.2]), body.faces)
    for folder in ("gt", "pred"):
        (tmp_path / folder).mkdir()
    for name in ("anna", "ben"):
        write_mesh(body, tmp_path / "gt" / f"{name}.ply")
    write_mesh(body.with_vertices(body.vertices * 1.02), tmp_path / "pred" / "anna.obj")
    return tmp_path


def evaluate(folder: Path, *words: str) -> None:
    main(["evaluate", "--pred", str(folder / "pred"), "--gt", str(folder / "gt"), *FEW, *words])


def test_the_table_and_the_file(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(folders, "--json", str(folders / "out" / "bodies.json"))
    printed = capsys.readouterr().out
    assert "2 bodies, truths scaled to 180 cm, alignment: none" in printed
    assert "| ben (failed) | 90 |" in printed
    assert "without prediction, counted as failures: ben" in printed
    assert "half of the truth's height" in printed
    stored = json.loads((folders / "out" / "bodies.json").read_text())
    assert stored["protocol"] == "body"
    assert stored["settings"]["seed"] == 0
    assert stored["summary"]["failures"] == 1
    assert stored["bodies"]["anna"]["iou_volume"] == pytest.approx(1.02**-3, abs=0.04)
    assert stored["without_prediction"] == ["ben"]
    assert "commit" in stored["origin"]


def one_sentence(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        evaluate(folder, *words)
    assert stopped.value.code == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("threefold: ")
    return message


def test_the_protocol_is_asked_for_where_the_truth_does_not_say(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders / "gt" / "anna.txt").write_text("0 0 0\n" * 7)
    assert "--protocol now for faces or --protocol body" in one_sentence(folders, capsys)
    evaluate(folders, "--protocol", "body")
    assert "2 bodies" in capsys.readouterr().out
    assert "no scan" in one_sentence(folders, capsys, "--protocol", "now")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--gt_unit", "cm"), "anna.ply is 1.8 cm long"),
        (("--pred_unit", "mm"), "give the unit of the predictions"),
        (("--metrical", "true"), "--metrical belongs to the protocol now"),
        (("--points", "3"), "--points 3 is too few"),
        (("--height_cm", "-1"), "is no height"),
        (("--protocol", "both"), "protocol"),
        (("--json", "numbers.txt"), "does not end in .json"),
    ],
)
def test_mistakes_are_one_sentence(
    folders: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], part: str
) -> None:
    assert part in one_sentence(folders, capsys, *words)
