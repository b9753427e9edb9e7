"""`threefold inspect`, `prepare` and `bench labels` on bodies: exit status and what is printed."""

import json
from pathlib import Path

import pytest

from experiments.benchmarks.labels import benchmark_labels
from experiments.cli import main
from models.geometry.files import write_mesh
from tests.datamodules.body_trees import figure, write_articulated_tree, write_cape_tree, write_pifu_tree


def status_of(*words: object) -> int:
    try:
        main([str(word) for word in words])
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def test_inspect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pifu_tree(tmp_path / "people")
    assert status_of("inspect", "renderpeople", "--root", tmp_path / "people") == 0
    assert "2 bodies of 2 subjects, 8 views" in capsys.readouterr().out
    (tmp_path / "people/MASK/anna/0_0_00.png").unlink()
    assert status_of("inspect", "renderpeople", "--root", tmp_path / "people") == 1
    assert "There is no mask" in capsys.readouterr().out
    write_articulated_tree(tmp_path / "articulated", frames=1)
    assert status_of("inspect", "articulated", "--root", tmp_path / "articulated", "--limit", "1") == 0
    write_cape_tree(tmp_path / "cape", frames=5)
    assert status_of("inspect", "cape", "--root", tmp_path / "cape", "--panel", tmp_path / "panel.png") == 0
    assert (tmp_path / "panel.png").is_file()


def test_mistakes_end_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("inspect", "renderpeople", "--root", tmp_path) == 2
    assert "give the folder that holds RENDER, MASK, PARAM and GEO" in capsys.readouterr().err
    assert status_of("inspect", "cape", "--root", tmp_path, "--limit", "0") == 2
    assert status_of("prepare", "thuman", "--raw", tmp_path, "--out", tmp_path / "out") == 2
    assert "no <id>/<id>.obj" in capsys.readouterr().err
    assert status_of("bench", "labels", "--repeats", "0") == 2


def test_prepare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("0001", "0002"):
        write_mesh(figure(), tmp_path / "raw" / name / f"{name}.obj")
    out = tmp_path / "out"
    assert status_of("prepare", "thuman", "--raw", tmp_path / "raw", "--out", out, "--size", "48", "--yaws", "2") == 0
    assert "2 people in" in capsys.readouterr().out
    assert status_of("inspect", "renderpeople", "--root", out) == 0


def test_bench_labels(tmp_path: Path) -> None:
    write_mesh(figure(), tmp_path / "body.obj")
    benchmark_labels(
        tmp_path / "rows.json", mesh_file=tmp_path / "body.obj", repeats=1, slow_repeats=0, most_points=2000
    )
    written = json.loads((tmp_path / "rows.json").read_text())
    assert written["origin"]["commit"]
    ours = [row for row in written["rows"] if row["contender"] == "ours"]
    assert len(ours) == 4
    assert all(row["differing_from_reference"] == 0 for row in ours)
    igl = [row for row in written["rows"] if row["contender"].startswith("libigl")]
    assert all(row["differing_from_ours"] <= 5 for row in igl)
