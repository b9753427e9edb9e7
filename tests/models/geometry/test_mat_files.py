"""Matlab's files: sound ones of every kind are read as scipy reads them, damaged ones never reach its C code."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import csc_matrix

from models.geometry.mat_files import read_mat

CONTENT = {
    "matrix": np.arange(12.0).reshape(3, 4),
    "bytes": np.arange(3, dtype=np.uint8),
    "complex": np.array([[1 + 2j, 3]]),
    "words": "a picture",
    "empty": np.zeros((0, 3)),
    "sparse": csc_matrix(np.eye(4)),
    "nested": {"name": "a", "box": {"x1": 1.0, "x2": 2.0}},
    "cells": np.array([1.0, "two", np.eye(2)], dtype=object),
}


@pytest.mark.parametrize("compressed", [False, True])
def test_sound_files_are_read_as_scipy_reads_them(compressed: bool, tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", CONTENT, do_compression=compressed)
    found, expected = read_mat(tmp_path / "a.mat"), loadmat(tmp_path / "a.mat")
    assert found.keys() == expected.keys()
    for name in ("matrix", "bytes", "complex", "words", "empty"):
        assert np.array_equal(found[name], expected[name])
    assert found["nested"]["box"][0, 0]["x2"][0, 0] == 2.0
    assert np.array_equal(found["cells"][0, 2], np.eye(2))
    assert np.array_equal(found["sparse"].toarray(), np.eye(4))
    assert set(read_mat(tmp_path / "a.mat", variable_names=["bytes"])) >= {"bytes"}


@pytest.mark.parametrize("compressed", [False, True])
def test_damage_ends_in_an_error_or_in_other_numbers(compressed: bool, tmp_path: Path) -> None:
    """Without the walk before it, scipy ends the whole process on some of these."""
    savemat(tmp_path / "a.mat", CONTENT, do_compression=compressed)
    content, random, refused = (tmp_path / "a.mat").read_bytes(), np.random.default_rng(0), 0
    for _ in range(400):
        damaged = bytearray(content)
        start = random.integers(128, len(content))
        if random.random() < 0.5:
            damaged[start] ^= 1 << random.integers(8)
        else:
            damaged[start : start + 40] = bytes(len(damaged[start : start + 40]))
        (tmp_path / "b.mat").write_bytes(damaged)
        try:
            read_mat(tmp_path / "b.mat")
        except ValueError:
            refused += 1
    assert refused > (390 if compressed else 200)


@pytest.mark.parametrize("content", [b"", b"no mat", bytes(200)])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(ValueError, match=r"no Matlab file of version 5 to 7\.2"):
        read_mat(tmp_path / "a.mat")
