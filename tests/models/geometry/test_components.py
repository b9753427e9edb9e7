"""Parts of meshes: volumes, order, and what is removed."""

import math
from dataclasses import replace

import pytest
import torch

from models.geometry.components import connected_components, signed_volume, without_floating_parts
from models.geometry.extraction import extract_mesh
from models.geometry.grids import Bounds
from models.geometry.mesh import Mesh
from models.geometry.primitives import cube, icosphere
from models.geometry.topology import is_watertight
from tests.models.geometry.solids import capsules


def sphere(radius: float, centre: tuple[float, float, float], *, inward: bool = False) -> Mesh:
    ball = icosphere(3)
    faces = ball.faces.flip(1) if inward else ball.faces
    return Mesh(radius * ball.vertices + torch.tensor(centre), faces)


def together(*meshes: Mesh) -> Mesh:
    offsets = torch.tensor([0, *(mesh.number_of_vertices for mesh in meshes)]).cumsum(0)
    faces = torch.cat([mesh.faces + offset for mesh, offset in zip(meshes, offsets)])
    return Mesh(torch.cat([mesh.vertices for mesh in meshes]), faces)


def number_of_parts(mesh: Mesh) -> int:
    return len(connected_components(mesh).volume)


def test_volumes_of_parts_largest_first() -> None:
    mesh = together(
        sphere(1.0, (9.0, 0.0, 0.0)), sphere(2.0, (0.0, 0.0, 0.0)), sphere(0.5, (0.0, 0.0, 0.0), inward=True)
    )
    parts = connected_components(mesh)
    ball = 4 / 3 * math.pi
    assert parts.volume.tolist() == pytest.approx([8 * ball, ball, -ball / 8], rel=0.02)
    assert parts.of_vertex[: icosphere(3).number_of_vertices].unique().tolist() == [1]
    assert float(signed_volume(mesh.vertices, mesh.faces)) == pytest.approx(float(parts.volume.sum()))


def test_a_cube_has_its_volume_anywhere() -> None:
    mesh = cube()
    assert float(signed_volume(mesh.vertices + 1000, mesh.faces)) == pytest.approx(8)
    assert float(signed_volume(mesh.vertices, mesh.faces.flip(1))) == pytest.approx(-8)


def test_a_small_part_far_away_goes_and_a_small_part_near_by_stays() -> None:
    body, finger = sphere(50.0, (0.0, 0.0, 0.0)), sphere(1.0, (52.0, 0.0, 0.0))
    tip, ghost = sphere(0.5, (54.5, 0.0, 0.0)), sphere(3.0, (0.0, 90.0, 0.0))
    kept = without_floating_parts(together(ghost, body, finger, tip))
    assert number_of_parts(kept) == 3  # the tip hangs on the finger, which hangs on the body
    assert float(kept.vertices[:, 1].max()) == pytest.approx(50)
    assert is_watertight(kept.faces)


def test_a_large_part_stays_however_far() -> None:
    assert number_of_parts(without_floating_parts(together(sphere(2, (0, 0, 0)), sphere(1, (9, 0, 0))))) == 2


def test_hollows_stay_unless_they_are_to_be_filled() -> None:
    mesh = together(sphere(2, (0, 0, 0)), sphere(1.8, (0, 0, 0), inward=True))
    assert number_of_parts(without_floating_parts(mesh)) == 2
    assert number_of_parts(without_floating_parts(mesh, fill_hollows=True)) == 1


def test_fingers_that_a_coarse_grid_cuts_off_stay() -> None:
    hand = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.5)
    finger = ((0.4, 0.01, 0.02), (0.8, 0.1, 0.13), 0.024)
    query, bounds = capsules([hand, finger]), Bounds((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
    coarse, fine = extract_mesh(query, bounds, 32, coarse=32), extract_mesh(query, bounds, 128)
    assert number_of_parts(coarse) > 1  # in pieces here, attached in truth
    assert number_of_parts(fine) == 1
    assert number_of_parts(without_floating_parts(coarse, farthest_share_of_size=0.1)) == number_of_parts(coarse)


def test_colors_follow_and_loose_vertices_go() -> None:
    mesh = together(sphere(2, (0, 0, 0)), sphere(0.1, (9, 0, 0)))
    loose = torch.cat([mesh.vertices, torch.tensor([[7.0, 7.0, 7.0]])])
    mesh = Mesh(loose, mesh.faces, vertex_colors=(loose / 20 + 0.5).clamp(0, 1))
    kept = without_floating_parts(mesh)
    assert kept.number_of_vertices == icosphere(3).number_of_vertices
    assert kept.vertex_colors is not None
    torch.testing.assert_close(kept.vertex_colors, kept.vertices / 20 + 0.5)


def test_textured_meshes_and_single_parts() -> None:
    mesh = cube()
    assert without_floating_parts(mesh) is mesh
    assert number_of_parts(Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64))) == 0
    two = together(sphere(2, (0, 0, 0)), sphere(0.1, (9, 0, 0)))
    textured = replace(two, uv=torch.zeros(1, 2), face_uv=torch.zeros_like(two.faces))
    with pytest.raises(ValueError, match="before it is textured"):
        without_floating_parts(textured)
