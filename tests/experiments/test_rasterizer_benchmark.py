"""The rasterizers' benchmark on small scenes: every contender appears, agrees and is written with its origin."""

import json
from pathlib import Path

import pytest
import torch

from experiments.benchmarks import rasterizer
from experiments.benchmarks.compiled_loops import compiled_face_index, compiled_loops_available
from experiments.benchmarks.rasterizer_scenes import RasterizerScene, rasterizer_scenes
from experiments.benchmarks.reference_rows import differing_from_reference
from models.rendering.rasterize import rasterize


def smaller(scene: RasterizerScene, side: int = 24) -> RasterizerScene:
    scale = torch.tensor([side / scene.size[1], side / scene.size[0], 1.0])
    return scene._replace(vertices_screen=scene.vertices_screen[:1] * scale, size=(side, side))


def test_scenes_have_the_sizes_that_the_table_names() -> None:
    clothing, face, body = rasterizer_scenes()
    assert clothing.vertices_screen.shape == (16, 642, 3)
    assert len(clothing.faces) == 1280
    assert 34_000 < face.vertices_screen.shape[1] < 36_000
    assert face.size == (224, 224)
    assert len(body.faces) > 100_000
    for scene in (clothing, face, body):
        seen = rasterize(scene.vertices_screen[:1], scene.faces, scene.size).face_index >= 0
        assert 0.1 < float(seen.float().mean()) < 0.6


def test_reference_rows_count_what_differs() -> None:
    scene = smaller(rasterizer_scenes()[0])
    face_index = rasterize(scene.vertices_screen, scene.faces, scene.size).face_index[0]
    assert differing_from_reference(face_index, scene, 24) == (0, 24 * 24)
    spoiled = face_index.clone()
    spoiled[7, 3] = 5 if int(face_index[7, 3]) != 5 else 6
    assert differing_from_reference(spoiled, scene, 24) == (1, 24 * 24)


@pytest.mark.skipif(not compiled_loops_available(), reason="numba is not installed")
def test_compiled_loops_draw_the_same_picture() -> None:
    scene = smaller(rasterizer_scenes()[0], 48)
    native = rasterize(scene.vertices_screen, scene.faces, scene.size).face_index
    assert torch.equal(compiled_face_index(scene.vertices_screen, scene.faces, scene.size), native)


def test_benchmark_prints_and_writes_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scenes = [smaller(rasterizer_scenes()[0])]
    monkeypatch.setattr(rasterizer, "rasterizer_scenes", lambda device: scenes)
    rows = rasterizer.benchmark_rasterizer(tmp_path / "out" / "numbers.json", repeats=2, slow_repeats=1)
    document = json.loads((tmp_path / "out" / "numbers.json").read_text())
    assert document["rows"] == rows
    assert document["origin"]["commit"]
    assert {"torch", "numba", "pytorch3d"} <= set(document["origin"]["packages"])
    native = next(row for row in rows if row["rasterizer"] == "native" and row["mode"] == "hard")
    assert native["forward_backward_over_native"] == 1
    assert native["differing_from_reference"] == 0
    assert native["forward_backward_ms"] >= native["forward_ms"] > 0
    printed = capsys.readouterr().out
    assert all(row["mode"] in printed for row in rows)
    without = rasterizer.benchmark_rasterizer(repeats=1, slow_repeats=0)
    assert "pytorch3d" not in {row["rasterizer"] for row in without}
