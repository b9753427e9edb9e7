"""Archives of arrays whose header or checksum is wrong, and texts that are none."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from models.geometry.array_files import read_archive, read_array
from models.geometry.plain_text import ends_in_a_cut_number, read_plain_text


def test_named_arrays_come_back(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.arange(3), y=np.eye(2), z=np.ones(1))
    found = read_archive(tmp_path / "a.npz", ["y", "x"], optional=["z", "absent"])
    assert list(found) == ["y", "x", "z"]
    assert np.array_equal(found["x"], np.arange(3))
    with pytest.raises(ValueError, match="it has no array absent"):
        read_archive(tmp_path / "a.npz", ["absent"])


def test_a_header_that_asks_for_less_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.arange(90))
    content = stream.getvalue().replace(b"(90,)", b"(10,)")
    (tmp_path / "a.npy").write_bytes(content)
    assert np.load(tmp_path / "a.npy").shape == (10,)  # what this guard is for
    with pytest.raises(ValueError, match="640 bytes too many"):
        read_array(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(ValueError, match="640 bytes too many"):
        read_archive(tmp_path / "a.npz", ["x"])


def test_every_flipped_bit_of_an_archive_is_noticed_or_harmless(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).normal(size=20))
    content, random = (tmp_path / "a.npz").read_bytes(), np.random.default_rng(1)
    sound = read_archive(tmp_path / "a.npz", ["x"])["x"]
    refused = 0
    for place in random.integers(0, len(content), 100):
        damaged = bytearray(content)
        damaged[place] ^= 1 << random.integers(8)
        (tmp_path / "a.npz").write_bytes(damaged)
        try:
            assert np.array_equal(read_archive(tmp_path / "a.npz", ["x"])["x"], sound)
        except (OSError, ValueError):
            refused += 1
    assert refused > 60


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="a broken array"):
        read_array(tmp_path / "a.npy")


@pytest.mark.parametrize("content", [b"one\ntwo \xff\n", b"one\ntwo \x00\n"])
def test_the_line_that_is_no_text_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"list\.txt is no text in line 2"):
        read_plain_text(tmp_path / "list.txt")


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("1.25 2.50\n3.75 4.00\n", False),
        ("1.25 2.50\n3.75 4.00", False),
        ("1.25 2.50\n3.75 4.0", True),
        ("1.25 2.50\n3.75 4", True),
        ("1.5 2\n3.75 4", False),  # somebody's own hand
        ("1.25e+00 2.50e+00\n3.75e+00 4.00e+0", True),
        ("1.25e+00 2.50e+00\n3.75e+00 4.00", True),
    ],
)
def test_a_table_that_breaks_off_within_a_number(text: str, cut: bool) -> None:
    assert ends_in_a_cut_number(text) == cut
