"""Arrays in numpy's files, read to the last byte: a header that asks for less than there is does not pass."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def read_archive(path: Path, names: Iterable[str], optional: Iterable[str] = ()) -> dict[str, np.ndarray]:
    """The named arrays of an .npz file, checked against its checksums; optional ones are left out where they are not
    there. Pickled objects are refused.

    Raises ValueError with the reason in a few words when the file is damaged or lacks a name, OSError.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            there = set(archive.namelist())
            wanted = [*names, *(name for name in optional if f"{name}.npy" in there)]
            missing = [name for name in wanted if f"{name}.npy" not in there]
            if missing:
                raise ValueError(f"it has no array {missing[0]}")
            return {name: array_of(archive.read(f"{name}.npy")) for name in wanted}
    except (OSError, ValueError):
        raise
    except Exception as error:  # zipfile, zlib and numpy's parser of headers each have their own
        reason = str(error).splitlines()[0] if str(error) else "cut short"
        raise ValueError(f"{type(error).__name__}: {reason}") from None


def read_array(path: Path) -> np.ndarray:
    """The array of an .npy file. Raises as `read_archive` does."""
    return array_of(path.read_bytes())


def array_of(content: bytes) -> np.ndarray:
    """The array in the bytes of an .npy file. Raises ValueError when it is damaged, cut short or too long."""
    stream = io.BytesIO(content)
    try:
        array = np.lib.format.read_array(stream, allow_pickle=False)
    except Exception as error:  # a damaged header is Python source that can fail in any way
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"a broken array: {reason}") from None
    left = len(content) - stream.tell()
    if left:
        raise ValueError(f"an array with {left} bytes too many")
    return array
