"""Meshes in a page: small enough, with their colours, and said where they cannot be."""

import base64
import io
from pathlib import Path
from typing import Any

import pytest
import torch
import trimesh

from experiments.report.meshes import MOST_FACES, simplified, split, viewable, viewable_meshes
from experiments.report.page import PAGE
from experiments.report.pictures import Room
from experiments.three_js import three_js
from models.geometry.files import write_mesh
from models.geometry.mesh import Mesh
from models.geometry.primitives import uv_sphere
from tests.experiments.report.shown_run import ball, coloured_ball, textured_ball


def opened(glb: str) -> Any:
    """The mesh as trimesh reads it."""
    scene: Any = trimesh.load(io.BytesIO(base64.b64decode(glb)), file_type="glb", process=False)
    return next(iter(scene.geometry.values()))


def test_positions_texture_and_colours_arrive(tmp_path: Path) -> None:
    for name, mesh in (("textured.glb", textured_ball()), ("coloured.ply", coloured_ball()), ("bare.obj", ball())):
        write_mesh(mesh, tmp_path / name)
        shown = viewable(tmp_path / name)
        made = opened(shown.glb)
        assert shown.name == name
        assert "1,280 triangles" in shown.note
        assert len(made.faces) == mesh.number_of_faces
        corners = torch.as_tensor(made.vertices[made.faces]).float()
        torch.testing.assert_close(corners, mesh.vertices[mesh.faces])
        if mesh.texture is not None:
            assert made.visual.material.baseColorTexture.size == (16, 16)
            assert "texture of 16 × 16 pixels" in shown.note
        if mesh.vertex_colors is not None:
            found = torch.as_tensor(made.visual.vertex_colors[:, :3].copy()).float() / 255
            torch.testing.assert_close(found, mesh.vertex_colors, atol=0.003, rtol=0)


def test_a_large_mesh_is_simplified_and_says_so(tmp_path: Path) -> None:
    large = uv_sphere(160, 160)
    mesh = Mesh(large.vertices.float(), large.faces, vertex_colors=(large.vertices.float() + 1) / 2)
    assert mesh.number_of_faces > MOST_FACES
    write_mesh(mesh, tmp_path / "large.ply")
    shown = viewable(tmp_path / "large.ply")
    made = opened(shown.glb)
    assert len(made.faces) <= MOST_FACES
    assert f"simplified to {len(made.faces):,}" in shown.note
    radii = torch.as_tensor(made.vertices).norm(dim=1)
    assert 0.99 < float(radii.min()) <= float(radii.max()) < 1.01
    shades = torch.as_tensor(made.visual.vertex_colors[:, :3].copy()).float() / 255
    torch.testing.assert_close(shades, (torch.as_tensor(made.vertices).float() + 1) / 2, atol=0.04, rtol=0)


def test_a_surface_that_branches_cannot_be_simplified() -> None:
    sphere = uv_sphere(160, 160)
    twice = Mesh(sphere.vertices.float(), torch.cat([sphere.faces, sphere.faces[:40]]))
    with pytest.raises(ValueError, match="meet at an edge"):
        simplified(split(twice))


def test_what_has_no_room_or_no_faces_is_said(tmp_path: Path) -> None:
    write_mesh(ball(), tmp_path / "a.glb")
    write_mesh(Mesh(ball().vertices, torch.zeros(0, 3, dtype=torch.long)), tmp_path / "points.ply")
    (tmp_path / "broken.glb").write_bytes(b"no mesh at all")
    room = Room(len(viewable(tmp_path / "a.glb").glb) + 10)
    found = viewable_meshes([tmp_path / name for name in ("a.glb", "a.glb", "points.ply", "broken.glb")], room)
    assert len(found.shown) == 1
    assert "left out" in found.remarks[0]
    assert "points only" in found.remarks[1]
    assert "broken.glb is not shown" in found.remarks[2]


def test_three_js_is_there_and_cannot_end_its_own_script() -> None:
    for script in (three_js(), (PAGE / "viewer.js").read_text(encoding="utf-8")):
        assert "</script" not in script.lower()
    assert "THREE.GLTFLoader=" in three_js()
    assert "SPDX-License-Identifier: MIT" in three_js()
