"""Which file is what in a sequence of the Articulated Mesh Animation data, however its names are spelt."""

import re
from pathlib import Path
from typing import NamedTuple

from datamodules.pictures import PICTURE_SUFFIXES

MESH_NAME = re.compile(r"mesh_?(\d+)\.(?:obj|ply)$", re.IGNORECASE)
PICTURE_NAME = re.compile(r"(?:image|camera)(\d+)_(\d+)$", re.IGNORECASE)
SILHOUETTE_NAME = re.compile(r"(?:silhouette|image|camera)(\d+)_(\d+)$", re.IGNORECASE)
CAMERA_NAME = re.compile(r"camera(\d+)\.pmat\.cal$", re.IGNORECASE)
LENS_NAME = re.compile(r"camera(\d+)\.rad$", re.IGNORECASE)


class SequenceFiles(NamedTuple):
    """Files by what they show; keys are frames, cameras or (camera, frame), frames counted as the meshes are."""

    name: str
    meshes: dict[int, Path]
    pictures: dict[tuple[int, int], Path]
    silhouettes: dict[tuple[int, int], Path]
    cameras: dict[int, Path]
    lenses: dict[int, Path]


def sequence_files(folder: Path) -> SequenceFiles:
    """Names are compared without case: Image1_0000.png and Camera1_0000.jpg, Camera1.Pmat.cal and camera1.Pmat.cal.

    Where pictures are counted from another number than meshes, the first ones are taken to belong together.
    """
    meshes = {(0, frame): path for (frame,), path in _matches(folder, "meshes", MESH_NAME, suffix=True)}
    pictures = dict(_matches(folder, "images", PICTURE_NAME))
    silhouettes = dict(_matches(folder, "silhouettes", SILHOUETTE_NAME))
    first = min((frame for _, frame in meshes), default=0)
    return SequenceFiles(
        folder.name,
        {frame: path for (_, frame), path in meshes.items()},
        _counted_from(first, pictures),
        _counted_from(first, silhouettes),
        {camera: path for (camera,), path in _matches(folder, "calibration", CAMERA_NAME, suffix=True)},
        {camera: path for (camera,), path in _matches(folder, "calibration", LENS_NAME, suffix=True)},
    )


def _matches(folder: Path, kind: str, name: re.Pattern, *, suffix: bool = False) -> list[tuple[tuple[int, ...], Path]]:
    """Numbers in the names and paths of `folder`/`kind`/*, in the order of the names."""
    folders = [path for path in folder.iterdir() if path.is_dir() and path.name.lower() == kind]
    found = []
    for path in sorted(path for each in folders for path in each.iterdir()):
        if not suffix and path.suffix.lower() not in PICTURE_SUFFIXES:
            continue
        match = name.match(path.name if suffix else path.stem)
        if match:
            found.append((tuple(int(number) for number in match.groups()), path))
    return found


def _counted_from(first: int, files: dict[tuple[int, ...], Path]) -> dict[tuple[int, int], Path]:
    offset = first - min((frame for _, frame in files), default=first)
    return {(camera, frame + offset): path for (camera, frame), path in files.items()}
