from pathlib import Path

import numpy as np
import pytest

from datamodules.landmarks import (
    CLASS_FLIP,
    FLIP_PERMUTATION,
    read_landmarks,
    write_landmarks,
)
from datamodules.samples import FACE_CLASSES
from models.morphable.procedural_face import procedural_face


def test_mirroring_twice_changes_nothing_and_the_midline_stays() -> None:
    permutation = np.array(FLIP_PERMUTATION)
    assert (permutation[permutation] == np.arange(68)).all()
    middle = np.flatnonzero(permutation == np.arange(68)).tolist()
    assert middle == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


def test_the_permutation_mirrors_the_symmetric_mean_face() -> None:
    model = procedural_face("tiny")
    points = model.landmarks_mm(model.mean_mm[None])[0].numpy()
    mirrored = points * (-1, 1, 1)
    np.testing.assert_allclose(mirrored[list(FLIP_PERMUTATION)], points, atol=0.5)


def test_mirrored_classes_swap_left_and_right() -> None:
    for number, name in enumerate(FACE_CLASSES):
        other = name.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
        assert FACE_CLASSES[CLASS_FLIP[number]] == other


def test_landmark_files_keep_a_thousandth_of_a_pixel(tmp_path: Path) -> None:
    points = np.random.default_rng(0).uniform(-20, 900, (68, 2)).astype(np.float32)
    write_landmarks(points, tmp_path / "a.txt")
    np.testing.assert_allclose(read_landmarks(tmp_path / "a.txt"), points, atol=6e-4)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1 2\n" * 67, "has 67 rows, not 68"),
        ("1 2\n" * 40 + "1 x\n" + "1 2\n" * 27, "Row 41"),
        ("1 2\n" * 40 + "1\n" + "1 2\n" * 27, "Row 41"),
        ("1 2\n" * 40 + "nan 2\n" + "1 2\n" * 27, "Row 41"),
        ("", "has 0 rows"),
    ],
)
def test_a_broken_landmark_file_is_named_with_its_row(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "broken.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=complaint) as caught:
        read_landmarks(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_landmark_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ValueError, match=r"a\.txt cannot be read"):
        read_landmarks(tmp_path / "a.txt")
