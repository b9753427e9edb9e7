"""OpenEXR files of three floats a pixel, written without a library."""

import struct
from pathlib import Path

import numpy as np


def write_exr(pixels: np.ndarray, path: Path) -> None:
    """[h, w, 3] float32 as channels R, G, B: one part, scan lines, not compressed."""
    height, width, _ = pixels.shape
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    channels = b"".join(name + b"\0" + struct.pack("<iB3x2i", 2, 0, 1, 1) for name in (b"B", b"G", b"R")) + b"\0"
    header = struct.pack("<2i", 20000630, 2)
    for name, kind, value in (
        ("channels", "chlist", channels),
        ("compression", "compression", b"\0"),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
    ):
        header += f"{name}\0{kind}\0".encode() + struct.pack("<i", len(value)) + value
    header += b"\0"
    lines = np.empty(height, np.dtype([("y", "<i4"), ("bytes", "<i4"), ("values", "<f4", (3, width))]))
    lines["y"], lines["bytes"] = np.arange(height), 12 * width
    lines["values"] = pixels.transpose(0, 2, 1)[:, ::-1]
    start = len(header) + 8 * height
    offsets = (start + lines.dtype.itemsize * np.arange(height)).astype("<u8")
    path.write_bytes(header + offsets.tobytes() + lines.tobytes())
