from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.inspection import inspect_faces
from datamodules.landmarks import write_landmarks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for part in ("images", "landmarks", "masks"):
        (tmp_path / part).mkdir()
    for name in "abcdefgh":
        Image.fromarray(random.integers(0, 255, (80, 80, 3), dtype=np.uint8)).save(tmp_path / "images" / f"{name}.png")
        write_landmarks(random.uniform(20, 60, (68, 2)), tmp_path / "landmarks" / f"{name}.txt")
        Image.fromarray(random.integers(0, 19, (80, 80), dtype=np.uint8)).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path


def test_a_sound_folder_is_counted_and_shown(folder: Path) -> None:
    inspection = inspect_faces(folder, panel=folder / "look" / "panel.png")
    assert inspection.problems == ()
    assert inspection.pictures == 8
    assert inspection.splits["train"] + inspection.splits["test"] == 8
    assert inspection.companions == {"landmark files": 8, "masks": 8, "boxes": 0, "truth files": 0}
    assert "no problems" in inspection.report()
    assert "80 x 80 pixels" in inspection.report()
    with Image.open(folder / "look" / "panel.png") as panel:
        assert panel.size == (8 * 160, 320)


def test_every_broken_file_is_named_once(folder: Path) -> None:
    (folder / "images" / "a.png").write_bytes(b"")
    (folder / "images" / "b.png").write_bytes(b"no picture")
    (folder / "landmarks" / "c.txt").write_text("1 2\n" * 60)
    (folder / "landmarks" / "d.txt").write_text("1 2\n" * 67 + "1 two\n")
    Image.new("L", (40, 40)).save(folder / "masks" / "e.png")
    Image.new("L", (80, 80), 77).save(folder / "masks" / "f.png")
    write_landmarks(np.full((68, 2), 900.0), folder / "landmarks" / "g.txt")
    (folder / "landmarks" / "stranger.txt").touch()
    (folder / "truth").mkdir()
    (folder / "truth" / "h.npz").write_bytes(b"PK nothing")
    (folder / "split.txt").write_text("a train\n")
    inspection = inspect_faces(folder, panel=folder / "panel.png")
    for name, complaint in {
        "a.png": "zero bytes", "b.png": "cannot be read", "c.txt": "60 rows", "d.txt": "Row 68", "e.png": "40 x 40",
        "f.png": "class 77", "g.txt": "68 of 68 landmarks", "stranger.txt": "belongs to no picture",
        "h.npz": "cannot be read", "split.txt": "gives no split",
    }.items():  # fmt: skip
        matching = [problem for problem in inspection.problems if name in problem]
        assert len(matching) == 1, name
        assert complaint in matching[0]
        assert matching[0].endswith(".")
    assert len(inspection.problems) == 10
    assert "10 problems" in inspection.report()


def test_what_cannot_be_matched_is_a_problem_and_an_absent_folder_an_error(folder: Path) -> None:
    Image.new("RGB", (80, 80)).save(folder / "images" / "a.jpg")
    assert "share the name a" in inspect_faces(folder).problems[0]
    with pytest.raises(FileNotFoundError):
        inspect_faces(folder / "nothing")
