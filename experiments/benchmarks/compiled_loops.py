"""The yardstick: the face index by plain loops over triangles and pixels, compiled by numba. For the benchmark alone.

It answers the same question as a backend, by the same rules (inclusive edges, the least depth, then the lowest
triangle);
it knows no near plane and no culling. What it takes is what a rasterizer in a compiled language would take on this
machine.
"""

import importlib
import importlib.util
from typing import Any

import torch
from torch import Tensor

BANDS_PER_THREAD = 4


def compiled_loops_available() -> bool:
    return importlib.util.find_spec("numba") is not None


def compiled_face_index(vertices_screen: Tensor, faces: Tensor, size: tuple[int, int]) -> Tensor:
    """[b h w] int64, -1 where empty; every vertex must be in front of the camera."""
    numba = importlib.import_module("numba")
    numba.config.THREADING_LAYER = "workqueue"  # its OpenMP layer would reset the number of torch's threads
    b, (h, w) = vertices_screen.shape[0], size
    threads = min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS)
    numba.set_num_threads(threads)
    seen = torch.full((b, h, w), -1)
    nearest = torch.full((b, h, w), torch.inf)
    bands = max(1, -(-BANDS_PER_THREAD * threads // b))
    centres = torch.arange(max(h, w)) + 0.5  # looked up, since an integer plus a float32 would be a double to numba
    _loops(numba)(vertices_screen.numpy(), faces.numpy(), centres.numpy(), bands, seen.numpy(), nearest.numpy())
    return seen


_compiled: list[Any] = []


def _loops(numba: Any) -> Any:
    if not _compiled:
        _compiled.append(numba.njit(parallel=True, nogil=True)(_draw_bands))
        global prange
        prange = numba.prange
    return _compiled[0]


prange = range


def _draw_bands(vertices, faces, centres, bands, seen, nearest):  # numba compiles this: no helper functions, no torch
    b, h, w = seen.shape
    band_height = (h + bands - 1) // bands
    for job in prange(b * bands):
        picture = job // bands
        first_row = (job - picture * bands) * band_height
        last_row = min(h, first_row + band_height) - 1
        for f in range(faces.shape[0]):
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            y0, y1, y2 = vertices[picture, i, 1], vertices[picture, j, 1], vertices[picture, k, 1]
            low, high = min(y0, y1, y2) - centres[0], max(y0, y1, y2) - centres[0]
            if high < first_row or low > last_row:
                continue
            x0, x1, x2 = vertices[picture, i, 0], vertices[picture, j, 0], vertices[picture, k, 0]
            left, right = min(x0, x1, x2) - centres[0], max(x0, x1, x2) - centres[0]
            if right < 0 or left > w - 1:
                continue
            top, bottom = max(first_row, int(-(-low // 1))), min(last_row, int(high // 1))
            first, last = max(0, int(-(-left // 1))), min(w - 1, int(right // 1))
            z0, z1, z2 = vertices[picture, i, 2], vertices[picture, j, 2], vertices[picture, k, 2]
            for row in range(top, bottom + 1):
                centre_y = centres[row]
                ry0, ry1, ry2 = centre_y - y0, centre_y - y1, centre_y - y2
                for column in range(first, last + 1):
                    centre_x = centres[column]
                    rx0, rx1, rx2 = centre_x - x0, centre_x - x1, centre_x - x2
                    e0, e1, e2 = rx1 * ry2 - rx2 * ry1, rx2 * ry0 - rx0 * ry2, rx0 * ry1 - rx1 * ry0
                    if (e0 >= 0 and e1 >= 0 and e2 >= 0) or (e0 <= 0 and e1 <= 0 and e2 <= 0):
                        depth = (e0 + e1 + e2) / (e0 / z0 + e1 / z1 + e2 / z2)
                        if depth < nearest[picture, row, column]:
                            nearest[picture, row, column] = depth
                            seen[picture, row, column] = f
