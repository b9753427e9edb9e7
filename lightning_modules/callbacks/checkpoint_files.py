"""Checkpoints on disk: whole or not there, and the one before the last kept until its successor lies in place."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from models.networks.weight_files import SAFETENSORS, read_weight_file

LAST = "last.ckpt"
"""What a run goes on from."""
BEFORE_LAST = "before-last.ckpt"
"""What it goes on from when the last one is damaged."""


class CheckpointFiles(TorchCheckpointIO):
    """Writes each checkpoint beside its place first, and moves it there when every byte is on the disk; a process that
    is killed meanwhile leaves the earlier file as it was. Reads tensors and plain values only, never code.

    Saving raises OSError with the file's name when the disk is full or cannot be written; nothing is lost then.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        write_checkpoint(checkpoint, Path(path))

    def load_checkpoint(
        self, path: Any, map_location: Callable | None = lambda storage, _: storage, weights_only: bool | None = None
    ) -> dict[str, Any]:
        if Path(path).suffix == SAFETENSORS:
            return read_weight_file(path)
        return super().load_checkpoint(path, map_location, weights_only=True)


def write_checkpoint(checkpoint: dict[str, Any], path: Path) -> None:
    """Replaces a file by a checkpoint, in one step; see `CheckpointFiles`."""
    content = io.BytesIO()
    torch.save(checkpoint, content)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        if path.name == LAST and path.exists():
            keep(path, path.with_name(BEFORE_LAST))
        os.replace(unfinished, path)
        flush_folder(path.parent)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def keep(path: Path, other: Path) -> None:
    """Gives a file a second name, in place of what had it; there is no moment without either."""
    linked = other.with_name(f".{other.name}.unfinished")
    linked.unlink(missing_ok=True)
    try:
        os.link(path, linked)
    except OSError:  # a file system without hard links
        os.replace(path, other)
        return
    os.replace(linked, other)


def flush_folder(folder: Path) -> None:
    """Puts the names in a folder on the disk, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
