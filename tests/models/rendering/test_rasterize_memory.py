"""A hundred thousand triangles in a megapixel stay within 2 GiB."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux's /proc")

PROGRAM = """
import pathlib
import torch
from models.geometry.primitives import uv_sphere
from models.rendering.interpolate import interpolate
from models.rendering.rasterize import rasterize

def peak():  # of this program alone: getrusage would count the larger process that started it
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

torch.set_num_threads(1)
mesh = uv_sphere(225, 225)
assert len(mesh.faces) >= 100_000, len(mesh.faces)
points = mesh.vertices.float()
z = points[:, 2:] + 3
screen = torch.cat([points[:, :2] / z * 1300 + 512, z], 1)[None].requires_grad_()
if {large}:  # every triangle covers some 400 pixels
    corners = screen.detach()[0, mesh.faces]
    middle = corners.mean(1, keepdim=True)
    corners[..., :2] = middle[..., :2] + (corners - middle)[..., :2].sign() * 14
    screen = corners.reshape(1, -1, 3).requires_grad_()
    faces = torch.arange(screen.shape[1]).view(-1, 3)
else:
    faces = mesh.faces
before = peak()
fragments = rasterize(screen, faces, (1024, 1024))
picture = interpolate(screen.detach(), faces, fragments)
(picture.square().sum() + fragments.depth[fragments.face_index >= 0].sum()).backward()
print(int((fragments.face_index >= 0).sum()), before, peak())
"""


def peak_kibibytes(large: bool) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(large=large)], capture_output=True, text=True, check=True, timeout=300
    )
    covered, _, peak = map(int, done.stdout.split())
    assert covered > 300_000
    return peak


def test_small_triangles() -> None:
    assert peak_kibibytes(large=False) < 2 << 20


def test_large_triangles() -> None:
    assert peak_kibibytes(large=True) < 2 << 20
