"""`threefold bench rasterizer`: every rasterizer at hand, side by side in one process, with agreement beside the time.

Contenders: the suite's own backend (``native``), PyTorch3D where it is installed, and ``compiled loops``, the same
rules as plain loops under numba, as a yardstick. Backends differ in the face index only, so they share barycentrics
and gradients; PyTorch3D is timed as its users call it, with its own differentiable outputs.

Modes: ``hard`` (barycentrics and depth; gradient of a loss on both) and silhouettes: ``edge``, the suite's default,
for native and compiled loops, ``softras`` for PyTorch3D (its soft silhouette, K = 50, sigma 1e-4, blur to 1e-4) and
for native as a like-for-like.
"""

import gc
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from experiments.benchmarks.compiled_loops import compiled_face_index, compiled_loops_available
from experiments.benchmarks.pytorch3d_calls import pytorch3d_available, pytorch3d_hard, pytorch3d_soft_silhouette
from experiments.benchmarks.rasterizer_scenes import RasterizerScene, rasterizer_scenes
from experiments.benchmarks.reference_rows import differing_from_reference
from lightning_modules.callbacks.provenance import installed, origin
from models.rendering.barycentrics import barycentrics_and_depth
from models.rendering.edge_gradients import edge_gradients
from models.rendering.fragments import Fragments
from models.rendering.rasterize import rasterize
from models.rendering.silhouettes import silhouette

ROWS_COMPARED = 32
"""Rows of the first picture, spread over its height, that the float64 reference draws too."""


class Drawn(NamedTuple):
    loss: Tensor
    """Scalar; its gradient is timed too."""
    face_index: Tensor | None = None
    """What was seen, where the contender says so: compared outside the timed part."""


class Measured(NamedTuple):
    forward: float
    both: float
    both_cpu: float
    """Seconds of all threads' work: on a shared machine this tells more than the wall clock."""


class Contender(NamedTuple):
    name: str
    mode: str
    draw: Callable[[Tensor, RasterizerScene], Drawn]
    slow: bool = False


def benchmark_rasterizer(
    json_file: Path | None = None,
    *,
    repeats: int = 7,
    slow_repeats: int = 1,
    threads: int | None = None,
    device: str = "cpu",
) -> list[dict[str, Any]]:
    """Times every contender on the three scenes and prints a table; returns its rows and writes them with their origin.

    Rounds are interleaved: each round runs every contender once. The first ``slow_repeats`` rounds include PyTorch3D,
    which takes up to minutes a call on the CPU; 0 leaves it out. ``threads``: of torch and of the compiled loops; None
    leaves torch's own number, 1 is the only fair choice on a machine that others use.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    source = _source(repeats, slow_repeats)
    rows: list[dict[str, Any]] = []
    for scene in rasterizer_scenes(device):
        print(f"\n{scene.describe()}")
        contenders = [c for c in _contenders(device) if slow_repeats or not c.slow]
        measured: dict[Contender, list[Measured]] = {contender: [] for contender in contenders}
        seen: dict[str, Tensor] = {}
        for round_ in range(-1, repeats):  # round -1 compiles and warms the caches
            for contender in contenders:
                if not contender.slow or 0 <= round_ < slow_repeats:
                    drawn, time_taken = _measure(contender, scene)
                    if round_ >= 0:
                        measured[contender].append(time_taken)
                    if drawn.face_index is not None:
                        seen.setdefault(contender.name, drawn.face_index)
        scene_rows = _rows(scene, measured, _agreement(scene, seen))
        _print_rows(scene_rows)
        rows += scene_rows
        if json_file is not None:
            _write(json_file, source, rows)
    return rows


def _contenders(device: str) -> list[Contender]:
    contenders = [Contender("native", "hard", _hard_native)]
    compiled = compiled_loops_available() and device == "cpu"
    if compiled:
        contenders.append(Contender("compiled loops", "hard", _hard_compiled))
    if pytorch3d_available():
        contenders.append(Contender("pytorch3d", "hard", _hard_pytorch3d, slow=device == "cpu"))
    contenders.append(Contender("native", "silhouette edge", _silhouette_native("edge")))
    if compiled:
        contenders.append(Contender("compiled loops", "silhouette edge", _edge_compiled))
    for mode in ("contour", "softras"):
        contenders.append(Contender("native", f"silhouette {mode}", _silhouette_native(mode)))
    if pytorch3d_available():
        contenders.append(Contender("pytorch3d", "silhouette softras", _soft_pytorch3d, slow=device == "cpu"))
    return contenders


def _hard_loss(weights: Tensor, depth: Tensor) -> Tensor:
    return weights.square().sum() + torch.where(depth < torch.inf, depth, 0).sum()


def _hard_native(vertices: Tensor, scene: RasterizerScene) -> Drawn:
    fragments = rasterize(vertices, scene.faces, scene.size)
    return Drawn(_hard_loss(fragments.barycentrics, fragments.depth), fragments.face_index)


def _hard_compiled(vertices: Tensor, scene: RasterizerScene) -> Drawn:
    face_index = compiled_face_index(vertices.detach(), scene.faces, scene.size)
    return Drawn(_hard_loss(*barycentrics_and_depth(vertices, scene.faces, face_index)), face_index)


def _hard_pytorch3d(vertices: Tensor, scene: RasterizerScene) -> Drawn:
    return Drawn(*pytorch3d_hard(vertices, scene))


def _silhouette_native(mode: Any) -> Callable[[Tensor, RasterizerScene], Drawn]:
    return lambda vertices, scene: Drawn(silhouette(vertices, scene.faces, scene.size, mode=mode).square().sum())


def _edge_compiled(vertices: Tensor, scene: RasterizerScene) -> Drawn:
    with torch.no_grad():
        face_index = compiled_face_index(vertices.detach(), scene.faces, scene.size)
        fragments = Fragments(face_index, *barycentrics_and_depth(vertices.detach(), scene.faces, face_index))
    mask = (face_index >= 0)[:, None].to(vertices.dtype)
    return Drawn(edge_gradients(mask, vertices, scene.faces, fragments).square().sum())


def _soft_pytorch3d(vertices: Tensor, scene: RasterizerScene) -> Drawn:
    return Drawn(pytorch3d_soft_silhouette(vertices, scene))


def _measure(contender: Contender, scene: RasterizerScene) -> tuple[Drawn, Measured]:
    vertices = scene.vertices_screen.clone().requires_grad_()
    gc.collect()
    _synchronize(vertices)
    started, started_cpu = time.perf_counter(), time.process_time()
    drawn = contender.draw(vertices, scene)
    _synchronize(vertices)
    forward = time.perf_counter() - started
    drawn.loss.backward()
    _synchronize(vertices)
    return drawn, Measured(forward, time.perf_counter() - started, time.process_time() - started_cpu)


def _synchronize(tensor: Tensor) -> None:
    if tensor.is_cuda:
        torch.cuda.synchronize()


def _agreement(scene: RasterizerScene, seen: dict[str, Tensor]) -> dict[str, dict[str, int]]:
    """For each rasterizer: pixels that differ from native in all pictures, from the reference in rows of the first."""
    counts = {}
    for name, face_index in seen.items():
        different, compared = differing_from_reference(face_index[0], scene, ROWS_COMPARED)
        counts[name] = {
            "pixels": face_index.numel(),
            "differing_from_native": int((face_index != seen["native"]).sum()),
            "pixels_compared_with_reference": compared,
            "differing_from_reference": different,
        }
    return counts


def _rows(
    scene: RasterizerScene, measured: dict[Contender, list[Measured]], agreement: dict[str, dict[str, int]]
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for contender, times in measured.items():
        rows.append(
            {
                "scene": scene.name,
                "description": scene.describe(),
                "rasterizer": contender.name,
                "mode": contender.mode,
                "runs": len(times),
                "forward_ms": _milliseconds(statistics.median(t.forward for t in times)),
                "forward_backward_ms": _milliseconds(statistics.median(t.both for t in times)),
                "fastest_forward_backward_ms": _milliseconds(min(t.both for t in times)),
                "forward_backward_cpu_ms": _milliseconds(statistics.median(t.both_cpu for t in times)),
                "load_average_after": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
                **agreement[contender.name],
            }
        )
    for row in rows:
        rival = "hard" if row["mode"] == "hard" else "silhouette edge"
        native = next(r for r in rows if r["rasterizer"] == "native" and r["mode"] == rival)
        for quantity in ("forward_ms", "forward_backward_ms", "forward_backward_cpu_ms"):
            row[f"{quantity.removesuffix('_ms')}_over_native"] = round(row[quantity] / native[quantity], 2)
    return rows


def _milliseconds(seconds: float) -> float:
    return round(1e3 * seconds, 3)


def _print_rows(rows: list[dict[str, Any]]) -> None:
    """Milliseconds of the clock (medians and the fastest) and of the processor; ratios to native."""
    print(
        f"{'rasterizer':<15} {'mode':<19} {'forward':>9} {'+backward':>10} {'fastest':>9} {'processor':>10} "
        f"{'ratio':>8} {'cpu ratio':>9} {'runs':>4} {'≠ native':>8} {'≠ reference':>14}"
    )
    for row in rows:
        print(
            f"{row['rasterizer']:<15} {row['mode']:<19} {row['forward_ms']:>9.1f} {row['forward_backward_ms']:>10.1f} "
            f"{row['fastest_forward_backward_ms']:>9.1f} {row['forward_backward_cpu_ms']:>10.1f} "
            f"{row['forward_backward_over_native']:>8.2f} {row['forward_backward_cpu_over_native']:>9.2f} "
            f"{row['runs']:>4} {row['differing_from_native']:>8} "
            f"{row['differing_from_reference']:>5} of {row['pixels_compared_with_reference']}",
            flush=True,
        )


def _source(repeats: int, slow_repeats: int) -> dict[str, Any]:
    """Taken at the start: the sources may change while PyTorch3D is at work."""
    source = origin()
    source["packages"] = {**source["packages"], "pytorch3d": installed("pytorch3d"), "numba": installed("numba")}
    source["load_average_before"] = os.getloadavg() if hasattr(os, "getloadavg") else None
    source["seed"] = None  # the scenes are formulas: nothing is drawn at random
    source["repeats"], source["slow_repeats"] = repeats, slow_repeats
    return source


def _write(json_file: Path, source: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """The whole file after every scene, so that what took long is not lost."""
    json_file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = json_file.with_name(f".{json_file.name}.unfinished")
    unfinished.write_text(json.dumps({"origin": source, "rows": rows}, indent=2) + "\n")
    unfinished.replace(json_file)
