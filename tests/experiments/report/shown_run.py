"""A run's folder with every part that a page can show, written by hand: no training is needed to look at one."""

import json
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image, ImageDraw

from models.geometry.files import write_mesh
from models.geometry.mesh import Mesh
from models.geometry.primitives import icosphere

CONFIG = {
    "seed_everything": 0,
    "trainer": {"max_epochs": 3},
    "model": {"class_path": "lightning_modules.clothing.Clothing", "init_args": {"learning_rate": 0.001}},
    "data": {"class_path": "datamodules.cub.CubDataModule", "init_args": {"root": "/nowhere/birds", "workers": 2}},
}
SAMPLES = {0: 0.9, 1: 0.2, 2: 0.5, 3: 0.7, 4: 0.1}
"""mask_iou_soft of the test samples."""


def write_shown_run(folder: Path, *, seed: int = 0, config: dict | None = None, command: str = "threefold fit") -> Path:
    """A tested run with curves, panels of five epochs, a textured, a coloured and a bare mesh."""
    write_begun_run(folder, seed=seed, config=config, command=command)
    figures = {"test/mask_iou_cmr": 0.6 + 0.1 * seed, "test/ssim": 0.5, "test/pictures": 5.0, "test/lpips": None}
    (folder / "metrics.json").write_text(json.dumps({"fit": {"train/loss": 0.5}, "test": figures}))
    rows = [f"{index}.0,{value},{1 - value}" for index, value in SAMPLES.items()]
    (folder / "test_samples.csv").write_text("\n".join(["index,mask_iou_soft,chamfer", *rows]) + "\n")
    (folder / "panels").mkdir()
    for epoch in range(5):
        write_panel(folder / "panels" / f"epoch-{epoch:04d}.png", epoch)
    write_panel(folder / "panels" / "test.png", 9)
    for name, mesh in (("textured", textured_ball()), ("bare", ball())):
        write_mesh(mesh, folder / "meshes" / f"{name}.glb")
    write_mesh(coloured_ball(), folder / "meshes" / "coloured.ply")
    return folder


def write_begun_run(folder: Path, *, seed: int = 0, config: dict | None = None, command: str = "threefold fit") -> Path:
    """What a run holds in the middle of its training: configuration, origin, curves."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump({**CONFIG, "seed_everything": seed, **(config or {})}))
    entry = {
        **{"command": command, "commit": "0123456789abcdef", "seed": seed, "started": "2026-01-02T03:04:05+00:00"},
        "hardware": {"processor": "A Processor", "cores": 2, "torch_threads": 1, "gpus": []},
        "data": {"root": "/nowhere/birds", "sha256": "feed", "files": 12, "bytes": 3 << 20, "covers": "all"},
    }
    (folder / "provenance.json").write_text(json.dumps({"fit": entry}))
    rows = [f"{epoch},{epoch * 10},{1 / (epoch + 1)},{0.5 + epoch / 10}" for epoch in range(4)]
    (folder / "metrics.csv").write_text("\n".join(["epoch,step,train/loss,val/ssim", *rows]) + "\n")
    return folder


def write_panel(path: Path, number: int) -> None:
    picture = Image.fromarray(np.full((128, 200, 3), 40 * (number % 6), np.uint8))
    ImageDraw.Draw(picture).ellipse([20 + 8 * number, 20, 90 + 8 * number, 110], fill=(200, 120, 40))
    picture.save(path)


def ball(level: int = 3) -> Mesh:
    sphere = icosphere(level)
    return Mesh(sphere.vertices.float() * torch.tensor([0.3, 0.5, 0.2]), sphere.faces)


def coloured_ball() -> Mesh:
    mesh = ball()
    return Mesh(mesh.vertices, mesh.faces, vertex_colors=(mesh.vertices + 0.5).clamp(0, 1))


def textured_ball() -> Mesh:
    """Red and blue halves."""
    mesh = ball()
    uv = mesh.vertices[:, :2] + 0.5
    texture = torch.zeros(3, 16, 16)
    texture[0, :, :8], texture[2, :, 8:] = 1, 1
    return Mesh(mesh.vertices, mesh.faces, uv=uv, face_uv=mesh.faces, texture=texture)
