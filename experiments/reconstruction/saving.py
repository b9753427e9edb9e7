"""A reconstruction's folder: complete, or not there."""

import errno
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from PIL import Image

from experiments.errors import UserError
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


def refuse_to_replace(sources: Iterable[Path], out: Path) -> None:
    """Raises UserError where the results would take the place of a reconstruction that they are made from."""
    for source in sources:
        if out.resolve() == source.resolve():
            raise UserError(f"--out {out} is the reconstruction that the results are made from; give another folder")


def save_mesh_files(mesh: Mesh, folder: Path, name: str) -> None:
    """One mesh as glb and obj with texture, and as ply with vertex colours."""
    write_mesh(mesh, folder / f"{name}.glb")
    write_mesh(mesh, folder / f"{name}.obj")
    write_mesh(without_texture(mesh), folder / f"{name}.ply")


def save_animation(frames: list[Image.Image], path: Path) -> None:
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0)


def write_json(values: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(values, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def without_texture(mesh: Mesh) -> Mesh:
    """The same mesh with its texture's colour at every vertex, for formats and programs without textures."""
    if mesh.texture is None or mesh.uv is None or mesh.face_uv is None:
        return mesh
    h, w = mesh.texture.shape[1:]
    corner_uv = mesh.uv[mesh.face_uv].flatten(0, 1)
    columns = (corner_uv[:, 0] * w).long().clamp(0, w - 1)
    rows = ((1 - corner_uv[:, 1]) * h).long().clamp(0, h - 1)
    colours = torch.zeros_like(mesh.vertices)
    colours[mesh.faces.flatten()] = mesh.texture[:, rows, columns].T.to(colours)
    return Mesh(mesh.vertices, mesh.faces, vertex_colors=colours)
