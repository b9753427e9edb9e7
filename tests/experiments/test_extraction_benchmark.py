"""`threefold bench extraction`: the table, the file, the yardstick."""

import json
from pathlib import Path

import pytest
import torch

from experiments.benchmarks.capsule_body import CAPSULE_BODY, capsules
from experiments.benchmarks.extraction import agreement, benchmark_extraction
from experiments.benchmarks.pifu_octree import pifu_mesh_size, pifu_octree
from experiments.cli import main
from models.geometry.extraction import extract_mesh_dense
from models.geometry.grids import Bounds, grid_over
from models.geometry.primitives import cube

BOX = Bounds((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))


def test_every_method_finds_the_same_mesh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["bench", "extraction", "--resolutions", "32", "64", "--threads", "1", "--json", str(tmp_path / "out.json")])
    assert "octree of PIFu" in capsys.readouterr().out
    stored = json.loads((tmp_path / "out.json").read_text())
    assert "commit" in stored["origin"]
    assert stored["settings"]["seed"] == 0
    rows = {(row["resolution"], row["method"]): row for row in stored["rows"]}
    assert rows[64, "dense"]["queries"] == 65**3
    assert rows[64, "coarse to fine from 16"]["percent_of_dense"] < 8
    assert all(row["mesh"] in {"identical, closed", "same counts"} for row in rows.values())


def test_without_dense_evaluation_meshes_are_compared_with_the_finest_first_grid() -> None:
    rows = benchmark_extraction(None, resolutions=[32], dense_up_to=16)
    assert [row["method"] for row in rows] == ["coarse to fine from 16", "coarse to fine from 32"]
    assert {row["mesh"] for row in rows} == {"identical, closed"}


def test_the_octree_of_pifu_asks_every_node_near_the_surface_and_few_elsewhere() -> None:
    query = capsules(CAPSULE_BODY)
    probability, asked = pifu_octree(lambda points: 40 * query(points), grid_over(BOX, 64), first=16)
    assert asked < 0.35 * 65**3
    mesh = extract_mesh_dense(query, BOX, 64)
    vertices, faces = pifu_mesh_size(probability)
    assert abs(vertices - mesh.number_of_vertices) < 0.01 * mesh.number_of_vertices
    assert abs(faces - mesh.number_of_faces) < 0.01 * mesh.number_of_faces


def test_agreement_in_words() -> None:
    mesh = cube()
    assert agreement(mesh, mesh, 10) == "identical"
    moved = mesh.with_vertices(mesh.vertices + torch.tensor([2e-6, 0.0, 0.0]))
    assert agreement(moved, mesh, 10) == "identical triangles, vertices to 1e-05 cells"
    assert agreement(type(mesh)(mesh.vertices, mesh.faces.flip(0)), mesh, 10) == "DIFFERENT"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--resolutions", "8"), "--resolutions 8 is not between 16 and 2048"),
        (("--resolutions", "many"), "resolutions"),
        (("--field", "cat"), "field"),
    ],
)
def test_mistakes_are_one_sentence(words: tuple[str, ...], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "extraction", *words])
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert part in message
