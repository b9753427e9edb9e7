"""`threefold inspect` on bodies: counts, and every problem by name."""

from pathlib import Path

import pytest
from PIL import Image

from datamodules.articulated import ArticulatedLayout
from datamodules.body_inspection import inspect_bodies
from datamodules.cape import CapeLayout
from datamodules.renderpeople import PifuLayout
from models.geometry.files import read_mesh, write_mesh
from models.geometry.mesh import Mesh
from tests.datamodules.body_trees import write_articulated_tree, write_cape_tree, write_pifu_tree


def test_whole_data_sets_have_no_problems(tmp_path: Path) -> None:
    pifu = write_pifu_tree(tmp_path / "pifu").root
    found = inspect_bodies(lambda: PifuLayout(pifu), pifu, panel=tmp_path / "panel.png")
    assert found.problems == ()
    assert (found.bodies, found.subjects, found.views) == (2, 2, 8)
    assert found.splits == {"train": 1, "val": 1, "test": 1}
    assert "no problems" in found.report()
    with Image.open(tmp_path / "panel.png") as panel:
        assert panel.size == (4 * 128, 2 * 128)
    articulated = tmp_path / "articulated"
    write_articulated_tree(articulated)
    found = inspect_bodies(lambda: ArticulatedLayout(articulated), articulated)
    assert found.problems == ()
    assert (found.bodies, found.sequences, found.views) == (4, 2, 16)
    cape = write_cape_tree(tmp_path / "cape")
    found = inspect_bodies(lambda: CapeLayout(cape), cape, limit=2)
    assert found.problems == ()
    assert found.checked == 2
    assert "read whole: 2 of the bodies" in found.report()


def test_every_problem_is_named_once(tmp_path: Path) -> None:
    root = write_pifu_tree(tmp_path, subjects=("anna", "ben", "cleo", "dora")).root
    (root / "RENDER/anna/90_0_00.png").unlink()  # a missing view; its mask and camera stay behind
    Image.new("L", (64, 64)).save(root / "MASK/ben/0_0_00.png")
    mesh = read_mesh(root / "GEO/OBJ/cleo/cleo_100k.obj")
    write_mesh(Mesh(mesh.vertices, mesh.faces[:-12]), root / "GEO/OBJ/cleo/cleo_100k.obj")
    (root / "GEO/OBJ/dora/dora_100k.obj").unlink()
    problems = inspect_bodies(lambda: PifuLayout(root), root).problems
    for sentence in (
        "RENDER/anna lacks the view 90_0_00 that most subjects have",
        "MASK/anna/90_0_00.png belongs to no picture",
        "PARAM/anna/90_0_00.npy belongs to no picture",
        "MASK/ben/0_0_00.png is empty",
        "cleo_100k.obj is not watertight",
        "dora_100k.obj: check the download",
    ):
        assert sum(sentence in problem for problem in problems) == 1, sentence
    assert len(problems) == 6


def test_every_broken_calibration_is_named(tmp_path: Path) -> None:
    write_articulated_tree(tmp_path)
    broken = [sorted(folder.glob("calibration/*.cal"))[1] for folder in sorted(tmp_path.iterdir())]
    for path in broken:
        path.write_text("1 2 3")
    problems = inspect_bodies(lambda: ArticulatedLayout(tmp_path), tmp_path).problems
    assert len(broken) == len(problems) == 2
    for path, problem in zip(broken, problems):
        assert problem.startswith(f"The camera {path} does not hold 3 x 4")


def test_a_person_cut_by_the_border_is_named(tmp_path: Path) -> None:
    root = write_pifu_tree(tmp_path).root
    with Image.open(root / "MASK/anna/0_0_00.png") as opened:
        mask = opened.copy()
    mask.paste(255, (0, 30, 40, 31))
    mask.save(root / "MASK/anna/0_0_00.png")
    (problem,) = inspect_bodies(lambda: PifuLayout(root), root).problems
    assert "RENDER/anna/0_0_00.png is cut by the border" in problem


def test_what_cannot_be_matched_is_one_problem(tmp_path: Path) -> None:
    root = write_pifu_tree(tmp_path).root
    (root / "val.txt").write_text("")
    (problem,) = inspect_bodies(lambda: PifuLayout(root), root).problems
    assert "val.txt is empty" in problem
    with pytest.raises(FileNotFoundError):
        inspect_bodies(lambda: PifuLayout(root / "nothing"), root / "nothing")


def test_lenses_and_calibrations(tmp_path: Path) -> None:
    write_articulated_tree(tmp_path, sequences=("I_crane", "I_jumping"))
    folder = tmp_path / "I_crane" / "calibration"
    lens = folder / "Camera1.rad"
    lens.write_text(lens.read_text().replace("K11 = ", "K11 = 9"))
    (folder / "Camera2.Pmat.cal").unlink()
    (folder / "Camera3.rad").write_text("K11 = 5\n")
    problems = inspect_bodies(lambda: ArticulatedLayout(tmp_path), tmp_path).problems
    assert any("The focal length in" in problem and "Camera1.rad" in problem for problem in problems)
    assert any("pictures of camera 2 but no calibration/Camera2.Pmat.cal" in problem for problem in problems)
    assert any("Camera3.rad has no rows" in problem for problem in problems)
    assert len(problems) == 3
