"""`threefold reconstruct` on runs of bodies. What the network says is replaced by the visual hull of its own pictures,
so that the surface is known: every file, frame, colour and sentence must be right."""

import errno
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.body_maps import read_depth_map
from experiments.reconstruction.bodies import pictures, saving
from lightning_modules.body_occupancy import BodyOccupancy
from models.bodies.visual_hull import visual_hull
from models.geometry.components import signed_volume
from models.geometry.files import read_mesh
from models.geometry.view_cameras import project_to_views
from tests.conftest import BodyRuns, FaceRuns
from tests.experiments.command_line import Answer, assert_one_sentence, threefold
from tests.experiments.mannequin import BACK, FRONT, LEFT_ARM, RIGHT_ARM, turned_photographs

FILES = {
    *("mesh.glb", "mesh.obj", "mesh.ply", "mesh_picture.ply", "parameters.json", "turntable.gif", "depth.png"),
    *("normals_front.png", "normals_back.png", "normals_left.png", "normals_right.png", "strip.png"),
    *("overlay.png", "overlay_shape.png", "mask.png", "crop.png"),
}
RESOLUTION = 64
COLOURS = (FRONT, BACK, LEFT_ARM, RIGHT_ARM)


@pytest.fixture(autouse=True)
def short_turntables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "turntable", partial(pictures.turntable, frames=2, side=32))


@pytest.fixture
def reconstruct(body_runs: BodyRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch):
    """Reconstructs pictures into tmp_path / "out", with the hull for a network."""

    def hull(self: BodyOccupancy, features: object, body):
        return lambda points: visual_hull(body.masks, body.view_from_body, points[None])[0]

    monkeypatch.setattr(BodyOccupancy, "query_of", hull)

    def run(*words: object, run: Path = body_runs.multiscale, resolution: int = RESOLUTION) -> Answer:
        return threefold(
            capsys, "reconstruct", *words, "--run", run, "--out", tmp_path / "out", "--resolution", resolution
        )

    return run


@pytest.fixture
def turned(tmp_path: Path) -> list[Path]:
    return turned_photographs(tmp_path)


def values_of(folder: Path) -> dict:
    return json.loads((folder / "parameters.json").read_text())


def test_one_picture_gives_every_file(reconstruct, turned: list[Path], tmp_path: Path) -> None:
    answer = reconstruct(turned[0])
    assert answer.status == 0, answer
    assert "the picture's transparency" in answer.printed
    assert "trained with 4 pictures" in answer.complaint
    done = tmp_path / "out" / "0"
    assert {path.name for path in done.iterdir()} == FILES
    values = values_of(done)
    assert values["mesh"]["watertight"]
    assert values["views"][0]["silhouette_iou"] > 0.9, "the network's pictures have 64 pixels only"
    assert values["resolution"] == RESOLUTION
    with Image.open(done / "overlay.png") as overlay:
        assert overlay.size == (200, 200)


@pytest.fixture
def around(reconstruct, turned: list[Path], tmp_path: Path) -> Path:
    """The mannequin from four sides."""
    assert reconstruct(*turned, "--yaws", 0, 90, 180, 270, "--height_cm", 90).status == 0
    return tmp_path / "out" / "0"


def colour_near(mesh, point_cm: tuple[float, float, float]) -> np.ndarray:
    """Of the vertex nearest to a point in the body frame; the mesh is a person of 90 cm in metres."""
    distance = (mesh.vertices * 200 - torch.tensor(point_cm)).norm(dim=1)
    return mesh.vertex_colors[distance.argmin()].numpy()


def test_nothing_is_mirrored_or_upside_down(around: Path) -> None:
    for suffix in ("glb", "obj", "ply"):
        mesh = read_mesh(around / f"mesh.{suffix}")
        extent = mesh.vertices.amax(0) - mesh.vertices.amin(0)
        assert float(extent[1]) == pytest.approx(0.9, abs=0.02), "metres of a person of 90 cm"
        assert float(mesh.vertices[:, 0].amax()) > 0.25, "the left arm is raised to the side"
        assert float(signed_volume(mesh.vertices, mesh.faces)) > 0, "seen from outside"
        for point, expected in (
            ((0, 30, 12), FRONT),
            ((0, 30, -12), BACK),
            ((0, 80, 12), FRONT),
            ((50, 60, 7), LEFT_ARM),
            ((50, 60, -7), LEFT_ARM),
            ((-31, 20, 0), RIGHT_ARM),
        ):
            distances = [np.abs(colour_near(mesh, point) - colour).sum() for colour in COLOURS]
            assert COLOURS[int(np.argmin(distances))] == expected, (suffix, point)


def test_the_mesh_lies_in_the_picture(around: Path) -> None:
    values = values_of(around)
    in_picture = read_mesh(around / "mesh_picture.ply")
    body_cm = read_mesh(around / "mesh.ply").vertices * 200
    view = torch.tensor(values["views"][0]["view_from_body"])
    position = project_to_views(view[None, None], body_cm[None]).position[0, 0]
    torch.testing.assert_close((position + 1) * 100, in_picture.vertices[:, :2], atol=0.05, rtol=0)
    box = values["views"][0]["person_box"]
    for axis, (low, high) in enumerate((("left", "right"), ("top", "bottom"))):
        assert float(in_picture.vertices[:, axis].amin()) == pytest.approx(box[low], abs=2.5)
        assert float(in_picture.vertices[:, axis].amax()) == pytest.approx(box[high], abs=2.5)
    assert float(signed_volume(in_picture.vertices, in_picture.faces)) > 0, "a right-handed frame"
    nearest = in_picture.vertices[:, 2].argmin()
    assert float(body_cm[nearest, 2]) > 5, "z grows away from the camera"
    assert min(view["silhouette_iou"] for view in values["views"]) > 0.9


def test_maps_show_the_mesh(around: Path) -> None:
    def normals(name: str) -> np.ndarray:
        return np.asarray(Image.open(around / f"normals_{name}.png").convert("RGB")).astype(float) / 127.5 - 1

    for name, sign in (("front", 1), ("back", -1), ("left", 1), ("right", 1)):
        picture = normals(name)
        seen = np.linalg.norm(picture, axis=2) > 0.5
        assert np.sign(picture[seen][:, 2].mean()) == sign
    columns = np.flatnonzero((np.linalg.norm(normals("front"), axis=2) > 0.5).any(0))
    assert columns.max() - 256 > 256 - columns.min(), "the raised left arm is on the right of the picture"
    assert (np.linalg.norm(normals("back"), axis=2) > 0.5).sum() == (
        np.linalg.norm(normals("front"), axis=2) > 0.5
    ).sum()
    depth, mask = read_depth_map(around / "depth.png")
    assert float(depth[mask > 0].max()) * 102.4 == pytest.approx(11, abs=2.5)


def test_a_mask_and_a_box_and_a_resolution_are_taken(reconstruct, turned: list[Path], tmp_path: Path) -> None:
    picture = Image.open(turned[0])
    (tmp_path / "photos").mkdir()
    opaque = Image.effect_noise((200, 200), 60).convert("RGB")
    opaque.paste(picture, (0, 0), picture)
    opaque.save(tmp_path / "photos" / "person.jpg")
    picture.getchannel("A").save(tmp_path / "photos" / "person.png")
    words = (tmp_path / "photos" / "person.jpg", "--mask", tmp_path / "photos")
    assert reconstruct(*words).status == 0
    coarse = values_of(tmp_path / "out" / "person")["mesh"]["vertices"]
    assert reconstruct(*words, "--box", 0, 0, 200, 200, resolution=90).status == 0, "a reconstruction is replaced"
    assert values_of(tmp_path / "out" / "person")["mesh"]["vertices"] > 1.5 * coarse


def test_views_from_a_file_give_an_overlay_each(reconstruct, turned: list[Path], tmp_path: Path) -> None:
    entries = [{"picture": path.name, "yaw": int(path.stem)} for path in turned[:2]]
    (tmp_path / "anna.json").write_text(json.dumps({"views": entries}))
    assert reconstruct("--views", tmp_path / "anna.json").status == 0
    names = {path.name for path in (tmp_path / "out" / "anna").iterdir()}
    assert {"overlay.png", "overlay_2.png", "mask_2.png", "crop_2.png", "overlay_shape_2.png"} <= names


def test_options_that_do_not_go_together_are_named(reconstruct, turned: list[Path], body_runs, face_runs) -> None:
    picture = turned[0]
    for words, parts in (
        ((), ("no picture is given",)),
        ((picture, "--landmarks", picture), ("--landmarks is for runs of faces",)),
        ((picture, "--refine", 3), ("--refine is for runs of faces",)),
        ((picture, "--yaws", 0, 90), ("2 angles for 1 pictures",)),
        ((picture, "--views", picture), ("--views", "leave", "out")),
        ((picture, "--yaws", 0, "--views", picture), ("give one of them",)),
        ((picture, "--frame", 3), ("--frame 3",)),
        (("--views", picture, "--person", 2), ("--person", "in it")),
        ((picture, "--height_cm", 5), ("--height_cm 5",)),
        ((*turned[:2], "--box", 1, 1, 50, 50), ("--box is one box for 2 pictures",)),
        ((picture.parent,), ("is a folder",)),
        ((picture.parent / "nobody.png",), ("no picture", "nobody.png")),
    ):
        assert_one_sentence(reconstruct(*words), *parts)
    assert_one_sentence(reconstruct(picture, resolution=8), "--resolution 8")
    assert_one_sentence(reconstruct(picture, run=face_runs.coarse), "--resolution is for runs of bodies")


def test_a_resolution_beyond_the_memory_is_refused(reconstruct, turned: list[Path], monkeypatch) -> None:
    from models.geometry import memory

    monkeypatch.setattr(memory, "free_memory_bytes", lambda: 60_000_000)
    answer = reconstruct(turned[0], resolution=1024)
    assert_one_sentence(answer, "--resolution 1024", "GB")


def test_a_network_that_sees_nobody_is_told(reconstruct, turned: list[Path], monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(BodyOccupancy, "query_of", lambda *_: lambda points: -torch.ones(len(points)))
    assert_one_sentence(reconstruct(turned[0]), "0.png", "nothing is inside", "train it")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_the_earlier_result(reconstruct, turned: list[Path], tmp_path: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert reconstruct(turned[0]).status == 0
    before = (tmp_path / "out" / "0" / "mesh.glb").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(saving, "save_animation", full)
        assert_one_sentence(reconstruct(turned[0]), "the disk is full")
    assert (tmp_path / "out" / "0" / "mesh.glb").read_bytes() == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["0"], "nothing half written beside it"


def test_a_trained_run_is_asked(body_runs: BodyRuns, turned: list[Path], tmp_path: Path, capsys) -> None:
    """The network itself, which hardly knows anything after so few steps: a body or the sentence that there is none."""
    words = ("--yaws", 0, 90, 180, 270, "--run", body_runs.multiscale, "--out", tmp_path / "out", "--resolution", 48)
    answer = threefold(capsys, "reconstruct", *turned, *words)
    if answer.status:
        assert_one_sentence(answer, "nothing is inside")
    else:
        assert (tmp_path / "out" / "0" / "mesh.glb").is_file()


def test_a_run_of_faces_still_makes_faces(face_runs: FaceRuns, tmp_path: Path, capsys) -> None:
    picture, points = face_runs.data / "images" / "000000.jpg", face_runs.data / "landmarks"
    words = ("--run", face_runs.coarse, "--out", tmp_path / "out", "--landmarks", points, "--texture_size", 32)
    assert threefold(capsys, "reconstruct", picture, *words).status == 0
    assert (tmp_path / "out" / "000000" / "coarse.glb").is_file()
