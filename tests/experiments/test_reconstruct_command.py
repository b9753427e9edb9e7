"""`threefold reconstruct` on runs of one training step: the results are no
likeness, but every file, number and sentence must be right."""

import errno
import gc
import json
import shutil
import weakref
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.pictures import read_picture
from experiments.reconstruction.faces import outputs, saving
from experiments.reconstruction.faces.explanation import load_networks
from experiments.reconstruction.turntable import turntable
from models.geometry.files import read_mesh
from models.geometry.rotations import rotation_from_face_angles
from tests.conftest import FaceRuns
from tests.experiments.command_line import Answer, assert_one_sentence, threefold

FILES = {
    *("coarse.glb", "coarse.obj", "coarse.mtl", "coarse.png", "coarse.ply"),
    *("fine.glb", "fine.obj", "fine.mtl", "fine.png", "fine.ply", "neutral.ply", "neutral.txt"),
    *("texture.png", "texture_observed.png", "displacement.png", "displacement.json", "displacement_mm.npy"),
    *("strip.png", "overlay.png", "overlay_shape.png", "overlay_coarse_shape.png", "landmarks.png", "landmarks.txt"),
    *("mask.png", "normals_camera.png", "normal_map_tangent.png", "turntable.gif", "parameters.json"),
}


@pytest.fixture
def reconstruct(face_runs: FaceRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch):
    """Reconstructs pictures with the detailed run into tmp_path / "out", with short turntables."""
    monkeypatch.setattr(outputs, "turntable", partial(turntable, frames=2, size=32))

    def run(*words: object, landmarks: bool = True, run: Path = face_runs.detail) -> Answer:
        known = ("--landmarks", face_runs.data / "landmarks" / "000000.txt") if landmarks else ()
        size = ("--texture_size", 32)
        return threefold(capsys, "reconstruct", *words, "--run", run, "--out", tmp_path / "out", *known, *size)

    return run


def test_every_file_is_there(done: Path) -> None:
    assert {path.name for path in done.iterdir()} == FILES


def test_meshes_read_back_with_their_texture(done: Path) -> None:
    for name in ("coarse", "fine"):
        for suffix in ("glb", "obj"):
            mesh = read_mesh(done / f"{name}.{suffix}")
            assert mesh.texture is not None
            assert mesh.texture.shape == (3, 128, 128)
        assert read_mesh(done / f"{name}.ply").vertex_colors is not None
        extent = mesh.vertices.amax(0) - mesh.vertices.amin(0)
        assert 0.1 < float(extent[1]) < 0.4, "a face in metres"


def test_the_camera_puts_the_mesh_where_the_landmarks_are(done: Path, face_runs: FaceRuns) -> None:
    values = json.loads((done / "parameters.json").read_text())
    camera = {name: torch.tensor(values["camera"][name]) for name in ("camera_from_model", "intrinsics")}
    model = load_networks(face_runs.detail).face_model
    vertices_mm = 1000 * read_mesh(done / "coarse.glb").vertices
    angles = torch.tensor([[values["pose"][f"{name}_degrees"] for name in ("pitch", "yaw", "roll")]]).deg2rad()
    points_mm = model.sliding_landmarks_mm(vertices_mm[None], rotation_from_face_angles(angles))[0]
    in_camera = points_mm @ camera["camera_from_model"][:3, :3].T + camera["camera_from_model"][:3, 3]
    assert (in_camera[:, 2] > 0).all(), "in front of the camera"
    homogeneous = torch.cat([in_camera[:, :2], torch.ones(68, 1)], 1) @ camera["intrinsics"].T
    written = torch.from_numpy(np.loadtxt(done / "landmarks.txt")).float()
    torch.testing.assert_close(homogeneous[:, :2], written, atol=0.01, rtol=0)
    assert torch.linalg.det(camera["camera_from_model"][:3, :3]) == pytest.approx(1, abs=1e-5)


def test_the_displacement_picture_gives_the_millimetres_back(done: Path) -> None:
    scale = json.loads((done / "displacement.json").read_text())
    with Image.open(done / "displacement.png") as picture:
        assert picture.mode.startswith("I;16")
        levels = np.asarray(picture).astype(np.float64)
    millimetres = np.load(done / "displacement_mm.npy")
    read = (levels - scale["zero_level"]) * scale["mm_per_level"]
    assert np.abs(read - millimetres).max() <= 0.51 * scale["mm_per_level"]
    assert (levels[millimetres == 0] == scale["zero_level"]).all()
    assert scale["mm_min"] + 65535 * scale["mm_per_level"] == pytest.approx(scale["mm_max"])


def test_overlays_have_the_photographs_size_and_leave_its_border_alone(done: Path, face_runs: FaceRuns) -> None:
    photo = np.asarray(Image.open(face_runs.data / "images" / "000000.jpg").convert("RGB"))
    for name in ("overlay", "overlay_shape", "overlay_coarse_shape", "landmarks"):
        drawn = np.asarray(Image.open(done / f"{name}.png").convert("RGB"))
        assert drawn.shape == photo.shape
        assert (drawn != photo).any()
    assert (np.asarray(Image.open(done / "landmarks.png"))[:2] == photo[:2]).all()


def test_the_turntable_moves(done: Path) -> None:
    with Image.open(done / "turntable.gif") as animation:
        assert animation.n_frames == 24  # type: ignore[attr-defined]
        animation.seek(0)
        first = np.asarray(animation.convert("RGB")).astype(int)
        animation.seek(12)
        assert np.abs(np.asarray(animation.convert("RGB")).astype(int) - first).max() > 50


def test_a_coarse_run_gives_coarse_files(face_runs: FaceRuns, reconstruct, tmp_path: Path) -> None:
    assert reconstruct(face_runs.data / "images" / "000000.jpg", run=face_runs.coarse).status == 0
    names = {path.name for path in (tmp_path / "out" / "000000").iterdir()}
    assert "coarse.glb" in names
    assert not [name for name in names if name.startswith(("fine", "displacement", "normal_map"))]


def parameters(folder: Path) -> np.ndarray:
    values = json.loads((folder / "parameters.json").read_text())
    return np.array(values["identity"]["values"] + list(values["pose"].values()))


def test_a_picture_turned_by_its_camera_is_the_same_picture(face_runs: FaceRuns, reconstruct, tmp_path: Path) -> None:
    photo = Image.open(face_runs.data / "images" / "000000.jpg").convert("RGB")
    photo.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    assert reconstruct(tmp_path / "upright.png").status == 0
    assert reconstruct(tmp_path / "turned.png").status == 0
    upright, turned = (parameters(tmp_path / "out" / name) for name in ("upright", "turned"))
    np.testing.assert_allclose(turned, upright, atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "RGBA", "I;16"])
def test_unusual_pictures_are_taken(mode: str, face_runs: FaceRuns, reconstruct, tmp_path: Path) -> None:
    photo = Image.open(face_runs.data / "images" / "000000.jpg").convert("RGB")
    if mode == "I;16":
        converted = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)
    else:
        converted = photo.convert(mode)
    path = tmp_path / ("picture.tif" if mode == "CMYK" else "picture.png")
    converted.save(path)
    assert reconstruct(path, run=face_runs.coarse).status == 0
    assert (tmp_path / "out" / "picture" / "coarse.glb").is_file()


def test_a_picture_of_twelve_thousand_pixels_is_taken(face_runs: FaceRuns, reconstruct, tmp_path: Path) -> None:
    photo = Image.open(face_runs.data / "images" / "000000.jpg").convert("RGB")
    large = Image.new("RGB", (12000, 600))
    large.paste(photo.resize((600, 600)), (6000, 0))
    large.save(tmp_path / "large.jpg")
    box = ("--box", 6150, 130, 300, 320)
    assert reconstruct(tmp_path / "large.jpg", *box, landmarks=False, run=face_runs.coarse).status == 0
    assert Image.open(tmp_path / "out" / "large" / "overlay.png").size == (12000, 600)


def test_refinement_changes_the_answer(face_runs: FaceRuns, reconstruct, tmp_path: Path) -> None:
    picture = face_runs.data / "images" / "000000.jpg"
    assert reconstruct(picture, run=face_runs.coarse).status == 0
    before = parameters(tmp_path / "out" / "000000")
    masks = ("--mask", face_runs.data / "masks")
    assert reconstruct(picture, "--refine", 5, *masks, run=face_runs.coarse).status == 0, "a reconstruction is replaced"
    assert np.abs(parameters(tmp_path / "out" / "000000") - before).max() > 0.01


def write_bad_pictures(folder: Path) -> None:
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("no picture")
    Image.new("RGB", (4, 4)).save(folder / "dot.png")
    Image.new("RGB", (300, 300), (90, 120, 150)).save(folder / "sky.png")
    whole = folder / "whole.png"
    Image.effect_noise((200, 200), 60).save(whole)
    (folder / "cut.png").write_bytes(whole.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty.jpg", "zero bytes"),
        ("text.jpg", "cannot be read"),
        ("cut.png", "cannot be read"),
        ("dot.png", "4 x 4"),
        ("absent.jpg", "no picture"),
        ("sky.png", "no upright face was found"),
    ],
)
def test_pictures_that_cannot_be_used_are_named(name: str, words: str, reconstruct, tmp_path: Path) -> None:
    write_bad_pictures(tmp_path)
    assert_one_sentence(reconstruct(tmp_path / name, landmarks=False), name, words)
    assert not (tmp_path / "out").exists()


def test_of_several_faces_the_largest_is_taken_or_the_one_asked_for(
    reconstruct, face_runs: FaceRuns, monkeypatch, tmp_path: Path
) -> None:
    from experiments.reconstruction.face_detection import FaceBox
    from experiments.reconstruction.faces import photos

    faces = [FaceBox(5.0, 20.0, 55.0, 70.0), FaceBox(30.0, 20.0, 70.0, 60.0)]
    monkeypatch.setattr(photos, "detect_faces", lambda photo: faces)
    picture = face_runs.data / "images" / "000000.jpg"
    answer = reconstruct(picture, landmarks=False, run=face_runs.coarse)
    assert answer.status == 0, answer
    assert "2 faces found; took the largest, number 1 from the left" in answer.printed
    values = json.loads((tmp_path / "out" / "000000" / "parameters.json").read_text())
    assert values["found"].startswith("2 faces found; took the largest")
    assert values["camera"]["crop"]["center_x"] == 30
    assert_one_sentence(reconstruct(picture, "--person", 3, landmarks=False), "--person 3", "2 face")
    assert reconstruct(picture, "--person", 2, landmarks=False, run=face_runs.coarse).status == 0
    crop = json.loads((tmp_path / "out" / "000000" / "parameters.json").read_text())["camera"]["crop"]
    assert crop["center_x"] == 50


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["1 2"] * 67, "67 rows"),
        (["1 2"] * 39 + ["1 two"] + ["1 2"] * 28, "Row 40"),
        (["1 2"] * 67 + ["1 two"], "last row"),
        (["900 900", "950 960"] * 34, "outside"),
        (["5 5"] * 68, "empty"),
    ],
)
def test_bad_landmarks_are_named(
    lines: list[str], words: str, reconstruct, face_runs: FaceRuns, tmp_path: Path
) -> None:
    path = tmp_path / "points.txt"
    path.write_text("\n".join(lines))
    picture = face_runs.data / "images" / "000000.jpg"
    assert_one_sentence(reconstruct(picture, "--landmarks", path, landmarks=False), "points.txt", words)


def test_options_that_no_picture_satisfies_are_named(reconstruct, face_runs: FaceRuns, tmp_path: Path) -> None:
    picture, other = (face_runs.data / "images" / f"00000{number}.jpg" for number in (0, 1))
    Image.new("L", (50, 50)).save(tmp_path / "mask.png")
    assert_one_sentence(reconstruct(picture, "--mask", tmp_path / "mask.png"), "mask.png", "50 x 50", "96 x 96")
    assert_one_sentence(reconstruct(picture, "--box", 200, 0, 50, 50, landmarks=False), "000000.jpg", "box", "96 x 96")
    assert_one_sentence(reconstruct(picture, "--refine", -1), "--refine -1")
    assert_one_sentence(reconstruct(picture, other), "000000.txt", "one file for 2 pictures")
    assert_one_sentence(reconstruct(picture, picture, landmarks=False), "two pictures are named 000000")
    assert_one_sentence(reconstruct(picture, "--box", 1, 1, 50, 50), "--box and --landmarks")
    assert_one_sentence(reconstruct(face_runs.data, landmarks=False), f"{face_runs.data} is a folder")
    missing = ("--landmarks", tmp_path / "nowhere")
    assert_one_sentence(reconstruct(picture, *missing, landmarks=False), "nowhere does not exist")


def test_runs_that_cannot_be_used_are_named(reconstruct, face_runs: FaceRuns, tmp_path: Path) -> None:
    picture = face_runs.data / "images" / "000000.jpg"
    assert_one_sentence(reconstruct(picture, run=tmp_path / "nowhere"), "nowhere does not exist")
    (tmp_path / "untrained").mkdir()
    assert_one_sentence(reconstruct(picture, run=tmp_path / "untrained"), "untrained holds no checkpoint")
    short = tmp_path / "short" / "checkpoints" / "best.ckpt"
    short.parent.mkdir(parents=True)
    whole = (face_runs.coarse / "checkpoints" / "best.ckpt").read_bytes()
    short.write_bytes(whole[: len(whole) // 3])
    assert_one_sentence(reconstruct(picture, run=tmp_path / "short"), "best.ckpt", "cut short")


def test_a_detail_run_may_move_alone(face_runs: FaceRuns, reconstruct, tmp_path: Path, capsys) -> None:
    moved, lonely = tmp_path / "moved", tmp_path / "coarse"
    shutil.copytree(face_runs.detail, moved)
    face_runs.coarse.rename(lonely)
    try:
        assert reconstruct(face_runs.data / "images" / "000000.jpg", run=moved).status == 0
        words = ("--data.init_args.root", face_runs.data, "--trainer.limit_test_batches", 1)
        assert threefold(capsys, "test", "--run", moved, *words).status == 0
    finally:
        lonely.rename(face_runs.coarse)


def test_a_full_disk_leaves_the_earlier_result(face_runs: FaceRuns, reconstruct, tmp_path: Path, monkeypatch) -> None:
    picture = face_runs.data / "images" / "000000.jpg"
    out = tmp_path / "out" / "000000"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(saving, "save_animation", full)
        assert_one_sentence(reconstruct(picture, run=face_runs.coarse), out, "the disk is full")
    assert not list((tmp_path / "out").iterdir()), "nothing half written"
    assert reconstruct(picture, run=face_runs.coarse).status == 0
    before = (out / "coarse.glb").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(saving, "save_animation", full)
        assert_one_sentence(reconstruct(picture, run=face_runs.coarse), "the disk is full")
    assert (out / "coarse.glb").read_bytes() == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["000000"]


def test_an_empty_folder_is_filled(face_runs: FaceRuns, reconstruct, tmp_path: Path) -> None:
    (tmp_path / "out" / "000000").mkdir(parents=True)
    assert reconstruct(face_runs.data / "images" / "000000.jpg", run=face_runs.coarse).status == 0
    assert (tmp_path / "out" / "000000" / "coarse.glb").is_file()


def test_many_photographs_are_not_held_in_memory(face_runs: FaceRuns, reconstruct, monkeypatch) -> None:
    from experiments.reconstruction.faces import photos

    read_so_far: list[weakref.ref] = []
    most = 0

    def read(path: Path) -> Image.Image:
        nonlocal most
        picture = read_picture(path)
        read_so_far.append(weakref.ref(picture))
        gc.collect()
        most = max(most, sum(reference() is not None for reference in read_so_far))
        return picture

    monkeypatch.setattr(photos, "read_picture", read)
    pictures = [face_runs.data / "images" / f"00000{number}.jpg" for number in range(4)]
    points = ("--landmarks", face_runs.data / "landmarks")
    assert reconstruct(*pictures, *points, landmarks=False, run=face_runs.coarse).status == 0
    assert most <= 2


def test_a_folder_of_something_else_is_not_replaced(face_runs: FaceRuns, reconstruct, tmp_path: Path) -> None:
    diary = tmp_path / "out" / "000000" / "diary.txt"
    diary.parent.mkdir(parents=True)
    diary.write_text("dear diary")
    assert_one_sentence(reconstruct(face_runs.data / "images" / "000000.jpg"), "is no reconstruction", "--out")
    assert diary.read_text() == "dear diary"
