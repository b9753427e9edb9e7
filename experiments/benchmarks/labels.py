"""`threefold bench labels`: points labelled inside or outside of a body, by every means at hand, side by side.

Contenders: the suite's own test (`models.geometry.inside`), libigl's fast winding number as a plain call and with its
hierarchy kept, and trimesh's ``contains`` as users call it, with Embree where embreex is installed and with an R-tree
where rtree is. What a contender prepares for a mesh is timed apart from the labels and counted in neither ratio.
"""

import importlib.util
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import igl
import numpy as np
import torch
import trimesh

from datamodules.occupancy_sampling import PIFU, PointSampling, SolidBody
from datamodules.synthetic.human_draws import draw_human
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_mesh import human_mesh
from lightning_modules.callbacks.provenance import installed, origin
from models.geometry.files import read_mesh
from models.geometry.inside import InsideTest, winding_numbers_reference
from models.geometry.mesh import Mesh

HEIGHT_CM = 180.0
POINTS_COMPARED_WITH_REFERENCE = 500
Labels = np.ndarray
"""[p] bool."""


class Workload(NamedTuple):
    name: str
    points: np.ndarray
    """[p, 3]"""


class Contender(NamedTuple):
    name: str
    prepare: Callable[[Mesh], Callable[[np.ndarray], Labels]]
    slow: bool = False
    """Labels `slow_points` points of the first workload, in `slow_repeats` rounds only."""


def benchmark_labels(
    json_file: Path | None = None,
    *,
    mesh_file: Path | None = None,
    repeats: int = 7,
    slow_repeats: int = 1,
    slow_points: int = 1000,
    most_points: int = 100_000,
    seed: int = 0,
    threads: int | None = None,
) -> list[dict[str, Any]]:
    """Times every contender on one body and prints a table; returns its rows and writes them with their origin.

    Rounds are interleaved: each runs every contender once. mesh_file: None takes procedural person `seed`. most_points:
    longer workloads are cut.
    """
    if threads is not None:
        torch.set_num_threads(threads)
        os.environ["IGL_NUM_THREADS"] = str(threads)
    mesh, title = benchmark_mesh(mesh_file, seed)
    print(f"{title}: {mesh.number_of_vertices} vertices, {mesh.number_of_faces} faces")
    ready = {}
    preparing = {}
    for contender in contenders():
        if contender.slow and not slow_repeats:
            continue
        started = time.perf_counter()
        ready[contender] = contender.prepare(mesh)
        preparing[contender] = time.perf_counter() - started
    rows: list[dict[str, Any]] = []
    for number, workload in enumerate(workloads(mesh, seed)):
        workload = Workload(workload.name, workload.points[:most_points])
        measured = _measure(ready, workload, repeats, 0 if number else slow_repeats, slow_points)
        found = _rows(mesh, workload, measured, preparing)
        _print(found)
        rows += found
    if json_file is not None:
        source = origin()
        source["packages"] = {
            **source["packages"],
            **{name: installed(name) for name in ("libigl", "trimesh", "embreex", "rtree")},
        }
        settings = {"mesh": title, "seed": seed, "repeats": repeats, "slow_points": slow_points, "threads": threads}
        json_file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = json_file.with_name(f".{json_file.name}.unfinished")
        unfinished.write_text(json.dumps({"origin": source, "settings": settings, "rows": rows}, indent=2) + "\n")
        unfinished.replace(json_file)
    return rows


def benchmark_mesh(mesh_file: Path | None, seed: int) -> tuple[Mesh, str]:
    """A body 180 high around the origin."""
    if mesh_file is None:
        return human_mesh(HumanField(draw_human(seed)), 256), f"procedural person {seed}"
    mesh = read_mesh(mesh_file, texture=False)
    low, high = mesh.vertices.amin(0), mesh.vertices.amax(0)
    scaled = (mesh.vertices - (low + high) / 2) * (HEIGHT_CM / float(high[1] - low[1]))
    return Mesh(scaled, mesh.faces), mesh_file.name


def workloads(mesh: Mesh, seed: int) -> list[Workload]:
    """A training item's candidates near the surface, PIFu's recipe for 5 000 points, and many."""
    body = SolidBody(mesh.vertices, mesh.faces, "the body")
    generator = np.random.default_rng(seed)
    return [
        Workload("2 000 near, sigma 5 and 2 cm", _candidates(body, PointSampling(hull=0), 2000, generator)),
        Workload("PIFu's 21 250 candidates", _candidates(body, PIFU, 21_250, generator)),
        Workload(
            "100 000 near, sigma 5 cm", _candidates(body, PointSampling(hull=0, sigma_cm=(5,)), 100_000, generator)
        ),
        Workload(
            "100 000 near, sigma 1 cm", _candidates(body, PointSampling(hull=0, sigma_cm=(1,)), 100_000, generator)
        ),
    ]


def _candidates(body: SolidBody, sampling: PointSampling, count: int, generator: np.random.Generator) -> np.ndarray:
    near, uniform, _ = sampling.counts(count)
    sigma = np.asarray(sampling.sigma_cm)[np.arange(near) % len(sampling.sigma_cm), None]
    points = body.surface_points(near, generator) + sigma * generator.standard_normal((near, 3))
    lower, upper = np.asarray(sampling.box_cm)
    mixed = np.concatenate([points, lower + (upper - lower) * generator.random((uniform, 3))])
    return generator.permutation(mixed).astype(np.float32).astype(np.float64)


def contenders() -> list[Contender]:
    found = [
        Contender("ours", _ours),
        Contender("libigl, hierarchy kept", _igl_kept),
        Contender("libigl, plain call", _igl_plain),
    ]
    if importlib.util.find_spec("embreex"):
        found.append(Contender("trimesh with embree", _trimesh_embree))
    if importlib.util.find_spec("rtree"):
        found.append(Contender("trimesh with rtree", _trimesh_rtree, slow=True))
    return found


def _ours(mesh: Mesh) -> Callable[[np.ndarray], Labels]:
    test = InsideTest(mesh.vertices, mesh.faces)
    return lambda points: test.contains(torch.from_numpy(points)).numpy()


def _igl_kept(mesh: Mesh) -> Callable[[np.ndarray], Labels]:
    hierarchy = igl.FastWindingNumberBVH()
    hierarchy.init(mesh.vertices.double().numpy(), mesh.faces.numpy())
    return lambda points: np.asarray(hierarchy.winding_number(points)) > 0.5


def _igl_plain(mesh: Mesh) -> Callable[[np.ndarray], Labels]:
    vertices, faces = mesh.vertices.double().numpy(), mesh.faces.numpy()
    return lambda points: np.asarray(igl.fast_winding_number(vertices, faces, points)) > 0.5


def _trimesh_embree(mesh: Mesh) -> Callable[[np.ndarray], Labels]:
    from trimesh.ray.ray_pyembree import RayMeshIntersector

    return RayMeshIntersector(_as_trimesh(mesh)).contains_points


def _trimesh_rtree(mesh: Mesh) -> Callable[[np.ndarray], Labels]:
    from trimesh.ray.ray_triangle import RayMeshIntersector

    test = RayMeshIntersector(_as_trimesh(mesh))
    test.contains_points(mesh.vertices[:1].double().numpy())  # builds its tree
    return test.contains_points


def _as_trimesh(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices.double().numpy(), mesh.faces.numpy(), process=False)


class Measured(NamedTuple):
    seconds: list[float]
    processor_seconds: list[float]
    labels: Labels


def _measure(
    ready: dict[Contender, Callable[[np.ndarray], Labels]],
    workload: Workload,
    repeats: int,
    slow_repeats: int,
    slow_points: int,
) -> dict[Contender, Measured]:
    measured: dict[Contender, Measured] = {}
    for round_ in range(-1, repeats):  # round -1 warms up
        for contender, label in ready.items():
            if contender.slow and not 0 <= round_ < slow_repeats:
                continue
            points = workload.points[:slow_points] if contender.slow else workload.points
            started, started_processor = time.perf_counter(), time.process_time()
            labels = np.asarray(label(points))
            seconds, processor = time.perf_counter() - started, time.process_time() - started_processor
            entry = measured.setdefault(contender, Measured([], [], labels))
            if round_ >= 0:
                entry.seconds.append(seconds)
                entry.processor_seconds.append(processor)
    return measured


def _rows(
    mesh: Mesh, workload: Workload, measured: dict[Contender, Measured], preparing: dict[Contender, float]
) -> list[dict[str, Any]]:
    checked = torch.from_numpy(workload.points[:POINTS_COMPARED_WITH_REFERENCE])
    truth = (winding_numbers_reference(mesh.vertices, mesh.faces, checked) > 0.5).numpy()
    ours = next(entry for contender, entry in measured.items() if contender.name == "ours").labels
    rows = []
    for contender, entry in measured.items():
        count = len(entry.labels)
        rows.append(
            {
                "workload": workload.name,
                "contender": contender.name,
                "points": count,
                "runs": len(entry.seconds),
                "microseconds_a_point": 1e6 * statistics.median(entry.seconds) / count,
                "fastest_microseconds_a_point": 1e6 * min(entry.seconds) / count,
                "processor_microseconds_a_point": 1e6 * statistics.median(entry.processor_seconds) / count,
                "preparing_ms": round(1e3 * preparing[contender], 1),
                "inside_share": round(float(entry.labels.mean()), 4),
                "differing_from_ours": int((entry.labels != ours[:count]).sum()),
                "compared_with_reference": len(truth),
                "differing_from_reference": int((entry.labels[: len(truth)] != truth[:count]).sum()),
                "load_average_after": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            }
        )
    for row in rows:
        for kind in ("microseconds_a_point", "processor_microseconds_a_point"):
            row[kind.replace("microseconds_a_point", "ratio_to_ours")] = round(row[kind] / rows[0][kind], 2)
        for name, value in row.items():
            if name.endswith("microseconds_a_point"):
                row[name] = round(value, 4)
    return rows


def _print(rows: list[dict[str, Any]]) -> None:
    """Microseconds a point of the clock (median and fastest) and of the processor; ratios to ours."""
    print(
        f"\n{rows[0]['workload']}\n{'contender':<24} {'points':>7} {'clock µs':>9} {'fastest':>9} {'cpu µs':>9} "
        f"{'ratio':>9} {'cpu ratio':>9} {'prepare ms':>10} {'≠ ours':>6} {'≠ reference':>14}"
    )
    for row in rows:
        print(
            f"{row['contender']:<24} {row['points']:>7} {row['microseconds_a_point']:>9.3f} "
            f"{row['fastest_microseconds_a_point']:>9.3f} {row['processor_microseconds_a_point']:>9.3f} "
            f"{row['ratio_to_ours']:>9.1f} {row['processor_ratio_to_ours']:>9.1f} {row['preparing_ms']:>10.0f} "
            f"{row['differing_from_ours']:>6} {row['differing_from_reference']:>6} of {row['compared_with_reference']}",
            flush=True,
        )
