"""Synthetic motions in the layout of the Articulated Mesh Animation data (Vlasic et al. 2008), with its oddities."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from datamodules.synthetic.backgrounds import background
from datamodules.synthetic.body_light import draw_light
from datamodules.synthetic.body_photographs import photograph
from datamodules.synthetic.body_subjects import BodySubject, subject_of
from datamodules.synthetic.human_parameters import HumanParameters
from models.geometry.view_cameras import view_from_projection
from models.geometry.wavefront import write_obj

MOTIONS = ("crane", "march", "squat", "bouncing", "jumping", "samba", "swing", "handstand")
OLD_NAMES = ("march", "squat")
"""Their pictures are Camera{n}_{frame}.jpg and their calibrations camera{n}.Pmat.cal, as in the real data."""
CAMERAS = 8
REAL_SIZE = (1200, 1600)
MISSING_SHARE = 0.05
SHOWN_METRES = (2.9, 3.2)
"""In a picture's height: the feet stay above the rows, and the hands before the columns, that readers cut off."""


class SequenceCamera(NamedTuple):
    """One of the eight."""

    number: int
    """From 1."""
    intrinsics: np.ndarray
    """[3, 3] pixels."""
    projection: np.ndarray
    """[3, 4] pixels from metres of the sequence's world; of any scale and sign when the sequence has oddities."""


class Sequence(NamedTuple):
    """What is the same in all frames."""

    name: str
    old_names: bool
    world_from_scan: np.ndarray
    """[3, 4] metres of the world, whose up axis may be +y or +z, from centimetres of a scan."""
    cameras: list[SequenceCamera]
    size: tuple[int, int]


def sequence_name(index: int) -> str:
    """`S03_bouncing`: person and motion."""
    return f"S{index:02d}_{MOTIONS[index % len(MOTIONS)]}"


def write_articulated_sequence(
    root: Path,
    index: int,
    frames: list[HumanParameters],
    random: np.random.Generator,
    *,
    height: int,
    mesh_resolution: int,
    oddities: bool,
) -> None:
    """meshes/, images/, silhouettes/ and calibration/ of one sequence, and truth/ with the person of every frame."""
    sequence = _sequence(index, (height, round(height * REAL_SIZE[1] / REAL_SIZE[0])), random, oddities)
    folder = root / sequence.name
    for kind in ("meshes", "images", "silhouettes", "calibration", "truth"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for camera in sequence.cameras:
        _write_calibration(folder / "calibration", sequence, camera)
    light = draw_light(random)
    walls = [_wall(random, sequence.size) for _ in sequence.cameras]
    missing = random.random((len(frames), CAMERAS)) < (MISSING_SHARE if oddities else 0)
    missing[0] = False
    for number, parameters in enumerate(frames):
        subject = subject_of(parameters, mesh_resolution)
        world = _world_from_body(sequence, subject)
        vertices = subject.mesh.vertices @ world[:, :3].T.float() + world[:, 3].float()
        write_obj(type(subject.mesh)(vertices, subject.mesh.faces), folder / "meshes" / f"mesh_{number:04d}.obj")
        (folder / "truth" / f"subject_{number:04d}.json").write_text(parameters.to_json(), encoding="utf-8")
        for camera, wall, absent in zip(sequence.cameras, walls, missing[number]):
            junk_seed = int(random.integers(1 << 31))
            if absent:
                continue
            view = camera_view(camera.projection, world, sequence.size)
            picture = photograph(subject.field, subject.mesh, view, sequence.size, light, sky=subject.sky)
            pixels = torch.where(picture.mask > 0, picture.image, wall)
            stem = f"{camera.number}_{number:04d}"
            image = f"Camera{stem}.jpg" if sequence.old_names else f"Image{stem}.png"
            _as_image(pixels).save(folder / "images" / image, quality=95, compress_level=1)
            silhouette = (picture.mask[0] * 255).byte().numpy()
            if oddities:
                add_junk(silhouette, sequence.name, camera.number, junk_seed)
            Image.fromarray(silhouette).save(folder / "silhouettes" / f"Silhouette{stem}.png", compress_level=1)


def camera_view(projection: np.ndarray, world_from_body: Tensor, size: tuple[int, int]) -> Tensor:
    """[4, 4] view of a body that stands in the world."""
    below = torch.tensor([[0.0, 0, 0, 1]], dtype=torch.float64)
    return view_from_projection(torch.from_numpy(projection) @ torch.cat([world_from_body, below]), size)


def junk_region(name: str, camera: int) -> tuple[slice, slice] | None:
    """Rows and columns (of 1200 x 1600 pixels) in which the real silhouettes of a camera hold what is no person."""
    if camera == 2 and name.endswith(OLD_NAMES):
        return slice(1000, None), slice(None)
    if camera == 5 and name.endswith(("march", "D_squat")):
        return slice(None), slice(1420, None)
    if camera in (4, 5):
        return slice(None), slice(1455, None)
    return None


def add_junk(silhouette: np.ndarray, name: str, camera: int, seed: int) -> None:
    """Draws patches into the region where the real silhouettes of this camera have them."""
    region = junk_region(name, camera)
    if region is None:
        return
    height, width = silhouette.shape
    start_row = math.ceil((region[0].start or 0) * height / REAL_SIZE[0])
    start_column = math.ceil((region[1].start or 0) * width / REAL_SIZE[1])
    corner = silhouette[start_row:, start_column:]
    random = np.random.default_rng(seed)
    for _ in range(3):
        row, column = random.integers(corner.shape[0]), random.integers(corner.shape[1])
        corner[row : row + max(height // 12, 2), column : column + max(width // 20, 2)] = 255


def _sequence(index: int, size: tuple[int, int], random: np.random.Generator, oddities: bool) -> Sequence:
    up_is_z = index % 2 == 1
    axes = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]) if up_is_z else np.eye(3)
    place = axes @ np.array([random.uniform(-0.5, 0.5), 0, random.uniform(-0.5, 0.5)])
    world_from_scan = np.concatenate([axes * 0.01, place[:, None]], 1)
    first = random.uniform(0, 2 * math.pi)
    cameras = []
    for number in range(1, CAMERAS + 1):
        angle = first + 2 * math.pi * (number - 1 + random.uniform(-0.2, 0.2)) / CAMERAS
        distance, above = random.uniform(3.6, 4.6), random.uniform(0.6, 2.2)
        eye = np.array([distance * math.sin(angle), above, distance * math.cos(angle)])
        target = np.array([random.uniform(-0.1, 0.1), 0.85, random.uniform(-0.1, 0.1)])
        rotation = _looking(eye, target)
        focal = size[0] * np.linalg.norm(eye - target) / random.uniform(*SHOWN_METRES)
        intrinsics = np.array([[focal, 0, size[1] / 2], [0, focal, size[0] / 2], [0, 0, 1]])
        intrinsics[:2, 2] += random.uniform(-0.01, 0.01, 2) * size[0]
        turned = rotation @ axes.T
        from_world = np.concatenate([turned, (-turned @ (axes @ eye + place))[:, None]], 1)
        any_scale = random.uniform(0.5, 2) * (-1 if number == 7 else 1)
        cameras.append(SequenceCamera(number, intrinsics, intrinsics @ from_world * (any_scale if oddities else 1)))
    return Sequence(sequence_name(index), sequence_name(index).endswith(OLD_NAMES), world_from_scan, cameras, size)


def _looking(eye: np.ndarray, target: np.ndarray) -> np.ndarray:
    """[3, 3] rows x right, y down, z forward."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 1, 0])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


def _world_from_body(sequence: Sequence, subject: BodySubject) -> Tensor:
    """[3, 4] float64."""
    linear, place = sequence.world_from_scan[:, :3], sequence.world_from_scan[:, 3]
    return torch.from_numpy(
        np.concatenate([linear / subject.scale, (linear @ subject.scan_centre_cm + place)[:, None]], 1)
    )


def _write_calibration(folder: Path, sequence: Sequence, camera: SequenceCamera) -> None:
    name = f"{'camera' if sequence.old_names else 'Camera'}{camera.number}"
    rows = "".join(" ".join(f"{value:.12g}" for value in row) + "\n" for row in camera.projection)
    (folder / f"{name}.Pmat.cal").write_text(rows)
    k = [f"K{i + 1}{j + 1} = {camera.intrinsics[i, j]:.12g}\n" for i in range(3) for j in range(3)]
    (folder / f"{name}.rad").write_text("".join(k) + "".join(f"kc{i} = 0\n" for i in range(1, 5)))


def _wall(random: np.random.Generator, size: tuple[int, int]) -> Tensor:
    """[3, h, w] what stands behind the person."""
    square = background(random, max(size))[: size[0], : size[1]]
    return torch.from_numpy(np.ascontiguousarray(square)).permute(2, 0, 1)


def _as_image(pixels: Tensor) -> Image.Image:
    return Image.fromarray((pixels.permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy())
