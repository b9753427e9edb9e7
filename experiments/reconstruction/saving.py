"""A reconstruction's folder: complete, or not there."""

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from PIL import Image

from datamodules.landmarks import write_landmarks
from experiments.errors import UserError
from experiments.reconstruction.outputs import FaceOutputs, landmark_rows, without_texture
from experiments.reconstruction.overlay import picture_of
from experiments.reconstruction.turntable import FRAME_MILLISECONDS
from models.geometry.files import write_mesh
from models.geometry.mesh import Mesh

MARK = "parameters.json"
"""The file by which a folder is known as a reconstruction, which may be replaced by a newer one."""


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Gives an empty folder beside the target; it takes the target's place when the block ends well.

    When the block raises, nothing of it stays and an earlier reconstruction is as before.

    Raises:
        UserError: the target holds something else than a reconstruction; the disk is full or may not be written.
    """
    empty = folder.is_dir() and not any(folder.iterdir())
    if folder.exists() and not empty and not (folder / MARK).is_file():
        raise UserError(f"{folder} exists and is no reconstruction of this program; choose another --out")
    whole = folder.resolve()  # "." has no name
    unfinished = whole.with_name(f".{whole.name}.{uuid4().hex[:8]}.unfinished")
    replaced = whole.with_name(f".{whole.name}.{uuid4().hex[:8]}.replaced")
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        if folder.exists():
            folder.rename(replaced)
        unfinished.rename(folder)
    except OSError as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        full = errno.ENOSPC in (error.errno, cause.errno)
        reason = "the disk is full" if full else (cause.strerror or str(error))
        remedy = "free some space or choose another --out" if full else "choose another --out"
        raise UserError(
            f"{folder} was not written, {reason}; nothing of it was kept, {remedy} and run again"
        ) from error
    finally:
        if replaced.exists() and not folder.exists():
            replaced.rename(folder)
        shutil.rmtree(replaced, ignore_errors=True)
        shutil.rmtree(unfinished, ignore_errors=True)


def save_outputs(outputs: FaceOutputs, folder: Path) -> None:
    """Writes everything into a folder of its own, whole or not at all (see `whole_folder` for errors)."""
    with whole_folder(folder) as target:
        save_mesh_files(outputs.coarse, target, "coarse")
        if outputs.fine is not None:
            save_mesh_files(outputs.fine, target, "fine")
        write_mesh(outputs.neutral, target / "neutral.ply")
        np.savetxt(target / "neutral.txt", outputs.neutral_landmarks.double().cpu().numpy(), fmt="%.7f")
        picture_of(outputs.texture.image).save(target / "texture.png")
        picture_of(outputs.texture.observed.expand(3, -1, -1)).convert("L").save(target / "texture_observed.png")
        if outputs.displacement is not None:
            outputs.displacement.picture().save(target / "displacement.png")
            np.save(target / "displacement_mm.npy", outputs.displacement.millimetres.cpu().numpy())
            write_json(outputs.displacement.description(), target / "displacement.json")
        for name, picture in outputs.pictures.items():
            picture.save(target / f"{name}.png")
        save_animation(outputs.turntable, target / "turntable.gif")
        write_landmarks(landmark_rows(outputs.landmarks), target / "landmarks.txt")
        write_json(outputs.values, target / MARK)


def save_mesh_files(mesh: Mesh, folder: Path, name: str) -> None:
    """One mesh as glb and obj with texture, and as ply with vertex colours."""
    write_mesh(mesh, folder / f"{name}.glb")
    write_mesh(mesh, folder / f"{name}.obj")
    write_mesh(without_texture(mesh), folder / f"{name}.ply")


def save_animation(frames: list[Image.Image], path: Path) -> None:
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0)


def write_json(values: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(values, indent=1, allow_nan=False) + "\n", encoding="utf-8")
