"""Round trips, a second reader, and files that are broken."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from models.geometry.atomic import replace_when_complete
from models.geometry.files import read_mesh, write_mesh
from models.geometry.mesh import Mesh
from models.geometry.primitives import cube, icosphere, torus, uv_sphere

SUFFIXES = [".obj", ".glb", ".ply"]
DATA = Path(__file__).parents[3].parent / "shared/data"


def random_texture(height: int = 6, width: int = 9) -> Tensor:
    return torch.randint(0, 256, (3, height, width), generator=torch.manual_seed(0)).float() / 255


def textured(mesh: Mesh) -> Mesh:
    """Positions and uv with all 24 bits in use."""
    noise = torch.rand(mesh.vertices.shape, generator=torch.manual_seed(1))
    assert mesh.uv is not None
    uv = mesh.uv + torch.rand(mesh.uv.shape, generator=torch.manual_seed(2)) / 7
    return Mesh(mesh.vertices + noise, mesh.faces, uv=uv, face_uv=mesh.face_uv, texture=random_texture())


def corner_uv(mesh: Mesh) -> Tensor:
    assert mesh.uv is not None
    assert mesh.face_uv is not None
    return mesh.uv[mesh.face_uv]


def seam_count(mesh: Mesh) -> int:
    assert mesh.face_uv is not None
    pairs = torch.stack([mesh.faces.flatten(), mesh.face_uv.flatten()], 1)
    return len(torch.unique(pairs, dim=0)) - len(torch.unique(mesh.faces))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("make", [cube, lambda: torus(5, 7), lambda: uv_sphere(4, 6)], ids=["cube", "torus", "sphere"])
def test_a_textured_mesh_with_seams_comes_back_bit_by_bit(tmp_path: Path, suffix: str, make) -> None:
    mesh = textured(make())
    path = tmp_path / f"a shape{suffix}"
    write_mesh(mesh, path)
    back = read_mesh(path)
    assert torch.equal(back.vertices, mesh.vertices)
    assert torch.equal(back.faces, mesh.faces)
    assert torch.equal(corner_uv(back), corner_uv(mesh))
    assert back.texture is not None
    assert torch.equal(back.texture, random_texture())
    assert seam_count(back) == seam_count(mesh) > 0
    assert back.vertex_colors is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_vertex_colors_and_lonely_vertices_come_back(tmp_path: Path, suffix: str) -> None:
    sphere = icosphere(1)
    vertices = torch.cat([sphere.vertices, torch.full((3, 3), 7.0)])
    colors = torch.randint(0, 256, vertices.shape, generator=torch.manual_seed(0)).float() / 255
    write_mesh(Mesh(vertices, sphere.faces, vertex_colors=colors), tmp_path / f"mesh{suffix}")
    back = read_mesh(tmp_path / f"mesh{suffix}")
    assert torch.equal(back.vertices, vertices)
    assert torch.equal(back.faces, sphere.faces)
    assert back.vertex_colors is not None
    torch.testing.assert_close(back.vertex_colors, colors, rtol=0, atol=1e-7)
    assert back.uv is None


@pytest.mark.parametrize("suffix", [".obj", ".glb"])
def test_uv_numbering_colors_and_lonely_vertices_survive_together(tmp_path: Path, suffix: str) -> None:
    mesh = textured(cube())
    vertices = torch.cat([mesh.vertices, torch.tensor([[9.0, 9, 9]])])
    colors = torch.rand(vertices.shape, generator=torch.manual_seed(3))
    mesh = Mesh(vertices, mesh.faces, mesh.uv, mesh.face_uv, mesh.texture, colors)
    write_mesh(mesh, tmp_path / f"mesh{suffix}")
    back = read_mesh(tmp_path / f"mesh{suffix}")
    for name, value in vars(mesh).items():
        assert torch.equal(vars(back)[name], value), name


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_trimesh_reads_our_files(tmp_path: Path, suffix: str) -> None:
    mesh = textured(cube())
    write_mesh(mesh, tmp_path / f"mesh{suffix}")
    loaded: Any = trimesh.load(tmp_path / f"mesh{suffix}", process=False, force="mesh")
    # trimesh, too, repeats vertices on seams: compare corner by corner
    corners = np.asarray(loaded.vertices)[np.asarray(loaded.faces)]
    np.testing.assert_allclose(corners, mesh.vertices[mesh.faces].numpy(), rtol=0, atol=1e-7)
    if suffix != ".ply":
        uv = np.asarray(loaded.visual.uv)[np.asarray(loaded.faces)]
        np.testing.assert_allclose(uv, corner_uv(mesh).numpy(), rtol=0, atol=1e-7)
        material = loaded.visual.material
        picture = material.baseColorTexture if suffix == ".glb" else material.image
        pixels = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
        np.testing.assert_array_equal(pixels, (random_texture() * 255).round().byte().numpy())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_trimesh_reads_our_vertex_colors(tmp_path: Path, suffix: str) -> None:
    sphere = icosphere(0)
    colors = torch.randint(0, 256, (12, 3), generator=torch.manual_seed(0))
    write_mesh(Mesh(sphere.vertices, sphere.faces, vertex_colors=colors.float() / 255), tmp_path / f"mesh{suffix}")
    loaded: Any = trimesh.load(tmp_path / f"mesh{suffix}", process=False, force="mesh")
    np.testing.assert_allclose(np.asarray(loaded.visual.vertex_colors)[:, :3], colors.numpy(), atol=1)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_of_another_program_are_read(tmp_path: Path, suffix: str) -> None:
    sphere: Any = trimesh.creation.icosphere(subdivisions=1)
    sphere.visual.vertex_colors = np.tile([[255, 0, 102, 255]], (42, 1))
    sphere.export(tmp_path / f"mesh{suffix}")
    mesh = read_mesh(tmp_path / f"mesh{suffix}")
    torch.testing.assert_close(mesh.vertices.double(), torch.tensor(np.asarray(sphere.vertices)), rtol=0, atol=1e-6)
    assert torch.equal(mesh.faces, torch.tensor(np.asarray(sphere.faces)))
    assert mesh.vertex_colors is not None
    torch.testing.assert_close(mesh.vertex_colors[5], torch.tensor([1.0, 0.0, 0.4]), rtol=0, atol=1e-6)


def test_a_textured_glb_of_another_program_keeps_v_up(tmp_path: Path) -> None:
    mesh = textured(cube())
    write_mesh(mesh, tmp_path / "own.glb")
    loaded: Any = trimesh.load(tmp_path / "own.glb", process=False, force="mesh")
    loaded.export(tmp_path / "foreign.glb")
    back = read_mesh(tmp_path / "foreign.glb")
    torch.testing.assert_close(corner_uv(back), corner_uv(mesh), rtol=0, atol=1e-6)
    assert back.texture is not None
    assert torch.equal(back.texture, random_texture())


def test_quads_negative_indices_and_missing_coordinates_in_an_obj(tmp_path: Path) -> None:
    path = tmp_path / "quad.obj"
    corners = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0.5 0.25\nvn 0 0 1\n"
    path.write_text(f"# a quad\no thing\n{corners}f 1/1/1 2/1/1 3/1/1 4/1/1\nf -4 -3 -2\n")
    mesh = read_mesh(path)
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 2]]
    assert mesh.face_uv is not None
    assert mesh.face_uv.tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 1]]


def test_double_precision_is_written_as_float32(tmp_path: Path) -> None:
    mesh = Mesh(icosphere(1).vertices.double() * (1 + 1e-12), icosphere(1).faces)
    for suffix in SUFFIXES:
        write_mesh(mesh, tmp_path / f"mesh{suffix}")
        assert torch.equal(read_mesh(tmp_path / f"mesh{suffix}").vertices, mesh.vertices.float())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_point_cloud_has_no_faces(tmp_path: Path, suffix: str) -> None:
    cloud = Mesh(torch.rand(5, 3, generator=torch.manual_seed(0)), torch.zeros(0, 3, dtype=torch.long))
    write_mesh(cloud, tmp_path / f"cloud{suffix}")
    back = read_mesh(tmp_path / f"cloud{suffix}")
    assert torch.equal(back.vertices, cloud.vertices)
    assert back.number_of_faces == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("keep", [0.0, 0.6])
def test_a_cut_off_file_is_named(tmp_path: Path, suffix: str, keep: float) -> None:
    path = tmp_path / f"cut{suffix}"
    write_mesh(icosphere(2), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)] + (b"\nf 1 2 x\n" if suffix == ".obj" and keep else b""))
    with pytest.raises(ValueError, match=rf"cut\{suffix}"):
        read_mesh(path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("v 0 0 0\nv 1 0 zero\n", r"line 2 .*zero"),
        ("v 0 0 0\nf 1 1\n", "line 2 .*2 corners"),
        ("v 0 0 0\nf 0 1 1\n", "line 2 .*counts from 1"),
        ("v 0 0 0\nf 1 1 5\n", "number 5 of 1 vertices"),
        ("v 0 0 0\nf -1 -1 -2\n", "line 2 .*beyond the first"),
        ("v 0 0 0\nv 0 0\n", "missing or varying"),
        ("f 1 2 3\n", "no vertices|number 3"),
    ],
)
def test_a_broken_obj_names_the_line(tmp_path: Path, lines: str, message: str) -> None:
    (tmp_path / "broken.obj").write_text(lines)
    with pytest.raises(ValueError, match=f"broken.obj.*{message}"):
        read_mesh(tmp_path / "broken.obj")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.ply"):
        read_mesh(tmp_path / "nowhere.ply")
    with pytest.raises(ValueError, match=r"mesh.stl.*\.obj, \.glb, \.ply"):
        read_mesh(tmp_path / "mesh.stl")
    write_mesh(textured(cube()), tmp_path / "mesh.obj")
    (tmp_path / "mesh.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"mesh\.png"):
        read_mesh(tmp_path / "mesh.obj")
    (tmp_path / "mesh.mtl").unlink()
    with pytest.raises(FileNotFoundError, match=r"mesh\.mtl"):
        read_mesh(tmp_path / "mesh.obj")
    assert read_mesh(tmp_path / "mesh.obj", texture=False).uv is not None


def test_nothing_partial_is_left_behind(tmp_path: Path) -> None:
    target = tmp_path / "mesh.obj"
    target.write_text("the old file")

    def write_until_the_disk_is_full() -> None:
        with replace_when_complete(target) as (temporary,):
            temporary.write_text("half of the new fi")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"mesh.obj could not be written \(No space left on device\)"):
        write_until_the_disk_is_full()
    assert target.read_text() == "the old file"
    assert [path.name for path in tmp_path.iterdir()] == ["mesh.obj"]
    with pytest.raises(ValueError, match="2 vertices of the mesh are not finite"):
        write_mesh(Mesh(torch.full((2, 3), float("nan")), torch.zeros(0, 3, dtype=torch.long)), target)
    assert target.read_text() == "the old file"


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"mesh.glb could not be written"):
        write_mesh(cube(), tmp_path / "file" / "mesh.glb")


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is absent")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_real_textured_mesh_makes_the_round_trip(tmp_path: Path, suffix: str) -> None:
    spot = read_mesh(DATA / "spot.obj")
    assert spot.number_of_vertices == 2930
    write_mesh(spot, tmp_path / f"spot{suffix}")
    back = read_mesh(tmp_path / f"spot{suffix}")
    assert torch.equal(back.vertices, spot.vertices)
    assert torch.equal(back.faces, spot.faces)
    assert torch.equal(corner_uv(back), corner_uv(spot))
