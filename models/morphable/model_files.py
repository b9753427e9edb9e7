"""Opening model files: present, complete, and saying what to do when they are not."""

import hashlib
from pathlib import Path

import numpy as np
from numpy import ndarray

from models.geometry.mat_files import read_mat


def require_file(path: Path, what: str, where: str) -> Path:
    """The path, when the file is there.

    Raises:
        FileNotFoundError: names the file, the model it belongs to and where to get it.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} was not found; it is {what}: {where}, then give the folder or file that holds it."
        )
    return path


def file_hash(*paths: Path) -> str:
    """Sixteen hexadecimal digits of the contents."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def numeric_arrays(path: Path, *required: str, optional: tuple[str, ...] = ()) -> dict[str, ndarray]:
    """The named numeric arrays of a .mat file (version 7.2 or older); everything else in it is left unread.

    Raises:
        ValueError: when the file is unreadable, or an array is missing or not numeric.
    """
    try:
        content = read_mat(path, variable_names=[*required, *optional])
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a .mat file ({error}); fetch it again.") from error
    arrays = {}
    for key in (*required, *optional):
        value = content.get(key)
        if value is None and key in optional:
            continue
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
            raise ValueError(f"{path} holds no numeric array {key!r}; expected {', '.join(required)}.")
        arrays[key] = value
    return arrays


def interleaved(columns: ndarray, what: str) -> ndarray:
    """[3v, k] or [3v] with rows x0 y0 z0 x1 ... to [k, v, 3] or [v, 3].

    Raises:
        ValueError: when the number of rows is no multiple of three.
    """
    columns = np.asarray(columns, dtype=np.float64)
    if columns.shape[0] % 3:
        raise ValueError(f"{what} has {columns.shape[0]} rows, which is no multiple of three; the file is damaged.")
    if columns.ndim == 1:
        return columns.reshape(-1, 3)
    return columns.T.reshape(columns.shape[1], -1, 3)
