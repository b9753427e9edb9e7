"""What is read after training: runs to compare, meshes to judge, photographs to reconstruct, and reconstructions."""

import contextlib
import io
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from datamodules.landmarks import write_landmarks
from datamodules.synthetic.bodies import synthesize_bodies
from datamodules.synthetic.human_draws import draw_human
from datamodules.synthetic.human_field import HumanField
from datamodules.synthetic.human_mesh import human_mesh
from experiments.benchmarks.corruption_loader import Loader, Told
from experiments.commands.compare import compare
from experiments.reconstruction.bodies.calibration import articulated_views, described_views
from experiments.reconstruction.bodies.people import Hints, person_in_picture
from experiments.reconstruction.clothing.photos import garment_in_picture
from experiments.reconstruction.clothing.reading import read_garment
from experiments.reconstruction.clothing.template_history import read_history
from experiments.reconstruction.faces import photos as face_photos
from experiments.reconstruction.faces.reading import read_displacement, read_texture, read_values
from experiments.reconstruction.saving import MARK
from metrics.body_folders import evaluate_body_folder
from metrics.scan_folders import evaluate_scan_folder
from models.clothing.template import ellipsoid_template
from models.geometry.files import write_mesh
from models.geometry.mesh import Mesh
from models.geometry.primitives import uv_sphere

WIDTH, HEIGHT = 80, 120


def make_runs(root: Path) -> None:
    for seed in range(3):
        run = root / f"pifu-{seed}"
        run.mkdir(parents=True)
        figures = {"test/p2s_cm": 1.25 + 0.1 * seed, "test/iou_volume": 0.8, "test/chamfer_l2_cm2": None}
        (run / "metrics.json").write_text(json.dumps({"fit": {"loss": 0.5}, "test": figures}, indent=2))
        (run / "provenance.json").write_text(json.dumps({"fit": {"seed": seed, "commit": "0" * 40}}, indent=2))
    evaluation = {"summary": {"p2s_cm": 2.0, "iou_volume": 0.7}, "settings": {"seed": 0}, "origin": {"commit": "0"}}
    (root / "icon.json").write_text(json.dumps(evaluation, indent=2))


def compare_runs(root: Path) -> Any:
    runs, out = [*(root / f"pifu-{seed}" for seed in range(3)), root / "icon.json"], root.with_name("table")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            compare([str(run) for run in runs], out, methods=["pifu", "pifu", "pifu", "icon"], page=False)
        tables = [(out / name).read_text().replace(str(root), "") for name in ("table.csv", "table.md")]
        stored = json.loads((out / "table.json").read_text())["metrics"]
    finally:
        shutil.rmtree(out, ignore_errors=True)
    return tables, stored


def make_bodies(root: Path) -> None:
    for seed, suffix in enumerate((".obj", ".glb")):
        body = human_mesh(HumanField(draw_human(seed)), 40)
        write_mesh(Mesh(body.vertices / 100, body.faces), root / "gt" / f"person_{seed}{suffix}")
        write_mesh(Mesh(1.01 * body.vertices / 100, body.faces), root / "pred" / f"person_{seed}{suffix}")


def judge_bodies(root: Path) -> Any:
    scores = evaluate_body_folder(root / "pred", root / "gt", points=100, volume_points=100, normal_size=32)
    failures = (*scores.without_prediction, *scores.empty_predictions, *scores.inside_out_predictions)
    others = (*scores.without_truth, *scores.open_truths)
    return Told(scores.rows, tuple(f"{name} is named in the report" for name in (*failures, *others)))


def make_scans(root: Path) -> None:
    for number, subject in enumerate(("anna", "ben")):
        ball = uv_sphere(14, 15)
        vertices = 90 * ball.vertices.float() * torch.tensor([0.8, 1.0, 0.9])
        chosen = vertices[:: len(vertices) // 7][:7]
        folders = (root / "scans" / subject / "scan", root / "pred" / subject / "neutral" / "IMG_0001")
        for stem, suffix, scale in zip(folders, (".obj", ".ply"), (1.0, 1e-3)):
            write_mesh(Mesh(scale * vertices, ball.faces), stem.with_suffix(suffix))
            points = scale * chosen.double().numpy()
            if number:
                np.savetxt(stem.with_suffix(".txt"), points)
            else:
                np.save(stem.with_suffix(".npy"), points)


def judge_scans(root: Path) -> Any:
    errors = evaluate_scan_folder(root / "pred", root / "scans")
    missing = tuple(f"{name} has no prediction" for name in errors.subjects_without_prediction)
    return Told((errors.pooled, errors.median_of_prediction_mm), missing)


def figure(seed: int, alpha: bool = False) -> tuple[Image.Image, Image.Image]:
    """A photograph of noise with somebody in it, and the mask."""
    noise = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    picture, mask = Image.fromarray(noise), Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(mask).ellipse((20, 10, 60, 110), fill=255)
    if alpha:
        picture.putalpha(mask)
    return picture, mask


def make_views(root: Path) -> None:
    root.mkdir(parents=True)
    entries = []
    for k in range(3):
        picture, mask = figure(k)
        picture.save(root / f"view{k}.jpg", quality=90)
        mask.save(root / f"mask{k}.png")
        entries.append({"picture": f"view{k}.jpg", "mask": f"mask{k}.png", "yaw": 120.0 * k})
    (root / "views.json").write_text(json.dumps({"views": entries}, indent=1))
    projected = []
    for entry in entries:
        angle = math.radians(entry.pop("yaw"))
        c, s = math.cos(angle), math.sin(angle)
        rotation = np.array([[c, 0, -s], [0, -1, 0], [-s, 0, -c]])
        outer = np.concatenate([rotation, [[0], [0], [400.0]]], 1)
        inner = np.array([[230.0, 0, 40], [0, 230, 60], [0, 0, 1]])
        projected.append({**entry, "projection": (inner @ outer).tolist()})
    (root / "projections.json").write_text(json.dumps({"views": projected}, indent=1))


def read_views(root: Path) -> Any:
    yaws, _ = described_views(root / "views.json")
    views, frame = described_views(root / "projections.json")
    assert frame is not None
    return yaws, views, [value for value in vars(frame).values() if isinstance(value, torch.Tensor)]


def make_frame(root: Path) -> None:
    synthesize_bodies(root, number=1, size=96, layout="articulated", frames=1, mesh_resolution=64, oddities=False)


def read_frame(root: Path) -> Any:
    views, _ = articulated_views(next(path for path in root.iterdir() if path.is_dir()), None)
    return views


def make_photos(root: Path) -> None:
    root.mkdir(parents=True)
    for k, suffix in enumerate((".jpg", ".png", ".webp", ".bmp", ".tiff")):
        picture, mask = figure(k)
        picture.save(root / f"photo{k}{suffix}", quality=90)
        mask.save(root / f"photo{k}_mask.png")
        classes = Image.fromarray((np.asarray(mask) > 0).astype(np.uint8))
        classes.save(root / f"photo{k}_classes.png")
        turn = np.linspace(0, 2 * math.pi, 68, endpoint=False)
        points = np.stack([40 + 18 * np.cos(turn), 60 + 30 * np.sin(turn)], 1)
        write_landmarks(points, root / f"photo{k}.txt")
    figure(9, alpha=True)[0].save(root / "cut_out.png")


def read_photos(root: Path) -> Any:
    seen: list[Any] = [person_in_picture(root / "cut_out.png", Hints())]
    for k, suffix in enumerate((".jpg", ".png", ".webp", ".bmp", ".tiff")):
        photo, mask = root / f"photo{k}{suffix}", root / f"photo{k}_mask.png"
        hints = face_photos.Hints(landmarks=root / f"photo{k}.txt", mask=root / f"photo{k}_classes.png")
        seen.append(face_photos.face_in_photo(photo, hints))
        seen.append(garment_in_picture(photo, Hints(mask=mask), (64, 32)))
    return seen


def make_reconstructions(root: Path) -> None:
    """The files of a garment and of a face as `threefold reconstruct` leaves them, and a run's templates."""
    template = ellipsoid_template()
    garment, face, run = root / "garment", root / "face", root / "run" / "template"
    for folder in (garment, face, run):
        folder.mkdir(parents=True)
    random = torch.Generator().manual_seed(0)
    mesh = Mesh(
        template.vertices.float(),
        template.faces,
        template.uv.float(),
        template.face_uv,
        torch.rand(3, 16, 16, generator=random),
    )
    write_mesh(mesh, garment / "mesh.glb")
    values = {
        "kind": "clothing",
        "crop_size": [128, 64],
        "camera": {
            "azimuth_degrees": 12.5, "elevation_degrees": 3.25, "distance": 4.5, "offset": [0.1, 0.2],
            "principal": [0.0, 0.0],
        },
        "light": {"values": [0.5] * 9},
    }  # fmt: skip
    (garment / MARK).write_text(json.dumps(values, indent=1))
    (face / MARK).write_text(json.dumps({"kind": "face", "identity": {"values": [0.25] * 10}}, indent=1))
    np.save(face / "displacement_mm.npy", np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32))
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(face / "texture.png")
    for epoch in (0, 5):
        write_mesh(Mesh(template.vertices.float() * (1 + epoch), template.faces), run / f"epoch-{epoch:04d}.obj")


def read_reconstructions(root: Path) -> Any:
    face = root / "face"
    return (
        read_garment(root / "garment"),
        read_values(face),
        read_displacement(face / "displacement_mm.npy"),
        read_texture(face / "texture.png"),
        read_history(root / "run"),
    )


USES = (
    Loader("compare", make_runs, compare_runs, optional=("*/provenance.json",), free_names=("*.json",)),
    Loader("evaluate bodies", make_bodies, judge_bodies),
    Loader("evaluate faces", make_scans, judge_scans, named_by=lambda path: path.parts[-3:-1]),
    Loader("reconstruct views", make_views, read_views),
    Loader(
        "reconstruct frame",
        make_frame,
        read_frame,
        unread=("dataset.json", "*/meshes/*", "*/truth/*", "*.rad"),
        optional=("*/images/*", "*/silhouettes/*", "*/calibration/*"),
    ),
    Loader("reconstruct photos", make_photos, read_photos),
    Loader("reconstructions", make_reconstructions, read_reconstructions, optional=("run/template/*",)),
)
