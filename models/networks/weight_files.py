"""Files of weights and checkpoints, read without running anything that they hold."""

import io
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.networks.half_precision_files import read_half_precision

SAFETENSORS = ".safetensors"


def read_weight_file(path: Path | str) -> Any:
    """What `torch.save` wrote, or `write_half_precision`, on the CPU, tensors and plain values only.

    Torch's own reader passes over the checksums of its files, so that a flipped bit would be a slightly other network;
    here they are compared first (files older than torch 1.6 have none).

    Raises FileNotFoundError, or ValueError with one sentence that names the file when it is damaged or holds more.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: give the path of a file of weights.")
    try:
        if path.suffix == SAFETENSORS:
            return read_half_precision(path)
        require_sound_archive(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files end in RuntimeError, UnpicklingError, EOFError, IndexError and more
        raise ValueError(
            f"{path} is damaged, cut short or holds more than weights ({path.stat().st_size} bytes): copy it again or "
            "use another one."
        ) from error


def read_state_dict(path: Path, member: str | None = None) -> dict[str, Tensor]:
    """Tensors by name: the whole file, or its `member`, which is empty where there is none.

    Raises FileNotFoundError, or ValueError that names the file when it is damaged or holds something else.
    """
    stored = read_weight_file(path)
    if member is not None and isinstance(stored, dict):
        stored = stored.get(member, {})
    if not isinstance(stored, dict) or not all(isinstance(value, Tensor) for value in stored.values()):
        raise ValueError(f"{path} holds something else than tensors by name: give a file of weights.")
    return stored


def loadable(path: Path | str) -> Path | io.BytesIO:
    """A checkpoint as torch's own reader takes it: its path, or, in half precision, what it holds, written anew.

    Raises as `read_weight_file` does.
    """
    path = Path(path)
    if path.suffix != SAFETENSORS:
        return path
    content = io.BytesIO()
    torch.save(read_weight_file(path), content)
    content.seek(0)
    return content


def require_sound_archive(path: Path) -> None:
    """Raises ValueError or zipfile.BadZipFile when a zip file differs from its checksums; any other file passes."""
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"the checksum of {damaged} in {path} is wrong: copy it again.")
