"""The fast reader of plain OBJ files against the one that reads any, line by line."""

from pathlib import Path

import pytest
import torch

from models.geometry.mesh import Mesh
from models.geometry.primitives import icosphere
from models.geometry.wavefront import read_any_obj, read_obj, read_plain_obj, write_obj

BALL = icosphere(2)
COLOURED = Mesh(BALL.vertices, BALL.faces, vertex_colors=torch.rand(len(BALL.vertices), 3))


@pytest.mark.parametrize("mesh", [BALL, COLOURED], ids=["plain", "coloured"])
def test_both_readers_agree_bit_by_bit(tmp_path: Path, mesh: Mesh) -> None:
    write_obj(mesh, tmp_path / "a.obj")
    fast, slow = (
        read_plain_obj((tmp_path / "a.obj").read_bytes(), tmp_path / "a.obj"),
        read_any_obj((tmp_path / "a.obj").read_bytes(), tmp_path / "a.obj"),
    )
    assert fast is not None
    assert torch.equal(fast.vertices, slow.vertices)
    assert torch.equal(fast.faces, slow.faces)
    assert (fast.vertex_colors is None) == (slow.vertex_colors is None)
    if fast.vertex_colors is not None and slow.vertex_colors is not None:
        assert torch.equal(fast.vertex_colors, slow.vertex_colors)


@pytest.mark.parametrize(
    "faces",
    [
        "f 1 2 3 4",
        "f 1/1 2/1 3/1",
        "f 1//1 2//1 3//1",
        "f -4 -3 -2",
        "f 1 2 3\nf 1 2 3 4",
        "f 1 2 3\nf ",
        "f 1 2 3 # a comment",
        "f 0 1 2",
        "f 1 2 5",
        "f 1 2 3\nv 9 9",
        "s off\nf 1 2 3",
        "",
    ],
)
def test_any_other_file_is_left_to_the_slow_reader(tmp_path: Path, faces: str) -> None:
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n" + faces)
    assert read_plain_obj((tmp_path / "a.obj").read_bytes(), tmp_path / "a.obj") is None


def test_comments_between_lines_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("# three\nv 0 0 0\nv 1 0 0\nv 0 1 0\n# one\nf 1 2 3\n")
    assert read_plain_obj((tmp_path / "a.obj").read_bytes(), tmp_path / "a.obj") is not None
    assert read_obj(tmp_path / "a.obj").faces.tolist() == [[0, 1, 2]]
