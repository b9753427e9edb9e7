"""`threefold bench body-pipeline`: what is lost between a perfect network and the number in a table.

The network is replaced by the field of a procedural person, seen through the calibration of a cropped picture: points
go into the view frame and back, then calibration, grid, marching cubes, export, reading and measures do what they
always do. A shift of half a voxel would cost 0.2 to 0.4 cm.
"""

import json
import math
import tempfile
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from datamodules.synthetic.human_draws import draw_human
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_mesh import human_mesh
from lightning_modules.callbacks.provenance import origin
from metrics.body_scores import body_scores
from models.bodies.body_mesh import body_mesh
from models.geometry.files import read_mesh, write_mesh
from models.geometry.grids import Query
from models.geometry.view_cameras import body_points_from_view, crop_views, orthographic_views, project_to_views

REPORTED = ("p2s_cm", "s2p_cm", "chamfer_l2_cm2", "iou_volume", "components", "watertight")
PICTURE = (512, 512)


def benchmark_body_pipeline(
    json_file: Path | None, *, people: int = 5, resolution: int = 256, truth_resolution: int = 512
) -> dict[str, dict[str, float]]:
    """Prints and returns the scores of each person, and the means under "mean".

    Args:
        json_file: where the numbers go, with commit and hardware; None writes nothing.
        people: procedural persons, seeds 0, 1, 2 …
        resolution: cells along the side of the box for the meshes that are measured.
        truth_resolution: cells for the meshes that stand for the true surfaces; their vertices lie on the field.
    """
    rows = {}
    for seed in tqdm(range(people), desc="measure", unit="person"):
        rows[str(seed)] = person_row(seed, resolution, truth_resolution)
    rows["mean"] = {name: sum(row[name] for row in rows.values()) / people for name in REPORTED}
    for name, row in rows.items():
        print(f"{name:<6}" + "".join(f"{column} {row[column]:.4f}   " for column in REPORTED))
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        settings = {"people": people, "resolution": resolution, "truth_resolution": truth_resolution}
        json_file.write_text(json.dumps({"origin": origin(), "settings": settings, "scores": rows}, indent=2) + "\n")
    return rows


def person_row(seed: int, resolution: int, truth_resolution: int) -> dict[str, float]:
    """The scores of one person."""
    field = HumanField(draw_human(seed))
    mesh = body_mesh(seen_through_a_crop(field), resolution)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "person.glb"
        write_mesh(mesh.with_vertices(mesh.vertices / 100), path)
        read = read_mesh(path)
    predicted = read.with_vertices(read.vertices * 100)
    scores = body_scores(predicted, human_mesh(field, truth_resolution), normal_size=0)
    return {name: scores[name] for name in REPORTED}


def seen_through_a_crop(field: HumanField) -> Query:
    """The person's field, asked at what the calibration of a cropped picture says about each point."""
    whole = orthographic_views(torch.tensor([math.radians(30)]))
    view = crop_views(whole, left=37, top=5, width=450, height=503, size=PICTURE)

    def query(points_cm: Tensor) -> Tensor:
        seen = project_to_views(view[None], points_cm[None])
        return -field(body_points_from_view(view[0], seen.position[0, 0], seen.depth[0, 0]))

    return query
