"""Synthetic people in the layout of PIFu's prepared RenderPeople data, and the truth behind them."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from datamodules.body_maps import write_depth_map, write_normal_map
from datamodules.synthetic.body_light import draw_light, turned_light
from datamodules.synthetic.body_photographs import SUPERSAMPLING, BodyPicture, colours, developed
from datamodules.synthetic.body_samples import BodySamples, near_and_far_samples
from datamodules.synthetic.body_subjects import BodySubject
from datamodules.synthetic.human_bands import band_truth
from datamodules.synthetic.pifu_textures import PifuTextures
from models.geometry.view_cameras import orthographic_views, perspective_views
from models.geometry.wavefront import write_obj

JPEG_FROM_SIZE = 512
"""PIFu's pictures are JPEG; smaller ones would lose too much and are PNG."""
LIGHT_TURN = 0.1 * math.pi
"""The environment turns by up to +-18 degrees from picture to picture, as in PIFu's renderer."""
BAND_POINTS = 4000
NEAREST_CAMERA_CM, FARTHEST_CAMERA_CM = 300.0, 500.0


class PifuView(NamedTuple):
    """One line of sight of one person."""

    yaw_degrees: int
    view_from_body: Tensor
    near: BodySamples
    far: BodySamples


def write_pifu_subject(
    root: Path,
    name: str,
    subject: BodySubject,
    random: np.random.Generator,
    *,
    size: int,
    yaws: int,
    lights: int,
    perspective: bool,
    uv: bool,
) -> None:
    """RENDER, MASK, PARAM, GEO and with `uv` the four UV folders of one person; beside them NORMAL, DEPTH and TRUTH."""
    folders = {kind: root / kind / name for kind in ("RENDER", "MASK", "PARAM", "NORMAL", "DEPTH", "TRUTH")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    distance_cm = random.uniform(NEAREST_CAMERA_CM, FARTHEST_CAMERA_CM) if perspective else None
    environments = [draw_light(random) for _ in range(lights)]
    turns = random.uniform(-LIGHT_TURN, LIGHT_TURN, (yaws, lights))
    suffix = ".jpg" if size >= JPEG_FROM_SIZE else ".png"
    textures = PifuTextures(root, name, subject) if uv else None
    for view in pifu_views(subject, size, [round(360 * k / yaws) for k in range(yaws)], distance_cm):
        colour = colours(subject.field, view.near, subject.sky)
        for number, environment in enumerate(environments):
            light = turned_light(environment, turns[round(view.yaw_degrees * yaws / 360), number])
            picture = developed(view.view_from_body, view.near, view.far, colour, light)
            stem = f"{view.yaw_degrees}_0_{number:02d}"
            _write_picture(picture, folders, stem, suffix)
            if textures is not None:
                textures.write_render(stem, view.view_from_body, light)
            write_param(
                folders["PARAM"] / f"{stem}.npy",
                subject.scale,
                subject.scan_centre_cm,
                view.yaw_degrees,
                size,
                light,
                distance_cm,
            )
    scan = subject.scanned() if textures is None else textures.with_coordinates(subject.scanned())
    write_obj(scan, root / "GEO" / "OBJ" / name / f"{name}_100k.obj")
    (folders["TRUTH"] / "subject.json").write_text(subject.parameters.to_json(), encoding="utf-8")
    _write_bands(folders["TRUTH"] / "bands.npz", subject, random)


def pifu_views(
    subject: BodySubject, size: int, yaws_degrees: list[int], distance_cm: float | None
) -> Iterator[PifuView]:
    """The far surface of a parallel view is the near one of the opposite view: each is looked for once."""
    samples = (size * SUPERSAMPLING, size * SUPERSAMPLING)
    waiting = list(yaws_degrees)
    while waiting:
        yaw = waiting.pop(0)
        opposite = (yaw + 180) % 360
        paired = distance_cm is None and opposite in waiting
        view = pifu_view(yaw, distance_cm)
        near, far = near_and_far_samples(subject.field, subject.mesh, view, samples, far=not paired)
        if not paired:
            assert far is not None
            yield PifuView(yaw, view, near, far)
            continue
        waiting.remove(opposite)
        view_back = pifu_view(opposite, None)
        back, _ = near_and_far_samples(subject.field, subject.mesh, view_back, samples, far=False)
        yield PifuView(yaw, view, near, back.from_behind())
        yield PifuView(opposite, view_back, back, near.from_behind())


def pifu_view(yaw_degrees: int, distance_cm: float | None) -> Tensor:
    """[4, 4]"""
    views = orthographic_views(torch.tensor([math.radians(yaw_degrees)]))
    return (views if distance_cm is None else perspective_views(views, torch.tensor([distance_cm])))[0]


def _write_picture(picture: BodyPicture, folders: dict[str, Path], stem: str, suffix: str) -> None:
    pixels = (picture.image.permute(1, 2, 0) * 255).round().byte().numpy()
    Image.fromarray(pixels).save(folders["RENDER"] / f"{stem}{suffix}", quality=95, compress_level=1)
    mask = (picture.mask[0] * 255).byte().numpy()
    Image.fromarray(mask).save(folders["MASK"] / f"{stem}.png", compress_level=1)
    write_normal_map(picture.front_normals, folders["NORMAL"] / f"{stem}_front.png")
    write_normal_map(picture.back_normals, folders["NORMAL"] / f"{stem}_back.png")
    write_depth_map(picture.front_depth, picture.mask, folders["DEPTH"] / f"{stem}_front.png")
    write_depth_map(picture.back_depth, picture.mask, folders["DEPTH"] / f"{stem}_back.png")


def write_param(
    path: Path,
    scale: float,
    centre: np.ndarray,
    yaw_degrees: int,
    size: int,
    light: Tensor,
    distance_cm: float | None,
) -> None:
    """PIFu's pickled dictionary; with one entry more, camera_distance (cm of the body frame), for perspective."""
    angle = math.radians(yaw_degrees)
    c, s = math.cos(angle), math.sin(angle)
    param: dict[str, Any] = {
        "sh": light.numpy(),
        "ortho_ratio": 0.4 * (512 / size),
        "scale": scale,
        "center": centre,
        "R": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
    }
    if distance_cm is not None:
        param["camera_distance"] = distance_cm
    np.save(path, np.array(param, dtype=object), allow_pickle=True)


def _write_bands(path: Path, subject: BodySubject, random: np.random.Generator) -> None:
    generator = torch.Generator().manual_seed(int(random.integers(1 << 62)))
    truth = band_truth(subject.parameters, BAND_POINTS, generator, mesh=subject.mesh)
    np.savez(path, **{name: values.numpy() for name, values in truth._asdict().items()})
