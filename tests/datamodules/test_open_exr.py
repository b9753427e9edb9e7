import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from datamodules.open_exr import write_exr

PIXELS = np.random.default_rng(0).standard_normal((5, 7, 3)).astype(np.float32)


def test_the_lines_stand_where_the_table_says(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    write_exr(PIXELS, path)
    content = path.read_bytes()
    line = 8 + 12 * 7
    table = len(content) - 5 * (line + 8)
    offsets = struct.unpack("<5Q", content[table : table + 40])
    for row, offset in enumerate(offsets):
        assert struct.unpack("<2i", content[offset : offset + 8]) == (row, 12 * 7)
        values = np.frombuffer(content[offset + 8 : offset + line], "<f4").reshape(3, 7)
        np.testing.assert_array_equal(values[::-1].T, PIXELS[row])


def test_another_program_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCV_IO_ENABLE_OPENEXR", "1")
    write_exr(PIXELS, tmp_path / "a.exr")
    try:
        found = cv2.imread(str(tmp_path / "a.exr"), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        found = None
    if found is None:
        pytest.skip("this build of OpenCV reads no OpenEXR")
    np.testing.assert_array_equal(found[..., ::-1], PIXELS)
