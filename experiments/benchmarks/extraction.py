"""`threefold bench extraction`: what a mesh costs, dense against coarse-to-fine, with PIFu's octree beside.

Every method asks the same field at nodes of the same grid, one after the other in one process. Queries are what counts:
a network takes a hundred times as long for a point as the fields here.
"""

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import torch

from datamodules.synthetic.human_draws import draw_human
from datamodules.synthetic.human_field import HumanField
from experiments.benchmarks.capsule_body import CAPSULE_BODY, capsules
from experiments.benchmarks.pifu_octree import pifu_mesh_size, pifu_octree
from experiments.commands.progress import progress_bar
from lightning_modules.callbacks.provenance import origin
from models.geometry.extraction import extract, extract_mesh_dense
from models.geometry.grids import Bounds, Query, grid_over
from models.geometry.mesh import Mesh
from models.geometry.topology import is_watertight

FieldName = Literal["capsules", "human"]
Result = TypeVar("Result")
SHARPNESS = 40.0
"""PIFu's octree needs probabilities: the sigmoid of 40 distances in half boxes, 2.5 % of the half box wide. It asks
less of a sharper field and more of a softer one; ours asks by sign alone."""
FIRST_GRIDS = (16, 32, 64)


class BenchmarkField(NamedTuple):
    query: Query
    """> 0 inside, in half boxes."""
    bounds: Bounds
    title: str


def benchmark_field(name: FieldName, seed: int) -> BenchmarkField:
    """Either figure in a cube with sides of 2 half boxes."""
    if name == "capsules":
        return BenchmarkField(capsules(CAPSULE_BODY), cube(1.0), "a body of 13 capsules")
    field = HumanField(draw_human(seed))
    half = 102.4
    return BenchmarkField(lambda points: -field(points) / half, cube(half), f"procedural person {seed}")


def cube(half_side: float) -> Bounds:
    """Around the origin."""
    return Bounds((-half_side, -half_side, -half_side), (half_side, half_side, half_side))


def benchmark_extraction(
    json_file: Path | None,
    *,
    resolutions: Sequence[int] = (128, 256, 512),
    field_name: FieldName = "capsules",
    dense_up_to: int = 512,
    seed: int = 0,
    threads: int | None = None,
) -> list[dict[str, Any]]:
    """Prints a table and returns its rows.

    Args:
        json_file: where the rows go, with commit and hardware; None writes nothing.
        resolutions: cells along the box.
        dense_up_to: the largest resolution at which every node is asked; above it meshes are compared with those of the
            finest first grid.
        seed: of the procedural person.
        threads: of torch.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    field = benchmark_field(field_name, seed)
    print(
        f"{field.title}\n{'cells':>5} {'method':<22} {'queries':>11} {'% of dense':>10} {'seconds':>8} "
        f"{'vertices':>9} {'faces':>9}  mesh"
    )
    rows: list[dict[str, Any]] = []
    for resolution in resolutions:
        for row in rows_at(field, resolution, dense=resolution <= dense_up_to):
            rows.append(row)
            print(
                f"{row['resolution']:>5} {row['method']:<22} {row['queries']:>11} {row['percent_of_dense']:>10.2f} "
                f"{row['seconds']:>8.2f} {row['vertices']:>9} {row['faces']:>9}  {row['mesh']}",
                flush=True,
            )
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        settings = {
            "field": field.title,
            "seed": seed,
            "sharpness": SHARPNESS,
            "dense_up_to": dense_up_to,
            "threads": torch.get_num_threads(),
        }
        json_file.write_text(json.dumps({"origin": origin(), "settings": settings, "rows": rows}, indent=2) + "\n")
    return rows


def rows_at(field: BenchmarkField, resolution: int, *, dense: bool) -> list[dict[str, Any]]:
    """All methods at one resolution, the truth first where it is asked for."""
    query, bounds, _ = field
    grid = grid_over(bounds, resolution)
    rows: list[dict[str, Any]] = []
    truth: Mesh | None = None
    if dense:
        with progress_bar(f"dense {resolution}", unit="%") as progress:
            truth, seconds = _timed(
                lambda: extract_mesh_dense(
                    query, bounds, resolution, progress=lambda share: progress(round(100 * share), 100)
                )
            )
        rows.append(_row(resolution, "dense", grid.number_of_nodes, grid.number_of_nodes, seconds, truth, truth))
    found = {
        first: _timed(partial(extract, query, bounds, resolution, coarse=first))
        for first in FIRST_GRIDS
        if first <= resolution
    }
    compared = truth if truth is not None else found[max(found)][0].mesh
    for first, (extraction, seconds) in found.items():
        rows.append(
            _row(
                resolution,
                f"coarse to fine from {first}",
                extraction.queries,
                extraction.dense_queries,
                seconds,
                extraction.mesh,
                compared,
            )
        )
    if resolution >= 64:
        (probability, asked), seconds = _timed(lambda: pifu_octree(lambda p: SHARPNESS * query(p), grid))
        vertices, faces = pifu_mesh_size(probability)
        same = (vertices, faces) == (compared.number_of_vertices, compared.number_of_faces)
        rows.append(
            {
                "resolution": resolution,
                "method": "octree of PIFu from 64",
                "queries": asked,
                "percent_of_dense": 100 * asked / grid.number_of_nodes,
                "seconds": seconds,
                "vertices": vertices,
                "faces": faces,
                "mesh": "same counts" if same else "other counts",
            }
        )
    return rows


def _row(
    resolution: int, method: str, queries: int, dense_queries: int, seconds: float, mesh: Mesh, compared: Mesh
) -> dict[str, Any]:
    closed = "closed" if is_watertight(mesh.faces) else "NOT closed"
    return {
        "resolution": resolution,
        "method": method,
        "queries": queries,
        "percent_of_dense": 100 * queries / dense_queries,
        "seconds": seconds,
        "vertices": mesh.number_of_vertices,
        "faces": mesh.number_of_faces,
        "mesh": f"{agreement(mesh, compared, resolution)}, {closed}",
    }


def agreement(mesh: Mesh, other: Mesh, resolution: int) -> str:
    """Whether two meshes are the same, in words. A field may answer otherwise in the last bit when other points are
    asked with it: then the triangles are the same and the vertices a hundred thousandth of a cell apart."""
    if not torch.equal(mesh.faces, other.faces):
        return "DIFFERENT"
    if torch.equal(mesh.vertices, other.vertices):
        return "identical"
    cell = float((other.vertices.amax(0) - other.vertices.amin(0)).max()) / resolution
    apart = float((mesh.vertices - other.vertices).abs().max()) / cell
    return f"identical triangles, vertices to {apart:.0e} cells"


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started
